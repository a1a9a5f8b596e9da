// Values and their stored forms; see the header.

#include "am/hnsw/node_vector.h"

#include "types/bit.h"
#include "types/check.h"
#include "types/vector.h"

namespace vecx::hnsw {
namespace {

// Beyond this length squares of floats would overflow.
constexpr double kLongest = 1e15;

// Whether the operator's distances from vectors of that length are what the graph's are, but for
// rounding.
bool HasUsualLength(const Graph &graph, double norm) {
    if (norm > kLongest) return false;
    return graph.opclass.metric != Metric::kCosine || HasUsualSquare(norm, graph.dimensions);
}

// The coordinates as the graph measures them.
void MakeCoordinates(const Graph &graph, const float *values, double norm, float *out) {
    const int n = graph.dimensions;
    if (graph.opclass.metric == Metric::kCosine) {
        const double inverse = norm > 0 ? 1 / norm : 0;
        for (int i = 0; i < n; i++) out[i] = static_cast<float>(values[i] * inverse);
        return;
    }
    if (norm <= kLongest) {
        memcpy(out, values, n * sizeof(float));
        return;
    }
    const double factor = kLongest / norm;
    for (int i = 0; i < n; i++) out[i] = static_cast<float>(values[i] * factor);
}

bool ReadSparseVector(const Graph &graph, const SparseList &list, NodeVector *out) {
    CheckSameDimensions<SparseVector>(graph.dimensions, list.dimensions);
    if (list.count > kMaxSparseElements)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("sparsevec cannot have more than %d non-zero elements for %s index",
                               kMaxSparseElements, "hnsw")));
    const SparseHeader header = {list.count, 0};
    const Size part = list.count * sizeof(int32);
    char *at = out->copy + sizeof(header);
    memset(out->copy, 0, out->copy_bytes);
    memcpy(out->copy, &header, sizeof(header));
    memcpy(at, list.indices, part);
    memcpy(at + part, list.values, part);
    return graph.opclass.metric != Metric::kCosine || OwnNorm(graph.shape, out->copy) > 0;
}

// The own vector of a graph of node codes. False if the value is not indexed.
bool ReadOwnVector(const Graph &graph, Datum value, NodeVector *out) {
    if (graph.shape.codec == Codec::kBits) {
        const BitView view = ViewBits(pg_detoast_datum_packed(RawValue(value)));
        CheckSameLength(static_cast<uint32>(graph.dimensions), view.length);
        memcpy(out->copy, view.bytes, view.Bytes());
        return true;
    }
    if (graph.shape.codec == Codec::kSparse) return ReadSparseVector(graph, ReadSparse(value), out);
    const Elements elements = ReadElements(graph.opclass, graph.dimensions, value);
    WriteDenseCopy(graph.Copies(), elements, out->copy);
    return graph.opclass.metric != Metric::kCosine ||
           Norm(elements.floats, elements.dimensions) > 0;
}

// The operator's distance between own vectors that are the values themselves.
double SparseDistance(const Graph &graph, const void *a, const void *b) {
    const SparseList x = SparseListOf(graph.shape, a), y = SparseListOf(graph.shape, b);
    switch (graph.opclass.metric) {
        case Metric::kL2:
            return L2(SparseL2Squared(x, y));
        case Metric::kInnerProduct:
            return -static_cast<double>(SparseInnerProduct(x, y));
        case Metric::kL1:
            return SparseL1(x, y);
        default:
            return 1 - CosineSimilarity({SparseInnerProduct(x, y), OwnNorm(graph.shape, a),
                                         OwnNorm(graph.shape, b)});
    }
}

double BitDistance(const Graph &graph, const void *a, const void *b) {
    const BitKernels &kernels = ActiveKernels().bits;
    const int n = graph.shape.own_bytes;
    return graph.opclass.metric == Metric::kHamming ? static_cast<double>(kernels.hamming(a, b, n))
                                                    : JaccardDistance(kernels.overlap(a, b, n));
}

}  // namespace

float AugmentingCoordinate(double longest, double norm) {
    return norm < longest ? static_cast<float>(std::sqrt(longest * longest - norm * norm)) : 0;
}

