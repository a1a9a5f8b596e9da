// What the interface of index access methods cannot ask of the planner.

#pragma once

namespace vecx::planner {

// Once, when the library is loaded.
void InstallHooks();

}  // namespace vecx::planner
