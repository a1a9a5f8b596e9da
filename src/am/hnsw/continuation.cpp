// Long own vectors; see the header.

#include "am/hnsw/continuation.h"

#include "am/hnsw/free_space.h"
#include "core/node_codec.h"

#include "store/log.h"

namespace vecx::hnsw {
namespace {

ContinuationRecord *RecordAt(const Graph &graph, char *content, NodeId id) {
    return reinterpret_cast<ContinuationRecord *>(graph.RecordAt(content, id));
}

// Whether the page has that slot as a part of a chain.
bool HoldsPart(const Graph &graph, const store::PageRef &page, NodeLink link) {
    if (page.fresh) return false;
    const ContinuationRecord *record = RecordAt(graph, page.content, link.id);
    return record->kind == SlotKind::kContinuation && record->generation == link.generation;
}

// Also keeps a chain that leads nowhere, in a damaged index, from being followed.
bool Exists(Relation index, const Graph &graph, NodeLink link) {
    return link.id < graph.known_nodes ||
           link.id < graph.layout.NodesWithin(RelationGetNumberOfBlocks(index));
}

NodeLink WritePart(Relation index, const Graph &graph, const char *rest, int bytes, NodeLink next) {
    FreeSlot slot = TakeFreeSlot(index, graph);
    store::PageEdit edit(index);
    char *content =
        slot.page.fresh ? edit.Fresh(slot.page, store::PageKind::kNodes) : edit.Change(slot.page);
    ContinuationRecord *record = RecordAt(graph, content, slot.id);
    memset(record, 0, graph.shape.size);
    FillContinuation(graph.shape, reinterpret_cast<char *>(record), rest, bytes);
    record->generation = slot.generation;
    record->next = next.id;
    record->next_generation = next.generation;
    record->written_xid = U64FromFullTransactionId(ReadNextFullTransactionId());
    edit.Commit();
    store::Close(slot.page);
    return {slot.id, slot.generation};
}

}  // namespace

int FillContinuation(const RecordShape &shape, char *slot, const char *rest, int bytes) {
    auto *record = reinterpret_cast<ContinuationRecord *>(slot);
    const int here = std::min(bytes, shape.ContinuationBytes());
    record->kind = SlotKind::kContinuation;
    record->next = kNoNode;
    memcpy(record->Bytes(), rest, here);
    return here;
}

// From the end to the beginning, since each part knows the next.
NodeLink WriteContinuation(Relation index, const Graph &graph, const char *rest, int bytes) {
    const int room = graph.shape.ContinuationBytes();
    NodeLink next = kNoLink;
    for (int part = (bytes - 1) / room; part >= 0; part--)
        next =
            WritePart(index, graph, rest + part * room, std::min(room, bytes - part * room), next);
    return next;
}

bool ReadContinuation(Relation index, const Graph &graph, NodeLink first, char *own) {
    const int whole = OwnBytesOf(graph.shape, own);
    if (whole > MostOwnBytes(graph.shape)) return false;
    NodeLink link = first;
    for (int at = graph.shape.own_bytes; at < whole;) {
        if (!link || !Exists(index, graph, link)) return false;
        const int here = std::min(whole - at, graph.shape.ContinuationBytes());
        store::PageRef page =
            store::OpenShared(index, graph.layout.NodeBlock(link.id), store::PageKind::kNodes);
        const bool found = HoldsPart(graph, page, link);
        NodeLink next = kNoLink;
        if (found) {
            const ContinuationRecord *record = RecordAt(graph, page.content, link.id);
            memcpy(own + at, record->Bytes(), here);
            next = record->Next();
        }
        store::Close(page);
        if (!found) return false;
        at += here;
        link = next;
    }
    return true;
}

void FreeContinuation(Relation index, const Graph &graph, NodeLink first) {
    NodeLink link = first;
    while (link && Exists(index, graph, link)) {
        CHECK_FOR_INTERRUPTS();
        store::PageRef page =
            store::OpenExclusive(index, graph.layout.NodeBlock(link.id), store::PageKind::kNodes);
        NodeLink next = kNoLink;
        int free = 0;
        if (HoldsPart(graph, page, link)) {
            store::PageEdit edit(index);
            ContinuationRecord *record = RecordAt(graph, edit.Change(page), link.id);
            next = record->Next();
            memset(record, 0, graph.shape.size);
            record->kind = SlotKind::kFree;
            record->generation = static_cast<uint8_t>(link.generation + 1);
            edit.Commit();
            free = CountFreeSlots(graph, page);
        }
        store::Close(page);
        if (free > 0) RecordFreeSlots(index, graph, graph.layout.NodeBlock(link.id), free);
        link = next;
    }
}

}  // namespace vecx::hnsw