NodeVector NewNodeVector(const Graph &graph) {
    const int n = graph.dimensions;
    if (!graph.shape.HasEdgeCodes())
        return {nullptr, false, 0, static_cast<char *>(palloc0(MostOwnBytes(graph.shape))),
                MostOwnBytes(graph.shape)};
    const int bytes = static_cast<int>(sizeof(CopyHeader)) + n * graph.CopyElementBytes();
    return {static_cast<float *>(palloc(graph.shape.dimensions * sizeof(float))), false, 0,
            static_cast<char *>(palloc0(bytes)), bytes};
}

bool ReadNodeVector(const Graph &graph, Datum value, NodeVector *out) {
    if (!graph.shape.HasEdgeCodes()) return ReadOwnVector(graph, value, out);
    const Elements elements = ReadElements(graph.opclass, graph.dimensions, value);
    const int n = elements.dimensions;
    const double norm = Norm(elements.floats, n);
    if (graph.opclass.metric == Metric::kCosine && norm == 0) return false;
    MakeCoordinates(graph, elements.floats, norm, out->coordinates);
    out->shortened = !HasUsualLength(graph, norm);
    if (IsInnerProduct(graph.opclass)) {
        const double length = std::min(norm, kLongest), longest = graph.shape.longest;
        out->coordinates[n] = AugmentingCoordinate(longest, length);
        out->excess = static_cast<float>(std::max(0.0, length * length - longest * longest));
    }
    for (int i = 0; i < graph.shape.dimensions; i++) out->coordinates[i] -= graph.centre[i];
    WriteDenseCopy(graph.Copies(), elements, out->copy);
    return true;
}

float IndexedLength(const Graph &graph, Datum value) {
    if (graph.shape.codec == Codec::kSparse) {
        NodeVector vector = NewNodeVector(graph);
        ReadSparseVector(graph, ReadSparse(value), &vector);
        return std::sqrt(OwnNorm(graph.shape, vector.copy));
    }
    const Elements elements = ReadElements(graph.opclass, graph.dimensions, value);
    return static_cast<float>(std::min(Norm(elements.floats, elements.dimensions), kLongest));
}

QueryVector NewQueryVector(const Graph &graph) {
    QueryVector query = {};
    if (!graph.shape.HasEdgeCodes()) {
        query.own = NewNodeVector(graph);
        query.table_memory =
            reinterpret_cast<void *>(TYPEALIGN(64, palloc0(QueryBytes(graph.shape) + 64)));
        if (graph.shape.codec == Codec::kBits || graph.shape.codec == Codec::kSparse) return query;
        query.scratch = static_cast<float *>(palloc0(graph.dimensions * sizeof(float)));
        query.elements = palloc0(graph.dimensions * sizeof(float));
        return query;
    }
    query.rotated = static_cast<float *>(palloc(graph.shape.padded * sizeof(float)));
    query.table_memory =
        reinterpret_cast<void *>(TYPEALIGN(64, palloc(QueryBytes(graph.shape) + 64)));
    query.scratch = static_cast<float *>(palloc(graph.shape.dimensions * sizeof(float)));
    query.elements = palloc(graph.dimensions * sizeof(float));
    return query;
}

void ReadQueryVector(const Graph &graph, Datum value, QueryVector *out) {
    out->is_zero = false;
    if (!graph.shape.HasEdgeCodes()) ReadOwnVector(graph, value, &out->own);
    if (graph.shape.codec == Codec::kBits || graph.shape.codec == Codec::kSparse) return;
    const Elements elements = ReadElements(graph.opclass, graph.dimensions, value);
    const int n = elements.dimensions;
    const bool halves = elements.halves != nullptr;
    memcpy(const_cast<void *>(out->elements),
           halves ? elements.halves : reinterpret_cast<const char *>(elements.floats),
           n * (halves ? sizeof(Half) : sizeof(float)));
    out->norm = Norm(elements.floats, n);
    if (!graph.shape.HasEdgeCodes()) return;
    MakeCoordinates(graph, elements.floats, out->norm, out->scratch);
    out->factor = 1;
    if (IsInnerProduct(graph.opclass)) {
        // Here the query is a direction. The codes tell products best apart where it is as long as
        // the points.
        if (graph.shape.longest > 0 && out->norm > 0 && out->norm <= kLongest)
            out->factor = graph.shape.longest / out->norm;
        for (int i = 0; i < n; i++)
            out->scratch[i] = static_cast<float>(out->scratch[i] * out->factor);
        out->scratch[n] = 0;
    }
    graph.rotation.Apply(out->scratch, graph.centre, out->rotated);
}

