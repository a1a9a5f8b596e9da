// Vectors from the table; see the header.

#include "am/ivf/table_vectors.h"

#include "am/rows.h"

namespace vecx::ivf {

struct TableVectors {
    Relation table;
    BlockNumber blocks;  // of the table, as it was
    IndexFetchTableData *fetch;
    TupleTableSlot *slot;
    IndexInfo *info;
    EState *state;  // of expressions; its memory for a row takes the detoasted value, too
    char *copy;
    Size copy_bytes;
};

TableVectors *OpenTableVectors(Relation table, Relation index) {
    auto *vectors = static_cast<TableVectors *>(palloc0(sizeof(TableVectors)));
    vectors->table = table;
    vectors->blocks = RelationGetNumberOfBlocks(table);
    vectors->fetch = table_index_fetch_begin(table);
    vectors->slot = table_slot_create(table, nullptr);
    vectors->info = BuildIndexInfo(index);
    vectors->state = CreateExecutorState();
    return vectors;
}

const char *ReadTableVector(TableVectors *vectors, const ValueFormat &format, Snapshot snapshot,
                            RowId row) {
    const auto bytes = static_cast<Size>(format.CopyBytes());
    if (vectors->copy_bytes != bytes) {
        if (vectors->copy != nullptr) pfree(vectors->copy);
        vectors->copy =
            static_cast<char *>(MemoryContextAlloc(GetMemoryChunkContext(vectors), bytes));
        vectors->copy_bytes = bytes;
    }
    ItemPointerData place = ToItemPointer(row);
    bool call_again = false;
    if (!table_index_fetch_tuple(vectors->fetch, &place, snapshot, vectors->slot, &call_again,
                                 nullptr))
        return nullptr;
    ResetPerTupleExprContext(vectors->state);
    const MemoryContext before = MemoryContextSwitchTo(GetPerTupleMemoryContext(vectors->state));
    GetPerTupleExprContext(vectors->state)->ecxt_scantuple = vectors->slot;
    Datum values[INDEX_MAX_KEYS];
    bool nulls[INDEX_MAX_KEYS];
    FormIndexDatum(vectors->info, vectors->slot, vectors->state, values, nulls);
    // An index that is damaged leads to any row.
    if (!nulls[0]) {
        const Elements elements = ReadElements(format.opclass, format.dimensions,
                                               PointerGetDatum(PG_DETOAST_DATUM(values[0])));
        MakeCopy(format, reinterpret_cast<const char *>(elements.floats), vectors->copy);
    }
    MemoryContextSwitchTo(before);
    return nulls[0] ? nullptr : vectors->copy;
}

void ReadAheadTableVector(const TableVectors *vectors, RowId row) {
    // Not where a damaged page leads: far behind the end of a table that is an error.
    if (HeapBlockOf(row) < vectors->blocks)
        PrefetchBuffer(vectors->table, MAIN_FORKNUM, HeapBlockOf(row));
}

void LeaveTableVectors(TableVectors *vectors) {
    ExecClearTuple(vectors->slot);
    table_index_fetch_reset(vectors->fetch);
}

void CloseTableVectors(TableVectors *vectors) {
    ExecDropSingleTupleTableSlot(vectors->slot);
    table_index_fetch_end(vectors->fetch);
    FreeExecutorState(vectors->state);
    pfree(vectors);
}

}  // namespace vecx::ivf
