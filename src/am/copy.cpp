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

// Also where the nearest float is 0.
float RoundedUp(double value) {
    const auto nearest = static_cast<float>(value);
    return nearest < value ? std::nextafter(nearest, std::numeric_limits<float>::infinity())
                           : nearest;
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
    // The largest floats must not be rounded up to infinity.
    const float most = scale < 0x1p113f ? std::numeric_limits<float>::infinity() : 0x1.ffcp14f;
    auto *halves = reinterpret_cast<uint16_t *>(copy + sizeof(CopyHeader));
    const Kernels &kernels = ActiveKernels();
    double error = 0;
    constexpr int kPart = 256;
    float scaled[kPart], stored[kPart];
    for (int from = 0; from < n; from += kPart) {
        const int count = std::min(kPart, n - from);
        for (int i = 0; i < count; i++)
            scaled[i] = std::clamp(values[from + i] / scale, -most, most);
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
    const CopyHeader header = {scale, RoundedUp((sums ? error : std::sqrt(error)) * 1.0001), hash};
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

// Of the operator's distance from a value: `distance` is that from the copy, which lost `error`,
// and which lies in the query's scratch.
DistanceRange RangeAround(const CopyFormat &format, const CopyQuery &query, double distance,
                          double error) {
    constexpr DistanceRange kAnything = {-std::numeric_limits<double>::infinity(),
                                         std::numeric_limits<double>::infinity()};
    if (!std::isfinite(distance)) return kAnything;
    const int n = format.dimensions;
    constexpr double kLargest = std::numeric_limits<float>::max();
    // What the operator's products and sums, and the copy's elements, lose below the smallest
    // float.
    const double vanished = n * kSmallestFloat;
    double around, overflow = kLargest;
    switch (format.opclass.metric) {
        case Metric::kL2:
            around = error + kRounding * distance + 3 * std::sqrt(vanished);
            overflow = std::sqrt(kLargest);
            break;
        case Metric::kL1:
            around = error + kRounding * distance + vanished;
            break;
        case Metric::kInnerProduct: {
            const double norm = Norm(query.scratch, n);
            // A sum may overflow on the way to a small product.
            if (!(query.norm * (norm + error) < kLargest / 2)) return kAnything;
            around = query.norm * (error + kRounding * norm + vanished) + 2 * vanished;
            break;
        }
        default: {
            const double norm = Norm(query.scratch, n);
            if (!HasUsualSquare(norm - error, n) || !HasUsualSquare(norm + error, n) ||
                !HasUsualSquare(query.norm, n))
                return kAnything;
            around = 2 * error / norm + kRounding;
        }
    }
    // The operator may give infinity where the copy's distance is not yet that large.
    const double high = distance + around;
    return {distance - around, high < overflow ? high : kAnything.high};
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

bool HasUsualSquare(double length, int n) {
    // Far beyond what ordinary vectors have.
    constexpr double kLongest = 1e19;
    constexpr double kUnnoticed = kRounding / 100;
    return length < kLongest && length > 0 && length * length > n * kSmallestFloat / kUnnoticed;
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
    return RangeAround(format, query, distance, header.error);
}

double DistanceFromCopy(const CopyFormat &format, const char *copy) {
    CopyHeader header;
    memcpy(&header, copy, sizeof(header));
    if (header.error == 0 || format.opclass.metric != Metric::kCosine) return header.error;
    auto *values = static_cast<float *>(palloc(format.dimensions * sizeof(float)));
    DecodeCopy(format, copy, values);
    const double norm = Norm(values, format.dimensions);
    pfree(values);
    return norm > 0 ? 2 * header.error / norm : 2;
}

Datum ValueOfCopy(const CopyFormat &format, const char *copy) {
    const int n = format.dimensions;
    const bool is_half = format.opclass.element == ElementType::kHalf;
    const Size bytes = offsetof(Vector, values) + n * (is_half ? sizeof(Half) : sizeof(float));
    auto *vector = static_cast<Vector *>(palloc0(bytes));
    SET_VARSIZE(vector, bytes);
    vector->dimensions = static_cast<int16>(n);
    CopyHeader header;
    memcpy(&header, copy, sizeof(header));
    const char *elements = copy + sizeof(CopyHeader);
    const bool half_copy = format.kind == CopyKind::kHalf;
    if (is_half && half_copy) {
        memcpy(vector->values, elements, n * sizeof(Half));
    } else if (is_half) {
        ActiveKernels().float_to_half(elements, reinterpret_cast<uint16_t *>(vector->values), n);
    } else if (half_copy) {
        ActiveKernels().half_to_float(elements, vector->values, n);
        for (int i = 0; i < n; i++) vector->values[i] *= header.scale;
    } else {
        memcpy(vector->values, elements, n * sizeof(float));
    }
    return PointerGetDatum(vector);
}

}  // namespace vecx
