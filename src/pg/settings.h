// The settings (GUCs) of vecx. Defined once, when the library is loaded.

#pragma once

namespace vecx::pg {

void DefineSettings();

}  // namespace vecx::pg
