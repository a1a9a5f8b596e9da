// What a distance costs the planner: a support function of the distance functions.
//
// One call is not one "operator": it reads the whole vector, and one that lies out of line is
// fetched from the TOAST table first. Without this, PostgreSQL would think 1,536 dimensions as
// cheap as an integer comparison, evaluate distances before cheap filters, and shun parallel plans.
//
// A superuser may attach the function to any function, so nothing is assumed about the arguments.

#include "types/vector.h"

#include "pg/guard.h"

namespace vecx {
namespace {

// In units of cpu_operator_cost, fitted to sequential scans (docs/benchmarks.md): a call, a byte of
// the vector, fetching a value from the TOAST table, a byte of it.
constexpr double kCall = 2;
constexpr double kByte = 1.0 / 400;
constexpr double kFetch = 60;
constexpr double kFetchedByte = 1.0 / 100;

constexpr double kUnknownBytes = 2048;

struct Operand {
    double bytes;  // 0: unknown
    bool fetched;  // comes from the TOAST table
};

// A column: its average width, if it was ANALYZEd, else what its type modifier says. A value goes
// out of line when its row would not fit otherwise, unless the column forbids it; the statistics
// then know only the width of the TOAST pointer.
Operand ColumnOperand(PlannerInfo *root, const Var *column, double bytes_per_dimension) {
    // Set operations make columns of relation 0.
    if (root == nullptr || column->varlevelsup != 0 || static_cast<int>(column->varno) < 1 ||
        static_cast<int>(column->varno) > list_length(root->parse->rtable))
        return {};
    const auto *entry =
        static_cast<RangeTblEntry *>(list_nth(root->parse->rtable, column->varno - 1));
    if (entry->rtekind != RTE_RELATION || column->varattno <= 0) return {};
    const HeapTuple tuple =
        SearchSysCache2(ATTNUM, ObjectIdGetDatum(entry->relid), Int16GetDatum(column->varattno));
    if (!HeapTupleIsValid(tuple)) return {};
    const char storage = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple))->attstorage;
    ReleaseSysCache(tuple);

    const double declared = bytes_per_dimension * std::max<int32>(column->vartypmod, 0);
    const int32 width = get_attavgwidth(entry->relid, column->varattno);
    const bool may_leave = storage != TYPSTORAGE_PLAIN && storage != TYPSTORAGE_MAIN;
    if (may_leave && (declared > TOAST_TUPLE_THRESHOLD ||
                      (declared == 0 && width == static_cast<int32>(TOAST_POINTER_SIZE))))
        return {declared > 0 ? declared : kUnknownBytes, true};
    return {width > 0 ? width : declared, false};
}

Operand Examine(PlannerInfo *root, Node *node, double bytes_per_dimension) {
    if (IsA(node, Const)) {
        const auto *constant = castNode(Const, node);
        if (constant->constisnull || constant->constbyval || constant->constlen != -1) return {};
        return {static_cast<double>(VARSIZE_ANY(DatumGetPointer(constant->constvalue))), false};
    }
    if (IsA(node, Var)) return ColumnOperand(root, castNode(Var, node), bytes_per_dimension);
    return {};
}

void EstimateCost(SupportRequestCost *request, double bytes_per_dimension) {
    List *operands = NIL;
    if (request->node != nullptr && IsA(request->node, FuncExpr))
        operands = castNode(FuncExpr, request->node)->args;
    else if (request->node != nullptr && IsA(request->node, OpExpr))
        operands = castNode(OpExpr, request->node)->args;

    double bytes = 0;
    double units = kCall;
    ListCell *cell;
    foreach (cell, operands) {
        const Operand operand =
            Examine(request->root, static_cast<Node *>(lfirst(cell)), bytes_per_dimension);
        bytes = std::max(bytes, operand.bytes);
        if (operand.fetched) units += kFetch + operand.bytes * kFetchedByte;
    }
    units += (bytes > 0 ? bytes : kUnknownBytes) * kByte;
    request->startup = 0;
    request->per_tuple = units * cpu_operator_cost;
}

Datum Support(FunctionCallInfo fcinfo, double bytes_per_dimension) {
    auto *request = reinterpret_cast<Node *>(PG_GETARG_POINTER(0));
    if (!IsA(request, SupportRequestCost)) PG_RETURN_POINTER(nullptr);
    EstimateCost(reinterpret_cast<SupportRequestCost *>(request), bytes_per_dimension);
    PG_RETURN_POINTER(request);
}

}  // namespace

VECX_FUNCTION(vecx_vector_distance_support) { return Support(fcinfo, sizeof(float)); }
VECX_FUNCTION(vecx_halfvec_distance_support) { return Support(fcinfo, sizeof(Half)); }
// The dimensions of a sparsevec say nothing about its size.
VECX_FUNCTION(vecx_sparsevec_distance_support) { return Support(fcinfo, 0); }
VECX_FUNCTION(vecx_bit_distance_support) { return Support(fcinfo, 1.0 / BITS_PER_BYTE); }

}  // namespace vecx
