// libFuzzer target: any bytes as the text of a halfvec. Run by test/fuzz/run.

#include "fuzz_dense_text.h"

namespace {

// Rounded by arithmetic instead of by bits: halves are the multiples of a power of two.
vecx::Half RoundToHalf(float value) {
    int exponent;
    std::frexp(value, &exponent);  // value < 2^exponent
    const float unit = std::ldexp(1.0f, std::max(exponent - 11, -24));
    const float multiple = std::nearbyint(value / unit);  // ties to even
    const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    float magnitude = std::fabs(multiple * unit);
    if (magnitude == 0) return {sign};
    if (magnitude < 0x1p-14f)
        return {static_cast<uint16_t>(sign | static_cast<uint16_t>(magnitude * 0x1p24f))};
    std::frexp(magnitude, &exponent);
    magnitude = std::ldexp(magnitude, 11 - exponent) - 1024;  // the mantissa
    return {static_cast<uint16_t>(sign | (exponent + 14) << 10 | static_cast<uint16_t>(magnitude))};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace vecx;
    fuzz::CheckDenseText<Half>(
        data, size, ParseHalfVector, [](float value) { return std::fabs(value) < 65520; },
        RoundToHalf, HalfToFloat);
    return 0;
}
