// Learning and testing quantizers in SQL: vecx_kmeans, and vecx_pq_train, vecx_pq_encode,
// vecx_pq_decode, vecx_pq_distance.
//
// A codebook is a bytea: it is large, means nothing but to these functions, and goes into tables,
// dumps and clients as it is. It may come from anywhere, so its header, size and numbers are
// checked; the numbers of one that comes out of line with every row, once. Training runs in slices,
// between which it can be cancelled.

#include "core/kmeans.h"
#include "core/product_quantizer.h"
#include "types/argument.h"
#include "types/check.h"
#include "types/vector.h"

#include "pg/guard.h"

namespace vecx {
namespace {

// Vectors of an array, one behind the other.
struct Rows {
    int count;
    int dimensions;
    float *values;
};

void *AllocateAligned(Size size) {
    constexpr Size kAlignment = 64;
    void *memory = MemoryContextAllocHuge(CurrentMemoryContext, size + kAlignment);
    return reinterpret_cast<void *>(TYPEALIGN(kAlignment, memory));
}

Rows ReadRows(ArrayType *array) {
    if (ARR_NDIM(array) > 1)
        ereport(ERROR, (errcode(ERRCODE_DATA_EXCEPTION), errmsg("array must be 1-D")));
    if (ARR_HASNULL(array) && array_contains_nulls(array))
        ereport(ERROR,
                (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("array must not contain nulls")));
    int16 length;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(ARR_ELEMTYPE(array), &length, &by_value, &alignment);
    Datum *elements;
    Rows rows = {};
    deconstruct_array(array, ARR_ELEMTYPE(array), length, by_value, alignment, &elements, nullptr,
                      &rows.count);
    if (rows.count == 0)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("array must not be empty")));
    for (int i = 0; i < rows.count; i++) {
        CHECK_FOR_INTERRUPTS();
        const DenseView<float> view = ReadDense<float>(elements[i]);
        if (i == 0) {
            rows.dimensions = view.dimensions;
            rows.values = static_cast<float *>(
                AllocateAligned(static_cast<Size>(rows.count) * view.dimensions * sizeof(float)));
        }
        CheckSameDimensions<float>(rows.dimensions, view.dimensions);
        memcpy(rows.values + static_cast<Size>(i) * view.dimensions, view.values,
               view.dimensions * sizeof(float));
    }
    return rows;
}

// An argument that is a codebook, where floats may be read from it.
PqBook ReadBook(FunctionCallInfo fcinfo) {
    CallSite *site = CallSiteOf(fcinfo);
    const varlena *value = DetoastedArgument(fcinfo, site, 0);
    KeptValue *kept = site != nullptr && site->kept[0].value == value ? &site->kept[0] : nullptr;
    const Size size = VARSIZE_ANY_EXHDR(value);
    const char *bytes = VARDATA_ANY(value);
    if (reinterpret_cast<uintptr_t>(bytes) % alignof(float) != 0) {
        void *copy = palloc(size);
        memcpy(copy, bytes, size);
        bytes = static_cast<char *>(copy);
    }
    PqBook book;
    if (!ReadPqBook(bytes, size, &book, kept != nullptr && kept->checked))
        ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                        errmsg("invalid codebook of a product quantizer"),
                        errhint("Codebooks come from vecx_pq_train().")));
    if (kept != nullptr) kept->checked = true;
    return book;
}

// The parts of a code.
uint8 *ReadCode(const PqBook &book, Datum datum) {
    const varlena *value = pg_detoast_datum_packed(RawValue(datum));
    const Size size = VARSIZE_ANY_EXHDR(value), wanted = book.shape.CodeBytes();
    if (size != wanted)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                 errmsg("invalid code of a product quantizer"),
                 errdetail("Codes of this codebook have %zu bytes, not %zu.", wanted, size)));
    auto *parts = static_cast<uint8 *>(palloc(book.shape.m));
    UnpackPqCode(book.shape, reinterpret_cast<const uint8 *>(VARDATA_ANY(value)), parts);
    return parts;
}

// An argument that is a vector for this codebook.
const float *ReadVector(FunctionCallInfo fcinfo, const PqBook &book) {
    const DenseView<float> view =
        ViewDense<float>(DetoastedArgument(fcinfo, CallSiteOf(fcinfo), 1));
    CheckExpected(book.shape.dimensions, view.dimensions);
    return Floats(view);
}

float *Scratch(const PqBook &book) {
    return static_cast<float *>(palloc(PqScratchFloats(book.shape) * sizeof(float)));
}

void CheckPq(const PqShape &shape) {
    switch (CheckPqShape(shape)) {
        case PqFault::kParts:
            if (shape.m < 1)
                ereport(ERROR,
                        (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("m must be at least 1")));
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("m must divide the number of dimensions"),
                            errdetail("m is %d, and the vectors have %d dimensions.", shape.m,
                                      shape.dimensions)));
            break;
        case PqFault::kBits:
            ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                            errmsg("bits must be 4 or 8, not %d", shape.bits)));
            break;
        case PqFault::kRotation:
            ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                            errmsg("opq is limited to %d dimensions", kMaxOpqDimensions)));
            break;
        default:  // dimensions: those of a vector
            break;
    }
}

}  // namespace

