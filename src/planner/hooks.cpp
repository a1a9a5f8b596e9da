// Spares `SELECT id FROM items ORDER BY embedding <-> $1 LIMIT 10` the computation of distances
// that nobody sees.
//
// The planner puts what is sorted by into the target list of the scan, as a junk column, so the
// executor reads each row's vector, often out of line, and computes the distance, although the rows
// come in order already. That takes longer than the search of the index. Where the column cannot be
// seen from above it is replaced by NULL.
//
// The statement that makes a session load the library may be planned before the hook is there. It
// computes the column; its rows are the same.

#include "planner/hooks.h"

#include "am/am.h"

#include "pg/pg.h"

namespace vecx::planner {
namespace {

planner_hook_type next_planner = nullptr;

// Is the index one of ours? Told by the handler of its access method: names can be anyone's.
bool IsOurs(Oid index) {
    HeapTuple relation = SearchSysCache1(RELOID, ObjectIdGetDatum(index));
    if (!HeapTupleIsValid(relation)) return false;
    const Oid method = reinterpret_cast<Form_pg_class>(GETSTRUCT(relation))->relam;
    ReleaseSysCache(relation);
    HeapTuple tuple = SearchSysCache1(AMOID, ObjectIdGetDatum(method));
    if (!HeapTupleIsValid(tuple)) return false;
    const Oid handler = reinterpret_cast<Form_pg_am>(GETSTRUCT(tuple))->amhandler;
    ReleaseSysCache(tuple);
    FmgrInfo function;
    fmgr_info(handler, &function);
    return function.fn_addr == vecx_hnsw_handler || function.fn_addr == vecx_ivfflat_handler ||
           function.fn_addr == vecx_ivfpq_handler;
}

// `scan` is all that is below the top of a query level, but for a limit: its junk columns are seen
// by no one.
void ForgetSortColumns(Plan *scan) {
    if (scan == nullptr || !IsA(scan, IndexScan)) return;
    auto *index_scan = reinterpret_cast<IndexScan *>(scan);
    if (index_scan->indexorderbyorig == NIL || !IsOurs(index_scan->indexid)) return;
    ListCell *cell;
    foreach (cell, scan->targetlist) {
        auto *entry = static_cast<TargetEntry *>(lfirst(cell));
        if (!entry->resjunk || !list_member(index_scan->indexorderbyorig, entry->expr)) continue;
        Node *expression = reinterpret_cast<Node *>(entry->expr);
        entry->expr = reinterpret_cast<Expr *>(
            makeNullConst(exprType(expression), exprTypmod(expression), exprCollation(expression)));
    }
}

void Walk(Plan *plan);

void WalkAll(List *plans) {
    ListCell *cell;
    foreach (cell, plans) Walk(static_cast<Plan *>(lfirst(cell)));
}

void Walk(Plan *plan) {
    if (plan == nullptr) return;
    check_stack_depth();
    // A limit is the last step of a query level. WITH TIES compares the sort columns.
    if (IsA(plan, Limit) && reinterpret_cast<Limit *>(plan)->limitOption == LIMIT_OPTION_COUNT)
        ForgetSortColumns(plan->lefttree);
    Walk(plan->lefttree);
    Walk(plan->righttree);
    if (IsA(plan, SubqueryScan)) Walk(reinterpret_cast<SubqueryScan *>(plan)->subplan);
    if (IsA(plan, Append)) WalkAll(reinterpret_cast<Append *>(plan)->appendplans);
    if (IsA(plan, MergeAppend)) WalkAll(reinterpret_cast<MergeAppend *>(plan)->mergeplans);
}

PlannedStmt *PlanStatement(Query *parse, const char *query_string, int cursor_options,
                           ParamListInfo parameters) {
    PlannedStmt *statement =
        next_planner != nullptr ? next_planner(parse, query_string, cursor_options, parameters)
                                : standard_planner(parse, query_string, cursor_options, parameters);
    ForgetSortColumns(statement->planTree);
    Walk(statement->planTree);
    WalkAll(statement->subplans);
    return statement;
}

}  // namespace

void InstallHooks() {
    next_planner = planner_hook;
    planner_hook = PlanStatement;
}

}  // namespace vecx::planner
