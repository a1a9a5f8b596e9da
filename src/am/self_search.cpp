// Searches for rows by their own values; see the header.

#include "am/self_search.h"

namespace vecx {

bool IsFoundByOwnValue(Relation index, Relation table, Snapshot snapshot, Datum value,
                       ItemPointer row, double apart) {
    constexpr int kDepth = 10;
    constexpr double kEqual = 1e-6;
    const IndexAmRoutine *method = index->rd_indam;
    ScanKeyData key = {};
    key.sk_attno = 1;
    key.sk_argument = value;
    IndexScanDesc scan = method->ambeginscan(index, 0, 1);
    scan->heapRelation = table;
    scan->xs_snapshot = snapshot;
    method->amrescan(scan, nullptr, 0, &key, 1);
    bool found = false;
    int seen = 0;
    double last = 0;
    for (; seen < kDepth && !found && method->amgettuple(scan, ForwardScanDirection); seen++) {
        last = DatumGetFloat8(scan->xs_orderbyvals[0]);
        found = ItemPointerEquals(&scan->xs_heaptid, row) || (seen == 0 && last <= kEqual);
    }
    if (!found && seen == kDepth) found = last <= apart;
    method->amendscan(scan);
    IndexScanEnd(scan);
    return found;
}

}  // namespace vecx
