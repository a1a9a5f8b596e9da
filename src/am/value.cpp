// Reading of values for the indexes; see value.h.

#include "am/value.h"

#include "core/kernels.h"
#include "types/check.h"
#include "types/vector.h"

namespace vecx {
namespace {

template <class Element>
void ReadElements(Datum datum, float *buffer, int expected_dimensions) {
    varlena *raw = RawValue(datum);
    varlena *value = pg_detoast_datum_packed(raw);
    const DenseView<Element> view = ViewDense<Element>(value);
    CheckSameDimensions<Element>(view.dimensions, expected_dimensions);
    if constexpr (std::is_same_v<Element, float>)
        memcpy(buffer, view.values, view.dimensions * sizeof(float));
    else
        ActiveKernels().half_to_float(view.values, buffer, view.dimensions);
    if (value != raw) pfree(value);
}

// In doubles: the squares of small floats are zero and those of large ones infinite.
bool ScaleToUnitLength(float *values, int dimensions) {
    const double squared_norm = ActiveKernels().f32.squared_norm(values, dimensions);
    if (squared_norm == 0) return false;
    const double norm = std::sqrt(squared_norm);
    for (int i = 0; i < dimensions; i++) values[i] = static_cast<float>(values[i] / norm);
    return true;
}

}  // namespace

bool ReadDenseValue(const OperatorClass &operator_class, Datum datum, float *buffer,
                    int expected_dimensions, DenseValue *out) {
    if (operator_class.element == ElementType::kFloat)
        ReadElements<float>(datum, buffer, expected_dimensions);
    else if (operator_class.element == ElementType::kHalf)
        ReadElements<Half>(datum, buffer, expected_dimensions);
    else
        elog(ERROR, "values of type %s are not dense", operator_class.type_name);
    *out = {expected_dimensions, buffer};
    return operator_class.metric != Metric::kCosine ||
           ScaleToUnitLength(buffer, expected_dimensions);
}

namespace {

// Of the indexed column or expression; a domain knows how long its values are.
Oid TypeOf(Relation index, int32 *dimensions) {
    const FormData_pg_attribute *column = TupleDescAttr(RelationGetDescr(index), 0);
    *dimensions = column->atttypmod;
    return getBaseTypeAndTypmod(column->atttypid, dimensions);
}

}  // namespace

bool HasDimensions(Relation index, uint32_t dimensions) {
    int32 declared;
    TypeOf(index, &declared);
    return declared < 0 || static_cast<uint32_t>(declared) == dimensions;
}

int IndexedDimensions(Relation index) {
    const char *method = get_am_name(index->rd_rel->relam);
    int32 dimensions;
    // The classes of bit take it, being binary coercible, but its length differs from row to row.
    if (TypeOf(index, &dimensions) == VARBITOID)
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("type not supported for %s index", method)));
    const OperatorClass &operator_class = OperatorClassOf(index);
    if (dimensions < 0)
        ereport(
            ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("column does not have dimensions"),
             errhint("Declare it as %s(n), or index the expression (column::%s(n)), where n is "
                     "the number of dimensions.",
                     operator_class.type_name, operator_class.type_name)));
    const int limit = MaxIndexedDimensions(operator_class.element);
    if (dimensions > limit)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("column cannot have more than %d dimensions for %s index", limit, method)));
    return dimensions;
}

}  // namespace vecx
