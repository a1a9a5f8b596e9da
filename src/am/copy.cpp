// Full-precision copies; see the header.

#include "am/copy.h"

#include "core/half.h"
#include "core/hash.h"
#include "types/vector.h"

namespace vecx {
namespace {

constexpr float kLargestHalf = 65504;

void CheckDimensions(const OperatorClass &opclass, int expected, int dimensions) {
    if (dimensions == expected) return;
    ereport(ERROR,
            (errcode(ERRCODE_DATA_EXCEPTION),
             errmsg("different %s dimensions %d and %d", opclass.type_name, expected, dimensions)));
}

// `sums`: the error is to be that of the L1 distance.
void WriteHalfCopy(const float *values, int n, bool sums, char *copy) {
    float largest = 0;
    for (int i = 0; i < n; i++) largest = std::max(largest, std::fabs(values[i]));
    // Halves have room for 2^15 and lose digits below 2^-14: vectors beyond that, or wholly far
    // below it, are stored as multiples of a power of two.
    float scale = 1;
    if (largest > kLargestHalf || (largest < 0x1p-6f && largest > 0))
        scale = std::exp2(static_cast<float>(std::max(std::ilogb(largest) - 14, -126)));
    auto *halves = reinterpret_cast<uint16_t *>(copy + sizeof(CopyHeader));
    const Kernels &kernels = ActiveKernels();
    double error = 0;
    constexpr int kPart = 256;
    float scaled[kPart], stored[kPart];
    for (int from = 0; from < n; from += kPart) {
        const int count = std::min(kPart, n - from);
        for (int i = 0; i < count; i++) scaled[i] = values[from + i] / scale;
        kernels.float_to_half(scaled, halves + from, count);
        kernels.half_to_float(halves + from, stored, count);
        for (int i = 0; i < count; i++) {
            const double lost = static_cast<double>(values[from + i]) -
                                static_cast<double>(stored[i]) * static_cast<double>(scale);
            error += sums ? std::fabs(lost) : lost * lost;
        }
    }
    // All of the hash's bits depend on all of the value's.
    const auto hash =
        error > 0 ? static_cast<uint32_t>(HashBytes(values, static_cast<size_t>(n) * sizeof(float)))
                  : 0;
    const CopyHeader header = {
        scale, static_cast<float>((sums ? error : std::sqrt(error)) * 1.0001), hash};
    memcpy(copy, &header, sizeof(header));
}

double OperatorDistance(const CopyFormat &format, const DistanceKernels &kernels, const void *a,
                        const void *b) {
    const int n = format.dimensions;
    switch (format.opclass.metric) {
        case Metric::kL2:
            return L2(kernels.l2_squared(a, b, n));
        case Metric::kInnerProduct:
            return -static_cast<double>(kernels.inner_product(a, b, n));
        case Metric::kL1:
            return kernels.l1(a, b, n);
        default:
            return 1 - CosineSimilarity(kernels.cosine(a, b, n));
    }
}

}  // namespace

Elements ReadElements(const OperatorClass &opclass, int dimensions, Datum value) {
    if (opclass.element == ElementType::kHalf) {
        const DenseView<Half> view = ReadDense<Half>(value);
        CheckDimensions(opclass, dimensions, view.dimensions);
        return {Floats(view), view.values, view.dimensions};
    }
    const DenseView<float> view = ReadDense<float>(value);
    CheckDimensions(opclass, dimensions, view.dimensions);
    return {Floats(view), nullptr, view.dimensions};
}

double Norm(const float *values, int n) {
    return std::sqrt(ActiveKernels().f32.squared_norm(values, n));
}

void WriteDenseCopy(const CopyFormat &format, const Elements &elements, char *copy) {
    const int n = elements.dimensions;
    const CopyHeader exact = {1, 0, 0};
    memcpy(copy, &exact, sizeof(exact));
    char *copied = copy + sizeof(CopyHeader);
    if (format.kind == CopyKind::kFloat)
        memcpy(copied, elements.floats, n * sizeof(float));
    else if (elements.halves != nullptr)
        memcpy(copied, elements.halves, n * sizeof(Half));
    else
        WriteHalfCopy(elements.floats, n, format.opclass.metric == Metric::kL1, copy);
}

void DecodeCopy(const CopyFormat &format, const char *copy, float *out) {
    CopyHeader header;
    memcpy(&header, copy, sizeof(header));
    const char *stored = copy + sizeof(header);
    if (format.kind == CopyKind::kFloat) {
        memcpy(out, stored, format.dimensions * sizeof(float));
        return;
    }
    ActiveKernels().half_to_float(stored, out, format.dimensions);
    if (header.scale != 1)
        for (int i = 0; i < format.dimensions; i++) out[i] *= header.scale;
}

DistanceRange RangeOfDenseCopy(const CopyFormat &format, const CopyQuery &query, const char *copy) {
    const int n = format.dimensions;
    CopyHeader header;
    memcpy(&header, copy, sizeof(header));
    const char *stored = copy + sizeof(CopyHeader);
    const Kernels &kernels = ActiveKernels();
    double distance;
    if (format.opclass.element == ElementType::kHalf) {
        // The copy is exact; a float copy of a halfvec is turned back into what it was.
        const void *halves = stored;
        if (format.kind == CopyKind::kFloat) {
            kernels.float_to_half(stored, reinterpret_cast<uint16_t *>(query.scratch), n);
            halves = query.scratch;
        }
        distance = OperatorDistance(format, kernels.f16, halves, query.elements);
    } else if (format.kind == CopyKind::kFloat) {
        distance = OperatorDistance(format, kernels.f32, stored, query.elements);
    } else {
        DecodeCopy(format, copy, query.scratch);
        distance = OperatorDistance(format, kernels.f32, query.scratch, query.elements);
    }
    distance = Ordered(distance);
    if (header.error == 0) return {distance, distance};
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (!std::isfinite(distance)) return {-kInfinity, kInfinity};
    // What overflows is at least this large; infinities would cancel to NaN.
    constexpr double kLargest = std::numeric_limits<float>::max();
    const double overflow = format.opclass.metric == Metric::kL2 ? std::sqrt(kLargest) : kLargest;
    double around;
    switch (format.opclass.metric) {
        case Metric::kL2:
        case Metric::kL1:
            around = header.error + kRounding * std::min(distance, overflow);
            break;
        case Metric::kInnerProduct:
            around = query.norm * (header.error + kRounding * Norm(query.scratch, n));
            break;
        default: {
            const double norm = Norm(query.scratch, n);
            around = (norm > 0 ? 2 * header.error / norm : 2) + kRounding;
        }
    }
    if (!std::isfinite(around) || around < 0) around = std::numeric_limits<double>::infinity();
    return {std::min(distance, overflow) - around, std::max(distance, -overflow) + around};
}

}  // namespace vecx
