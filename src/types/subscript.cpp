// Reading one element: v[i] of vector and halfvec, from 1 as in arrays; outside the vector it is
// NULL.
//
// PostgreSQL asks the handler once per expression for three steps: transform (parse analysis),
// check (the subscript is an integer that is not NULL) and fetch. Assigning and slicing are
// refused.

#include "types/check.h"
#include "types/vector.h"

#include "pg/guard.h"

namespace vecx {
namespace {

void Transform(SubscriptingRef *reference, List *indirection, ParseState *parse, bool is_slice,
               bool is_assignment) {
    const auto *first = static_cast<A_Indices *>(linitial(indirection));
    const auto refuse = [&](const char *message, const char *hint) {
        ereport(ERROR,
                (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("%s", message), errhint("%s", hint),
                 parser_errposition(
                     parse, exprLocation(first->uidx != nullptr ? first->uidx : first->lidx))));
    };
    if (is_assignment) refuse("cannot assign to an element of a vector", "Assign a whole vector.");
    if (is_slice) refuse("cannot take a slice of a vector", "Use subvector(vector, start, count).");
    if (list_length(indirection) != 1)
        refuse("vectors have one subscript", "Use vector[i], with i from 1.");

    Node *subscript = transformExpr(parse, first->uidx, parse->p_expr_kind);
    Node *index = coerce_to_target_type(parse, subscript, exprType(subscript), INT4OID, -1,
                                        COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
    if (index == nullptr)
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("vector subscript must have type integer"),
                        parser_errposition(parse, exprLocation(subscript))));
    reference->refupperindexpr = list_make1(index);
    reference->reflowerindexpr = NIL;
    reference->refrestype = FLOAT4OID;
    reference->reftypmod = -1;
}

bool CheckSubscript(ExprState *, ExprEvalStep *step, ExprContext *) {
    const SubscriptingRefState *state = step->d.sbsref_subscript.state;
    if (!state->upperindexnull[0]) return true;
    *step->resnull = true;
    return false;  // the executor skips the fetch
}

template <class Element>
void Fetch(ExprState *, ExprEvalStep *step, ExprContext *) {
    const SubscriptingRefState *state = step->d.sbsref.state;
    const DenseView<Element> view = ReadDense<Element>(*step->resvalue);
    const int32 index = DatumGetInt32(state->upperindex[0]);
    if (index < 1 || index > view.dimensions) {
        *step->resnull = true;
        return;
    }
    *step->resvalue = Float4GetDatum(ToFloat(view[index - 1]));
}

template <class Element>
void Setup(const SubscriptingRef *, SubscriptingRefState *, SubscriptExecSteps *steps) {
    steps->sbs_check_subscripts = CheckSubscript;
    steps->sbs_fetch = Fetch<Element>;
}

template <class Element>
const SubscriptRoutines kRoutines = {
    .transform = Transform,
    .exec_setup = Setup<Element>,
    .fetch_strict = true,
    .fetch_leakproof = false,  // a damaged value is reported with its size
    .store_leakproof = false,
};

}  // namespace

VECX_FUNCTION(vecx_vector_subscript) { PG_RETURN_POINTER(&kRoutines<float>); }
VECX_FUNCTION(vecx_halfvec_subscript) { PG_RETURN_POINTER(&kRoutines<Half>); }

}  // namespace vecx