VECX_FUNCTION(vecx_kmeans) {
    const Rows rows = ReadRows(PG_GETARG_ARRAYTYPE_P(0));
    const int32 k = PG_GETARG_INT32(1);
    if (k < 1)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("k must be at least 1")));
    if (k > rows.count)
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("k must not be greater than the number of vectors"),
                        errdetail("k is %d, and there are %d vectors.", k, rows.count)));
    const auto lists = static_cast<uint32>(k);
    const auto n = static_cast<Size>(rows.dimensions);
    KMeansOptions options = {rows.dimensions,
                             lists,
                             static_cast<uint64>(rows.count),
                             false,
                             static_cast<uint64>(PG_GETARG_INT64(2)),
                             1};
    options.clusters = true;
    const uint32 groups = GroupsFor(lists);
    auto *vectors = static_cast<float *>(AllocateAligned(lists * n * sizeof(float)));
    auto *group = static_cast<float *>(AllocateAligned(groups * n * sizeof(float)));
    auto *first = static_cast<uint32 *>(AllocateAligned((groups + 1) * sizeof(uint32)));
    KMeans kmeans(options, rows.values, vectors, group, first,
                  AllocateAligned(KMeansBytes(options)));
    while (kmeans.Step()) CHECK_FOR_INTERRUPTS();

    // No more than the argument, which was an array of as many or more.
    auto *elements = static_cast<Datum *>(palloc(lists * sizeof(Datum)));
    for (uint32 list = 0; list < lists; list++) {
        CheckElements<float>(vectors + list * n, rows.dimensions);
        Vector *centroid = NewDense<float>(rows.dimensions);
        memcpy(centroid->values, vectors + list * n, n * sizeof(float));
        elements[list] = PointerGetDatum(centroid);
    }
    const Oid type = ARR_ELEMTYPE(PG_GETARG_ARRAYTYPE_P(0));
    int16 length;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(type, &length, &by_value, &alignment);
    PG_RETURN_ARRAYTYPE_P(construct_array(elements, k, type, length, by_value, alignment));
}

VECX_FUNCTION(vecx_pq_train) {
    const Rows rows = ReadRows(PG_GETARG_ARRAYTYPE_P(0));
    const PqShape shape = {rows.dimensions, PG_GETARG_INT32(1), PG_GETARG_INT32(2),
                           PG_GETARG_BOOL(3)};
    CheckPq(shape);
    const PqOptions options = {shape, static_cast<uint64>(rows.count),
                               static_cast<uint64>(PG_GETARG_INT64(4)), 1};
    PqTrainer trainer(options, rows.values, AllocateAligned(PqTrainer::MemoryBytes(options)));
    while (trainer.Step()) CHECK_FOR_INTERRUPTS();

    const PqBook trained = trainer.book();
    // Squares of the largest floats overflow; no other function would take such a codebook.
    CheckElements<float>(trained.codebooks, static_cast<int>(shape.CodebookFloats()));
    CheckElements<float>(trained.rotation, static_cast<int>(shape.RotationFloats()));
    const Size size = PqBookBytes(shape);
    auto *book = static_cast<bytea *>(palloc(VARHDRSZ + size));
    SET_VARSIZE(book, VARHDRSZ + size);
    WritePqBook(trained, VARDATA(book));
    PG_RETURN_BYTEA_P(book);
}

VECX_FUNCTION(vecx_pq_encode) {
    const PqBook book = ReadBook(fcinfo);
    const float *vector = ReadVector(fcinfo, book);
    auto *parts = static_cast<uint8 *>(palloc(book.shape.m));
    PqEncode(book, vector, parts, Scratch(book));
    const Size size = book.shape.CodeBytes();
    auto *code = static_cast<bytea *>(palloc(VARHDRSZ + size));
    SET_VARSIZE(code, VARHDRSZ + size);
    PackPqCode(book.shape, parts, reinterpret_cast<uint8 *>(VARDATA(code)));
    PG_RETURN_BYTEA_P(code);
}

VECX_FUNCTION(vecx_pq_decode) {
    const PqBook book = ReadBook(fcinfo);
    const uint8 *parts = ReadCode(book, PG_GETARG_DATUM(1));
    Vector *vector = NewDense<float>(book.shape.dimensions);
    PqDecode(book, parts, vector->values, Scratch(book));
    CheckElements<float>(vector->values, book.shape.dimensions);
    PG_RETURN_POINTER(vector);
}

VECX_FUNCTION(vecx_pq_distance) {
    const PqBook book = ReadBook(fcinfo);
    const float *vector = ReadVector(fcinfo, book);
    const uint8 *parts = ReadCode(book, PG_GETARG_DATUM(2));
    PG_RETURN_FLOAT8(
        std::sqrt(static_cast<double>(PqDistance(book, vector, parts, Scratch(book)))));
}

}  // namespace vecx
