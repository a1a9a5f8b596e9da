// Ranks lists by their centroids; see the header.

#include "am/ivf/list_ranking.h"

#include "am/ivf/list_pages.h"

namespace vecx::ivf {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// By its key.
RankedList Rank(const Lists &lists, uint32_t list, const CentroidHeader &header, float key) {
    float order = key;
    if (lists.opclass.metric == Metric::kCosine) {
        order = header.norm > 0 ? key / std::sqrt(header.norm) : 0;
        key = 1 + order;
    }
    if (std::isnan(order)) order = kInfinity;
    return {order, key, header.norm, list, header.head, true};
}

// By its code.
RankedList RankByCode(const Lists &lists, const Sq8Query &query, uint32_t list) {
    // Of sums in floats, in units of what is summed up.
    constexpr float kRounding = 1e-5f;
    const CentroidCode &code = lists.centroids.heads[list];
    const Sq8Parameters &of = code.parameters;
    const Sq8View view = {lists.centroids.CodesOf(list), of.scale, of.offset, of.sum, of.norm};
    const float product = Sq8InnerProduct(query, view, lists.centroids.padded);
    RankedList ranked = {0, 0, code.header.norm, list, code.header.head, false};
    if (lists.IsSpherical()) {
        const float length = std::sqrt(query.norm) + query.error, code_length = std::sqrt(of.norm);
        float error = query.error * code_length + length * of.error;
        error += kRounding * length * (code_length + of.error);
        ranked.order = -product - error;
        ranked.key = -product + error;
        if (lists.opclass.metric == Metric::kCosine) {
            const float norm = ranked.norm > 0 ? std::sqrt(ranked.norm) : kInfinity;
            ranked.order /= norm;
            ranked.key /= norm;
        }
    } else {
        const float sum = query.norm + of.norm, square = sum - 2 * product,
                    error = query.error + of.error;
        const float low = std::sqrt(std::max(0.0f, square - kRounding * sum)) - error;
        const float high = std::sqrt(std::max(0.0f, square) + kRounding * sum) + error;
        ranked.order = low > 0 ? low * low * (1 - kRounding) : 0;
        ranked.key = high * high * (1 + kRounding);
    }
    if (!std::isfinite(ranked.order) || !std::isfinite(ranked.key)) {
        ranked.order = -kInfinity;
        ranked.key = kInfinity;
    }
    return ranked;
}

void FillCentroidCodes(Relation index, const Lists &lists) {
    const CentroidCodes &centroids = lists.centroids;
    ForEachCentroid(
        index, lists, [&](uint32_t list, const CentroidHeader &header, const float *floats) {
            centroids.heads[list] = {
                header,
                EncodeSq8(floats, static_cast<size_t>(lists.dimensions), centroids.CodesOf(list))};
        });
    centroids.filled = true;
}

bool HasUsefulCodes(const Lists &lists, const QueryVector &query) {
    return lists.centroids.heads != nullptr && !query.is_zero && !query.is_extreme;
}

// Makes all those known that may be among the nearest `count` of the rest.
void KnowNearest(Relation index, const Lists &lists, const QueryVector &query, uint32_t count,
                 ListRanking *ranking) {
    RankedList *begin = ranking->lists + ranking->sorted, *end = ranking->lists + ranking->count;
    const auto rest = static_cast<Size>(end - begin);
    auto *highs =
        static_cast<float *>(MemoryContextAllocHuge(CurrentMemoryContext, rest * sizeof(float)));
    for (Size i = 0; i < rest; i++) highs[i] = begin[i].known ? begin[i].order : begin[i].key;
    std::nth_element(highs, highs + (count - 1), highs + rest);
    const float limit = highs[count - 1];
    pfree(highs);
    for (RankedList *of = begin; of < end; of++) {
        if (of->known || of->order > limit) continue;
        CHECK_FOR_INTERRUPTS();
        CentroidHeader header;
        const float key = KeyOfList(index, lists, of->list, query.coordinates, &header);
        *of = Rank(lists, of->list, header, key);
    }
}

}  // namespace

ListRanking RankLists(Relation index, const Lists &lists, const QueryVector &query) {
    ListRanking ranking = {};
    ranking.count = lists.set.lists;
    ranking.lists = static_cast<RankedList *>(
        MemoryContextAllocHuge(CurrentMemoryContext, ranking.count * sizeof(RankedList)));
    if (!HasUsefulCodes(lists, query)) {
        ForEachKey(index, lists, query.coordinates,
                   [&](uint32_t list, const CentroidHeader &header, float key, const float *) {
                       ranking.lists[list] = Rank(lists, list, header, key);
                   });
        return ranking;
    }
    ranking.by_codes = true;
    if (!lists.centroids.filled) FillCentroidCodes(index, lists);
    const auto padded = lists.centroids.padded;
    auto *coordinates = static_cast<float *>(palloc0(padded * sizeof(float)));
    memcpy(coordinates, query.coordinates, lists.dimensions * sizeof(float));
    auto *values = static_cast<int16_t *>(palloc(padded * sizeof(int16_t)));
    const Sq8Query prepared = PrepareSq8Query(coordinates, padded, values);
    for (uint32_t list = 0; list < ranking.count; list++)
        ranking.lists[list] = RankByCode(lists, prepared, list);
    pfree(coordinates);
    pfree(values);
    return ranking;
}

void SortLists(Relation index, const Lists &lists, const QueryVector &query, uint32_t count,
               ListRanking *ranking) {
    if (count <= ranking->sorted) return;
    if (ranking->by_codes) KnowNearest(index, lists, query, count - ranking->sorted, ranking);
    const auto nearer = [](const RankedList &a, const RankedList &b) {
        if (a.order != b.order) return a.order < b.order;
        return a.list < b.list;
    };
    RankedList *begin = ranking->lists + ranking->sorted, *until = ranking->lists + count,
               *end = ranking->lists + ranking->count;
    // By a heap, few of many are picked faster.
    constexpr int kFewOf = 16;
    if (until - begin <= (end - begin) / kFewOf) {
        std::partial_sort(begin, until, end, nearer);
    } else {
        if (until < end) std::nth_element(begin, until, end, nearer);
        std::sort(begin, until, nearer);
    }
    ranking->sorted = count;
}

}  // namespace vecx::ivf