void ReadNullQuery(const Graph &graph, QueryVector *out) {
    out->is_zero = true;
    if (!graph.shape.HasEdgeCodes()) return;
    memset(const_cast<void *>(out->elements), 0, graph.dimensions * sizeof(float));
    memset(out->rotated, 0, graph.shape.padded * sizeof(float));
    out->norm = 0;
    out->factor = 1;
}

GraphQuery GraphQueryOf(const Graph &graph, const QueryVector &query) {
    if (graph.shape.HasEdgeCodes())
        return PrepareQuery(graph.shape, query.rotated, IsInnerProduct(graph.opclass),
                            query.table_memory);
    Sq8View own = {};
    own.codes = reinterpret_cast<const uint8_t *>(query.own.copy);
    own.norm = OwnNorm(graph.shape, own.codes);
    return PrepareNodeQuery(graph.shape, own, IsInnerProduct(graph.opclass), query.table_memory);
}

DistanceRange RangeOfExpansion(const Graph &graph, const QueryVector &query,
                               const Sq8Query &quantized, float distance, float key, float error) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (query.is_zero) return {0, 0};
    // Rounding errors point anywhere, whatever the query: in the direction that counts there is
    // 1 / sqrt(dimensions) of them. Six times that does not happen.
    const double part = std::min(1.0, 6 / std::sqrt(static_cast<double>(graph.shape.padded)));
    const double lost = part * static_cast<double>(error);
    if (!std::isfinite(lost) || !std::isfinite(distance) || !HasUsualLength(graph, query.norm))
        return {-kInfinity, kInfinity};
    // Of the graph's sums and the operator's, below the smallest float.
    const double vanished = 8 * graph.shape.padded * kSmallestFloat;
    // The distance is |q|^2 + |y|^2 - 2 <q', y> in floats. So what the query's integers q' have
    // lost counts with the length of y, be the distance as small as it may.
    const double root = std::sqrt(distance);
    const double product_error = part * quantized.error * (std::sqrt(quantized.norm) + root);
    if (graph.opclass.metric == Metric::kInnerProduct) {
        // |q - y|^2 = |q|^2 + longest^2 + excess - 2 <q, y>
        const double squares = query.norm * query.norm * query.factor * query.factor +
                               static_cast<double>(graph.shape.longest) * graph.shape.longest;
        const double middle = (key - squares) / 2;
        const double around =
            (root + lost / 2) * lost + product_error +
            kRounding * (1 + part) * (squares + quantized.norm + distance + std::fabs(key)) +
            vanished;
        return {(middle - around) / query.factor - vanished,
                (middle + around) / query.factor + vanished};
    }
    const double square_error =
        kRounding * (quantized.norm + distance) + 2 * product_error + vanished;
    const double low = std::max(0.0, std::sqrt(std::max(0.0, distance - square_error)) - lost);
    const double high = std::sqrt(distance + square_error) + lost;
    if (graph.opclass.metric == Metric::kL2) return {low, high};
    return {low * low / 2 - kRounding, high * high / 2 + kRounding};
}

DistanceRange RangeOfCopy(const Graph &graph, const QueryVector &query, const char *copy) {
    if (query.is_zero) return {0, 0};
    if (graph.shape.codec == Codec::kBits) {
        const double distance = BitDistance(graph, copy, query.own.copy);
        return {distance, distance};
    }
    if (graph.shape.codec == Codec::kSparse) {
        const double distance = Ordered(SparseDistance(graph, copy, query.own.copy));
        return {distance, distance};
    }
    return RangeOfDenseCopy(graph.Copies(), query, copy);
}

}  // namespace vecx::hnsw
