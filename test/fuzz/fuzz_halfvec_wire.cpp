// libFuzzer target: any bytes as the binary form of a halfvec. Run by test/fuzz/run.

#include "fuzz_dense_wire.h"

namespace {

vecx::Half Read(const uint8_t *bytes) { return {vecx::fuzz::BigEndian16(bytes)}; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace vecx;
    const fuzz::DenseWire<Half, decltype(&Read), decltype(&HalfToFloat),
                          decltype(&EncodeHalfElements)>
        wire = {Read, HalfToFloat, EncodeHalfElements};
    wire.CheckMessage(data, size);
    return 0;
}
