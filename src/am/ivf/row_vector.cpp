// Values and their stored forms; see the header.

#include "am/ivf/row_vector.h"

#include "types/bit.h"
#include "types/vector.h"

namespace vecx::ivf {
namespace {

// Beyond this length squares of floats would overflow.
constexpr double kLongest = 1e15;

BitView ReadBits(int dimensions, Datum value) {
    const BitView view = ViewBits(pg_detoast_datum_packed(RawValue(value)));
    CheckSameLength(static_cast<uint32>(dimensions), view.length);
    return view;
}

void BitsToFloats(const char *bytes, int count, float *out) {
    for (int i = 0; i < count; i++)
        out[i] = static_cast<uint8_t>(bytes[i / 8]) >> (7 - i % 8) & 1 ? 1.0f : 0.0f;
}

// What is longer than squares allow is brought to the length that they do: it is then no farther
// from anything than it was.
void Measure(Metric metric, const float *values, int n, double norm, float *out) {
    double factor = 1;
    if (metric == Metric::kCosine)
        factor = norm > 0 ? 1 / norm : 0;
    else if (norm > kLongest)
        factor = kLongest / norm;
    if (factor == 1) {
        memcpy(out, values, n * sizeof(float));
        return;
    }
    for (int i = 0; i < n; i++) out[i] = static_cast<float>(values[i] * factor);
}

// Whether what is computed of coordinates holds for the value.
bool IsUsual(Metric metric, const float *values, int n, double norm) {
    // What is brought nearer is no farther from anything than it was.
    if (metric == Metric::kL2) return norm <= kLongest;
    if (metric == Metric::kCosine) return HasUsualSquare(norm, n);
    return norm <= kLongest &&
           (HasUsualSquare(norm, n) ||
            std::all_of(values, values + n, [](float value) { return value == 0; }));
}

// Whether bounds decide which rows are compared. Elsewhere codes of coordinates are the best there
// is.
bool GoesByBounds(const Lists &lists) {
    return lists.shape.quantizer == ListQuantizer::kSq8 ||
           (lists.shape.quantizer == ListQuantizer::kRabitq && lists.HasVectors());
}

}  // namespace

bool ReadRaw(const ValueFormat &format, Datum value, char *raw) {
    const int n = format.dimensions;
    if (IsOfBits(format.opclass)) {
        const BitView view = ReadBits(n, value);
        memcpy(raw, view.bytes, view.Bytes());
        return true;
    }
    const Elements elements = ReadElements(format.opclass, n, value);
    memcpy(raw, elements.floats, n * sizeof(float));
    return format.opclass.metric != Metric::kCosine || Norm(elements.floats, n) > 0;
}

void MakeCoordinates(const ValueFormat &format, const char *raw, float *out) noexcept {
    if (IsOfBits(format.opclass)) return BitsToFloats(raw, format.dimensions, out);
    const auto *values = reinterpret_cast<const float *>(raw);
    Measure(format.opclass.metric, values, format.dimensions, Norm(values, format.dimensions), out);
}

bool HasUnknownCode(const Lists &lists, const char *raw) noexcept {
    const auto *values = reinterpret_cast<const float *>(raw);
    return lists.IsSpherical() && GoesByBounds(lists) &&
           !IsUsual(lists.opclass.metric, values, lists.dimensions, Norm(values, lists.dimensions));
}

void MakeCopy(const ValueFormat &format, const char *raw, char *out) noexcept {
    const CopyFormat copies = format.Copies();
    const auto *values = reinterpret_cast<const float *>(raw);
    if (format.opclass.element != ElementType::kHalf || copies.kind != CopyKind::kHalf)
        return WriteDenseCopy(copies, {values, nullptr, format.dimensions}, out);
    // They were halves, and are again.
    const CopyHeader exact = {1, 0, 0};
    memcpy(out, &exact, sizeof(exact));
    ActiveKernels().float_to_half(values, reinterpret_cast<uint16_t *>(out + sizeof(exact)),
                                  format.dimensions);
}

QueryVector NewQueryVector(const Lists &lists) {
    const Size bytes = lists.dimensions * sizeof(float);
    QueryVector query = {};
    query.elements = palloc0(bytes);
    query.scratch = static_cast<float *>(palloc0(bytes));
    query.coordinates = static_cast<float *>(palloc0(bytes));
    return query;
}

void ReadQueryVector(const Lists &lists, Datum value, QueryVector *out) {
    const int n = lists.dimensions;
    out->is_zero = false;
    if (IsOfBits(lists.opclass)) {
        const BitView view = ReadBits(n, value);
        BitsToFloats(view.bytes, n, out->coordinates);
        memcpy(const_cast<void *>(out->elements), view.bytes, view.Bytes());
        return;
    }
    const Elements elements = ReadElements(lists.opclass, n, value);
    const bool halves = elements.halves != nullptr;
    memcpy(const_cast<void *>(out->elements),
           halves ? elements.halves : reinterpret_cast<const char *>(elements.floats),
           n * (halves ? sizeof(Half) : sizeof(float)));
    out->norm = Norm(elements.floats, n);
    out->is_extreme =
        (out->norm > kLongest && lists.opclass.metric != Metric::kCosine) ||
        (GoesByBounds(lists) && !IsUsual(lists.opclass.metric, elements.floats, n, out->norm));
    Measure(lists.opclass.metric, elements.floats, n, out->norm, out->coordinates);
}

void ReadNullQuery(QueryVector *out) { out->is_zero = true; }

}  // namespace vecx::ivf
