// Looks for damage in an hnsw index, see the header: the order of the checks, and what is said.

#include "am/hnsw/checker.h"

namespace vecx::hnsw {
void Checker::Report(Severity severity, NodeId id, const char *format, ...) {
    va_list values;
    va_start(values, format);
    findings_->ReportList(severity, graph_->layout.NodeBlock(id), graph_->layout.NodeSlot(id),
                          format, values);
    va_end(values);
}

void Checker::Error(NodeId id, const char *format, ...) {
    va_list values;
    va_start(values, format);
    findings_->ReportList(Severity::kError, graph_->layout.NodeBlock(id),
                          graph_->layout.NodeSlot(id), format, values);
    va_end(values);
}

void Checker::Say(Severity severity, const char *format, ...) {
    va_list values;
    va_start(values, format);
    findings_->ReportList(severity, InvalidBlockNumber, kNoSlot, format, values);
    va_end(values);
}

void Checker::Run() {
    page_ = static_cast<char *>(palloc(store::kPageCapacity));
    bad_blocks_ = static_cast<uint8 *>(AllocateLarge(blocks_ / 8 + 1));
    if (!CheckMeta()) return;
    record_ = static_cast<char *>(palloc(shape().size));
    row_context_ =
        AllocSetContextCreate(CurrentMemoryContext, "vecx_check row", ALLOCSET_DEFAULT_SIZES);
    nodes_ = graph_->layout.NodesWithin(blocks_);
    CheckOtherPages();
    constexpr Size kPerNode = sizeof(SlotState) + sizeof(NodeId) + 1;
    const bool links = nodes_ * kPerNode <= static_cast<Size>(maintenance_work_mem) * 1024;
    if (links) {
        states_ = static_cast<SlotState *>(AllocateLarge((nodes_ + 1) * sizeof(SlotState)));
        queue_ = static_cast<NodeId *>(AllocateLarge((nodes_ + 1) * sizeof(NodeId)));
        chained_ = static_cast<uint8 *>(AllocateLarge(nodes_ / 8 + 1));
        reached_ = static_cast<uint8 *>(AllocateLarge(nodes_ / 8 + 1));
    } else {
        Say(Severity::kInfo, "links are not checked: maintenance_work_mem is too small for them");
    }
    ReadSlots();
    if (links) {
        CheckLinks();
        CheckEntry();
        CheckReach();
    }
    CheckRowsUnique();
    if (options_.heap_all_indexed) CheckTable();
    Refresh();
    if (options_.sample > 0) CheckSearches();
}

void CheckIndex(Relation index, Relation table, Snapshot snapshot, const CheckOptions &options,
                Findings *findings) {
    Checker checker(index, table, snapshot, options, findings);
    checker.Run();
}

}  // namespace vecx::hnsw
