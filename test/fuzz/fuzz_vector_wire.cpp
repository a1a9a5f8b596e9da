// libFuzzer target: any bytes as the binary form of a vector. Run by test/fuzz/run.

#include "fuzz_dense_wire.h"

namespace {

float Read(const uint8_t *bytes) { return std::bit_cast<float>(vecx::fuzz::BigEndian32(bytes)); }

float ToFloat(float value) { return value; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace vecx;
    const fuzz::DenseWire<float, decltype(&Read), decltype(&ToFloat), decltype(&EncodeElements)>
        wire = {Read, ToFloat, EncodeElements};
    wire.CheckMessage(data, size);
    return 0;
}
