// The cost of a scan, called by the planner for each path through an index of ours.
//
// A search costs its whole work before the first row, and has found ef_search rows then; every row
// beyond those costs much more, since the search has to go on. The planner knows two numbers only,
// the cost of the start and that of all rows, and takes the share of the difference that it expects
// to read. So the total is such that this share is right for the rows that LIMIT asks for, as many
// more as a filter throws away: very selective filters go elsewhere.
//
// Pages: PostgreSQL lets the upper pages of a B-tree cost CPU only, being in cache, and a search
// goes through this graph again and again as if it were all upper pages. So a page costs its
// access, and a read from disk only for the share of index and tables that is too much for
// effective_cache_size.

#include "am/cost.h"

#include "am/hnsw/hnsw.h"
#include "am/ivf/ivf.h"
#include "am/options.h"
#include "pg/settings.h"

namespace vecx {
namespace {

// In units of cpu_operator_cost, as those of types/cost.cpp.
constexpr double kSearch = 16000;          // rotation, tables, entries; keeps small tables exact
constexpr double kPage = 50;               // an access in cache, as for PostgreSQL's B-trees
constexpr double kExpansion = 40;          // a node and its batch of edges, without the codes
constexpr double kCodeByte = 1.0 / 400;    // of the codes of a node's neighbors
constexpr double kRerank = 10;             // a full-precision copy, without its elements
constexpr double kRerankByte = 1.0 / 400;  // of it

// Nodes that a search expands: kBase + kPerEfSearch * ef_search + kPerDoubling * log2(N), and
// copies that it reads before the first row. Pages of the index that EXPLAIN (ANALYZE, BUFFERS)
// counts, less the ten rows of LIMIT 10: 38/43/53/79/115/177 at ef_search 10/20/40/100/200/400 for
// 60,000 x 784 of Fashion-MNIST, 40/49/65/103/158/252 for 100,000 x 128 of photo-sift.
constexpr double kBase = 4;
constexpr double kPerEfSearch = 0.55;
constexpr double kPerDoubling = 1.4;
constexpr double kReranked = 10;
constexpr double kPerEfSearchOfNodes = 1;  // with node codes, where a pool has each node once

// For each row beyond those of the first search: the scan looks at more nodes than it gives rows,
// in steps that grow, and keeps all candidates that it meets. By measurement on Fashion-MNIST.
constexpr double kExpansionsPerRow = 4.5;
constexpr double kFrontier = 300;  // CPU for the candidates of one node

// Where the metapage is not to be had.
constexpr double kUnknownDimensions = 768;
constexpr double kUnknownBits = 1;

constexpr double kLeastCost = 1e-6;  // whatever the cost settings are

struct Graph {
    double elements;   // at least 1
    double expansion;  // CPU for one node
    double expansion_pages;
    double rerank;  // CPU for one copy
    double rerank_pages;
    double per_ef_search;
    int ef_search;
};

Graph GraphOf(const IndexOptInfo *info) {
    HnswOptions options = {};
    hnsw::CostInputs inputs = {};
    bool known = false;
    // An index that only a planner extension knows has no file and no relation.
    if (!info->hypothetical) {
        const Relation index = index_open(info->indexoid, NoLock);  // the planner holds one
        options = HnswOptionsOf(index);
        known = hnsw::ReadCostInputs(index, &inputs);
        index_close(index, NoLock);
    }
    const double dimensions =
        known && inputs.dimensions > 0 ? inputs.dimensions : kUnknownDimensions;
    const double bits = known && inputs.code_bits > 0 ? inputs.code_bits : kUnknownBits;
    const double edges = known && inputs.edges > 0 ? inputs.edges : 2.0 * std::max(options.m, 16);

    Graph graph;
    graph.elements = info->tuples > 0 ? info->tuples : known ? inputs.rows_hint : 0;
    graph.elements = std::max(graph.elements, 1.0);
    graph.expansion = kExpansion + kCodeByte * edges * dimensions * bits / BITS_PER_BYTE;
    graph.expansion_pages = known ? std::max(inputs.pages_per_node, 1.0) : 1;
    graph.rerank = kRerank + kRerankByte * dimensions * sizeof(float);
    graph.rerank_pages = known ? std::max(inputs.rerank_pages, 0.0) : 1;
    graph.per_ef_search = graph.rerank_pages > 0 ? kPerEfSearch : kPerEfSearchOfNodes;
    graph.ef_search = pg::EffectiveEfSearch(options.ef_search);
    return graph;
}

// Rows of the index, of `rows`, that the query will ask for: as LIMIT says, and as many more as its
// filters throw away. What is joined is taken to have one row for each, before its own filters.
double RowsWanted(const PlannerInfo *root, const IndexOptInfo *info, double rows) {
    if (root->limit_tuples <= 0) return rows;
    double kept = std::min(info->rel->rows / rows, 1.0);
    for (int i = 1; i < root->simple_rel_array_size; i++) {
        const RelOptInfo *other = root->simple_rel_array[i];
        if (other != nullptr && other != info->rel && other->reloptkind == RELOPT_BASEREL &&
            other->tuples > 0)
            kept *= std::min(other->rows / other->tuples, 1.0);
    }
    return std::clamp(root->limit_tuples / std::max(kept, 1 / rows), 1.0, rows);
}

// What one access to a page of the index costs on average, of `accesses` in each of `loops` scans.
Cost PageCost(PlannerInfo *root, const IndexOptInfo *info, double accesses, double loops) {
    const double pages = std::max<double>(info->pages, 1);
    const double used = std::max(root->total_table_pages, 0.0) + pages;
    const double missing = std::max(0.0, 1 - effective_cache_size / used);
    double random_page;
    get_tablespace_page_costs(info->reltablespace, &random_page, nullptr);
    // Pages that are read once and used again within the scan or the next one.
    const double all = std::max(accesses, 1.0) * std::max(loops, 1.0);
    const double read = index_pages_fetched(all, static_cast<BlockNumber>(pages), pages, root);
    return kPage * cpu_operator_cost + missing * random_page * std::min(read / all, 1.0);
}

ScanCost NeverThisWay(IndexPath *path) {
#if PG_VERSION_NUM >= 180000
    // Infinity alone is not the last choice any more: first counts how many nodes are disabled.
    path->path.disabled_nodes = 2;
#else
    static_cast<void>(path);
#endif
    // Above whatever a plan costs with all kinds of scans disabled. Infinite costs would be
    // subtracted from each other, and what is not a number compares as equal to all others.
    constexpr Cost kNever = 1e100;
    return {kNever, kNever, 0, 0, 0};
}

}  // namespace

ScanCost EstimateHnswCost(PlannerInfo *root, IndexPath *path, double loop_count) {
    // The graph gives rows by one distance and in no other way; PostgreSQL takes every access
    // method with an order for able to order by several.
    if (list_length(path->indexorderbys) != 1) return NeverThisWay(path);

    // Selectivity, of the predicate of a partial index too, and the rows that go with it.
    GenericCosts generic = {};
    genericcostestimate(root, path, loop_count, &generic);

    const IndexOptInfo *info = path->indexinfo;
    const Graph graph = GraphOf(info);
    const double n = graph.elements;
    const double expanded =
        std::min(n, kBase + graph.per_ef_search * graph.ef_search + kPerDoubling * std::log2(n));
    const double reranked = std::min(n, kReranked);
    const double accesses = expanded * graph.expansion_pages + reranked * graph.rerank_pages;

    const Cost page = PageCost(root, info, accesses, loop_count);
    const Cost expansion = graph.expansion * cpu_operator_cost + graph.expansion_pages * page;
    const Cost rerank = graph.rerank * cpu_operator_cost + graph.rerank_pages * page;

    const double rows = std::max(generic.numIndexTuples, 1.0);
    const Cost startup = kSearch * cpu_operator_cost + expanded * expansion + reranked * rerank +
                         index_other_operands_eval_cost(root, path->indexorderbys);
    const Cost going_on = kExpansionsPerRow * (expansion + kFrontier * cpu_operator_cost);
    const double wanted = RowsWanted(root, info, rows);
    const double beyond = std::max(0.0, wanted - graph.ef_search) / wanted;
    const Cost per_row = beyond * going_on + rerank + cpu_index_tuple_cost;

    ScanCost cost;
    cost.startup = std::max(startup, kLeastCost);
    cost.total = cost.startup + std::max(rows * per_row, kLeastCost);
    cost.selectivity = generic.indexSelectivity;
    cost.correlation = 0;
    cost.pages = generic.numIndexPages;
    return cost;
}

namespace {

struct InvertedLists {
    double elements;  // at least 1
    double lists;
    double probes;
    double dimensions;
    double code_bytes;
    double copy_bytes;
};

InvertedLists ListsOf(const IndexOptInfo *info) {
    ivf::CostInputs inputs = {};
    bool known = false;
    double probes = 1;
    // An index that only a planner extension knows has no file and no relation.
    if (!info->hypothetical) {
        const Relation index = index_open(info->indexoid, NoLock);  // the planner holds one
        known = ivf::ReadCostInputs(index, &inputs);
        const uint32_t lists =
            known ? inputs.lists : static_cast<uint32_t>(std::max(IvfOptionsOf(index).lists, 1));
        inputs.lists = lists;
        probes = ivf::ProbesOf(index, ivf::MethodOf(index), lists);
        index_close(index, NoLock);
    }
    InvertedLists lists;
    lists.elements = std::max(info->tuples, 1.0);
    lists.lists = std::max<double>(inputs.lists, 1);
    lists.probes = probes;
    lists.dimensions = known ? inputs.dimensions : kUnknownDimensions;
    lists.code_bytes = known ? inputs.code_bytes : kUnknownDimensions;
    lists.copy_bytes = known ? inputs.copy_bytes : 2 * kUnknownDimensions;
    return lists;
}

}  // namespace

ScanCost EstimateIvfCost(PlannerInfo *root, IndexPath *path, double loop_count) {
    if (list_length(path->indexorderbys) != 1) return NeverThisWay(path);
    GenericCosts generic = {};
    genericcostestimate(root, path, loop_count, &generic);

    // Beside what codes and copies are charged by their bytes.
    constexpr double kCentroid = 2;
    constexpr double kRow = 1;
    constexpr double kRerankedRows = 40;

    const IndexOptInfo *info = path->indexinfo;
    const InvertedLists lists = ListsOf(info);
    const double visited = lists.elements * std::min(1.0, lists.probes / lists.lists);
    const double reranked = lists.copy_bytes > 0 ? std::min(visited, kRerankedRows) : 0;
    const double centroid_bytes = lists.dimensions * sizeof(float);
    const double pages = (lists.lists * centroid_bytes + visited * lists.code_bytes) / BLCKSZ;
    const double accesses = pages + lists.probes + reranked;

    const Cost page = PageCost(root, info, accesses, loop_count);
    const Cost row = (kRow + kCodeByte * lists.code_bytes) * cpu_operator_cost +
                     page * lists.code_bytes / BLCKSZ;
    const Cost rerank = (kRerank + kRerankByte * lists.copy_bytes) * cpu_operator_cost + page;

    const double rows = std::max(generic.numIndexTuples, 1.0);
    const Cost startup =
        kSearch * cpu_operator_cost +
        lists.lists * (kCentroid + kRerankByte * centroid_bytes) * cpu_operator_cost +
        page * (lists.lists * centroid_bytes / BLCKSZ + lists.probes) + visited * row +
        reranked * rerank + index_other_operands_eval_cost(root, path->indexorderbys);

    ScanCost cost;
    cost.startup = std::max(startup, kLeastCost);
    // Rows beyond those of the first lists come from further lists.
    cost.total = cost.startup + std::max(rows * (rerank + cpu_index_tuple_cost) +
                                             std::max(0.0, rows - visited) * row,
                                         kLeastCost);
    cost.selectivity = generic.indexSelectivity;
    cost.correlation = 0;
    cost.pages = generic.numIndexPages;
    return cost;
}

}  // namespace vecx
