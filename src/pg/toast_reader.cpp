// See toast_reader.h.

#include "pg/toast_reader.h"

namespace vecx::pg {
namespace {

int32 ChunkCount(int32 size) { return (size - 1) / TOAST_MAX_CHUNK_SIZE + 1; }

int32 ChunkSize(int32 size, int32 chunk) {
    return std::min<int32>(TOAST_MAX_CHUNK_SIZE, size - chunk * TOAST_MAX_CHUNK_SIZE);
}

// If the tuple is chunk `number` of the value, its data; otherwise nullptr. The columns of a TOAST
// table are (oid, int4, bytea), none of them NULL, the last one never compressed.
const char *ChunkData(const HeapTupleData &tuple, const varatt_external &pointer, int32 number) {
    constexpr Size kFixed = sizeof(Oid) + sizeof(int32);
    const HeapTupleHeader header = tuple.t_data;
    if (tuple.t_len < SizeofHeapTupleHeader || (header->t_infomask & HEAP_HASNULL) != 0 ||
        HeapTupleHeaderGetNatts(header) != 3 || tuple.t_len < header->t_hoff + kFixed + VARHDRSZ)
        return nullptr;
    const char *columns = reinterpret_cast<const char *>(header) + header->t_hoff;
    Oid id;
    int32 stored_number;
    memcpy(&id, columns, sizeof(id));
    memcpy(&stored_number, columns + sizeof(id), sizeof(stored_number));
    const char *data = columns + kFixed;
    const int32 size = VARATT_EXTERNAL_GET_EXTSIZE(pointer);
    if (id != pointer.va_valueid || stored_number != number || VARATT_IS_EXTERNAL(data) ||
        VARATT_IS_COMPRESSED(data) || tuple.t_len < header->t_hoff + kFixed + VARSIZE_ANY(data) ||
        VARSIZE_ANY_EXHDR(data) != static_cast<Size>(ChunkSize(size, number)))
        return nullptr;
    return VARDATA_ANY(data);
}

bool IsLive(const HeapTupleHeader header) {
    if ((header->t_infomask & HEAP_XMAX_INVALID) == 0) return false;
    if (HeapTupleHeaderXminCommitted(header)) return true;
    const TransactionId inserter = HeapTupleHeaderGetXmin(header);
    return TransactionIdIsCurrentTransactionId(inserter) || TransactionIdDidCommit(inserter);
}

}  // namespace

varlena *ToastReader::Fetch(const varatt_external &pointer) {
    Assert(!VARATT_EXTERNAL_IS_COMPRESSED(pointer));
    const Relation relation = table_open(pointer.va_toastrelid, AccessShareLock);
    varlena *value = nullptr;
    if (relation->rd_rel->relam == HEAP_TABLE_AM_OID) {
        const int32 size = VARATT_EXTERNAL_GET_EXTSIZE(pointer);
        value = static_cast<varlena *>(palloc(size + VARHDRSZ));
        SET_VARSIZE(value, size + VARHDRSZ);
        if (relation_ == pointer.va_toastrelid &&
            FetchBehindLast(relation, pointer, VARDATA(value))) {
            misses_ = 0;
        } else {
            misses_++;
            relation_ = InvalidOid;
            if (!FetchByIndex(relation, pointer, VARDATA(value))) value = nullptr;
        }
    }
    table_close(relation, AccessShareLock);
    return value;
}

// Reads chunk after chunk from the place behind the last one, over the next line pointers and
// blocks, past a few items that are something else. Leaves `last_` at the last chunk of the value.
bool ToastReader::FetchBehindLast(Relation relation, const varatt_external &pointer, char *out) {
    const int32 chunks = ChunkCount(VARATT_EXTERNAL_GET_EXTSIZE(pointer));
    Place place = last_;
    if (!ReadRecentBuffer(RelationFile(relation), MAIN_FORKNUM, place.block, place.buffer))
        return false;
    LockBuffer(place.buffer, BUFFER_LOCK_SHARE);
    int32 number = 0;
    int skipped = 0;
    while (number < chunks) {
        const Page page = BufferGetPage(place.buffer);
        place.offset++;
        if (place.offset > PageGetMaxOffsetNumber(page)) {
            if (place.offset == FirstOffsetNumber) break;  // an empty page
            UnlockReleaseBuffer(place.buffer);
            // The lock on the relation keeps it from being cut off behind our back.
            place.block++;
            place.offset = InvalidOffsetNumber;
            if (place.block >= RelationGetNumberOfBlocks(relation)) return false;
            place.buffer = ReadBuffer(relation, place.block);
            LockBuffer(place.buffer, BUFFER_LOCK_SHARE);
            continue;
        }
        const ItemId item = PageGetItemId(page, place.offset);
        const char *data = nullptr;
        if (ItemIdIsNormal(item)) {
            HeapTupleData tuple = {};
            tuple.t_data = reinterpret_cast<HeapTupleHeader>(PageGetItem(page, item));
            tuple.t_len = ItemIdGetLength(item);
            data = ChunkData(tuple, pointer, number);
            if (data != nullptr && !IsLive(tuple.t_data)) data = nullptr;
        }
        if (data == nullptr) {  // left by a deleted row, perhaps
            if (skipped++ == kSkip) break;
            continue;
        }
        const int32 size = ChunkSize(VARATT_EXTERNAL_GET_EXTSIZE(pointer), number);
        read_ahead_.Visit(data, size);
        memcpy(out + number * TOAST_MAX_CHUNK_SIZE, data, size);
        number++;
    }
    UnlockReleaseBuffer(place.buffer);
    if (number < chunks) return false;
    last_ = place;
    return true;
}

// As heap_fetch_toast_slice() does it, but it notes where the last chunk was.
bool ToastReader::FetchByIndex(Relation relation, const varatt_external &pointer, char *out) {
    const int32 chunks = ChunkCount(VARATT_EXTERNAL_GET_EXTSIZE(pointer));
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
        const char *data = number < chunks ? ChunkData(*tuple, pointer, number) : nullptr;
        if (data == nullptr) {
            number = -1;
            break;
        }
        memcpy(out + number * TOAST_MAX_CHUNK_SIZE, data,
               ChunkSize(VARATT_EXTERNAL_GET_EXTSIZE(pointer), number));
        last = tuple->t_self;
        number++;
    }
    systable_endscan_ordered(scan);
    toast_close_indexes(indexes, index_count, AccessShareLock);
    if (number != chunks) return false;

    // Values that come in another order than they were stored make every look vain: then look
    // rarely. Temporary tables are in local buffers, which are not worth the trouble.
    const bool worth_a_look = misses_ < kPatience || misses_ % kRetry == 0;
    if (!worth_a_look || RelationUsesLocalBuffers(relation)) return true;
    last_ = {InvalidBuffer, ItemPointerGetBlockNumber(&last), ItemPointerGetOffsetNumber(&last)};
    last_.buffer = ReadBuffer(relation, last_.block);
    ReleaseBuffer(last_.buffer);
    relation_ = pointer.va_toastrelid;
    return true;
}

}  // namespace vecx::pg
