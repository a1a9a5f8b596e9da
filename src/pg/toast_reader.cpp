// See toast_reader.h.

#include "pg/toast_reader.h"

namespace vecx::pg {
namespace {

int32 ChunkCount(int32 size) { return (size - 1) / TOAST_MAX_CHUNK_SIZE + 1; }

int32 ChunkSize(int32 size, int32 chunk) {
    return std::min<int32>(TOAST_MAX_CHUNK_SIZE, size - chunk * TOAST_MAX_CHUNK_SIZE);
}

struct Chunk {
    Oid value;
    int32 number;
    const char *data;
    Size size;
};

// The columns of a TOAST table are (oid, int4, bytea), none of them NULL, the last one never
// compressed. False if the tuple is anything else.
bool ReadChunk(const HeapTupleData &tuple, Chunk *chunk) {
    constexpr Size kFixed = sizeof(Oid) + sizeof(int32);
    const HeapTupleHeader header = tuple.t_data;
    if ((header->t_infomask & HEAP_HASNULL) != 0 || HeapTupleHeaderGetNatts(header) != 3 ||
        tuple.t_len < header->t_hoff + kFixed + VARHDRSZ)
        return false;
    const char *columns = reinterpret_cast<const char *>(header) + header->t_hoff;
    memcpy(&chunk->value, columns, sizeof(Oid));
    memcpy(&chunk->number, columns + sizeof(Oid), sizeof(int32));
    const char *data = columns + kFixed;
    if (VARATT_IS_EXTERNAL(data) || VARATT_IS_COMPRESSED(data)) return false;
    chunk->data = VARDATA_ANY(data);
    chunk->size = VARSIZE_ANY_EXHDR(data);
    return header->t_hoff + kFixed + VARSIZE_ANY(data) <= tuple.t_len;
}

}  // namespace

varlena *ToastReader::Fetch(const varatt_external &pointer) {
    Assert(!VARATT_EXTERNAL_IS_COMPRESSED(pointer));
    const int32 size = VARATT_EXTERNAL_GET_EXTSIZE(pointer);
    auto *value = static_cast<varlena *>(palloc(size + VARHDRSZ));
    SET_VARSIZE(value, size + VARHDRSZ);
    const Relation relation = table_open(pointer.va_toastrelid, AccessShareLock);
    if (relation_ == pointer.va_toastrelid && FetchBehindLast(relation, pointer, VARDATA(value))) {
        misses_ = 0;
    } else {
        misses_++;
        relation_ = InvalidOid;
        FetchByIndex(relation, pointer, VARDATA(value));
    }
    table_close(relation, AccessShareLock);
    return value;
}

// Pins the block after that of `place` if it lies in a neighbouring buffer, before its first item.
bool ToastReader::ReadNextBlock(Relation relation, Place *place) {
    const Buffer current = place->buffer;
    place->block++;
    place->offset = InvalidOffsetNumber;
    for (const Buffer neighbor : {current + 1, current - 1}) {
        if (neighbor < 1 || neighbor > NBuffers) continue;
        place->buffer = neighbor;
        if (ReadRecentBuffer(RelationFile(relation), MAIN_FORKNUM, place->block, neighbor))
            return true;
    }
    return false;
}

// Reads chunk after chunk from the place behind the last one: the next line pointer, or the first
// of the next block. Leaves `last_` at the last chunk of the value.
bool ToastReader::FetchBehindLast(Relation relation, const varatt_external &pointer, char *out) {
    const int32 size = VARATT_EXTERNAL_GET_EXTSIZE(pointer);
    const int32 chunks = ChunkCount(size);
    SnapshotData toast_snapshot;
    const Snapshot snapshot = ToastSnapshot(&toast_snapshot);

    Place place = last_;
    if (!ReadRecentBuffer(RelationFile(relation), MAIN_FORKNUM, place.block, place.buffer))
        return false;
    LockBuffer(place.buffer, BUFFER_LOCK_SHARE);
    int32 number = 0;
    while (number < chunks) {
        const Page page = BufferGetPage(place.buffer);
        place.offset++;
        if (place.offset > PageGetMaxOffsetNumber(page)) {
            if (place.offset == FirstOffsetNumber) break;  // an empty page
            UnlockReleaseBuffer(place.buffer);
            if (!ReadNextBlock(relation, &place)) return false;
            LockBuffer(place.buffer, BUFFER_LOCK_SHARE);
            continue;
        }
        const ItemId item = PageGetItemId(page, place.offset);
        if (!ItemIdIsNormal(item)) break;
        HeapTupleData tuple;
        tuple.t_data = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
        tuple.t_len = ItemIdGetLength(item);
        tuple.t_tableOid = RelationGetRelid(relation);
        ItemPointerSet(&tuple.t_self, place.block, place.offset);
        Chunk chunk;
        if (!ReadChunk(tuple, &chunk) || chunk.value != pointer.va_valueid ||
            chunk.number != number || chunk.size != ChunkSize(size, number) ||
            !HeapTupleSatisfiesVisibility(&tuple, snapshot, place.buffer))
            break;
        read_ahead_.Visit(chunk.data, chunk.size);
        memcpy(out + number * TOAST_MAX_CHUNK_SIZE, chunk.data, chunk.size);
        number++;
    }
    UnlockReleaseBuffer(place.buffer);
    if (number < chunks) return false;
    last_ = place;
    return true;
}

// As heap_fetch_toast_slice() does it, but it tells where the last chunk was.
void ToastReader::FetchByIndex(Relation relation, const varatt_external &pointer, char *out) {
    const int32 size = VARATT_EXTERNAL_GET_EXTSIZE(pointer);
    const int32 chunks = ChunkCount(size);
    const auto refuse = [&](const char *what, int32 number) {
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
                        errmsg("%s chunk number %d for toast value %u in %s", what, number,
                               pointer.va_valueid, RelationGetRelationName(relation))));
    };

    Relation *indexes;
    int index_count;
    const int valid = toast_open_indexes(relation, AccessShareLock, &indexes, &index_count);
    ScanKeyData key;
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(pointer.va_valueid));
    SnapshotData toast_snapshot;
    const SysScanDesc scan = systable_beginscan_ordered(relation, indexes[valid],
                                                        ToastSnapshot(&toast_snapshot), 1, &key);
    int32 number = 0;
    ItemPointerData last = {};
    while (const HeapTuple tuple = systable_getnext_ordered(scan, ForwardScanDirection)) {
        Chunk chunk;
        if (!ReadChunk(*tuple, &chunk) || chunk.number != number || number >= chunks ||
            chunk.size != ChunkSize(size, number))
            refuse("unexpected", number);
        memcpy(out + number * TOAST_MAX_CHUNK_SIZE, chunk.data, chunk.size);
        last = tuple->t_self;
        number++;
    }
    if (number != chunks) refuse("missing", number);
    systable_endscan_ordered(scan);
    toast_close_indexes(indexes, index_count, AccessShareLock);

    // Values that come in another order than they were stored make every look vain: then look
    // rarely. Temporary tables are in local buffers, which have no neighbours worth asking.
    const bool worth_a_look = misses_ < kPatience || misses_ % kRetry == 0;
    if (!worth_a_look || RelationUsesLocalBuffers(relation)) return;
    last_ = {InvalidBuffer, ItemPointerGetBlockNumber(&last), ItemPointerGetOffsetNumber(&last)};
    last_.buffer = ReadBuffer(relation, last_.block);
    ReleaseBuffer(last_.buffer);
    relation_ = pointer.va_toastrelid;
}

}  // namespace vecx::pg
