// libFuzzer target: any bytes as the text of a vector. Run by test/fuzz/run.

#include "fuzz_dense_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace vecx;
    fuzz::CheckDenseText<float>(
        data, size, ParseVector, [](float) { return true; }, [](float value) { return value; },
        [](float value) { return value; });
    return 0;
}
