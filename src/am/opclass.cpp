// The operator classes, one support function each; see opclass.h. SQL cannot call these functions:
// no expression has the type of their argument.

#include "am/opclass.h"

#include "pg/guard.h"

#define VECX_OPERATOR_CLASS(name, element, metric, type_name)                          \
    VECX_FUNCTION(vecx_##name) {                                                       \
        static constexpr vecx::OperatorClass kClass = {                                \
            vecx::kOperatorClassMagic, vecx::ElementType::element, metric, type_name}; \
        PG_RETURN_POINTER(&kClass);                                                    \
    }

VECX_OPERATOR_CLASS(vector_l2_ops, kFloat, vecx::Metric::kL2, "vector")
VECX_OPERATOR_CLASS(vector_ip_ops, kFloat, vecx::Metric::kInnerProduct, "vector")
VECX_OPERATOR_CLASS(vector_cosine_ops, kFloat, vecx::Metric::kCosine, "vector")
VECX_OPERATOR_CLASS(vector_l1_ops, kFloat, vecx::Metric::kL1, "vector")
VECX_OPERATOR_CLASS(halfvec_l2_ops, kHalf, vecx::Metric::kL2, "halfvec")
VECX_OPERATOR_CLASS(halfvec_ip_ops, kHalf, vecx::Metric::kInnerProduct, "halfvec")
VECX_OPERATOR_CLASS(halfvec_cosine_ops, kHalf, vecx::Metric::kCosine, "halfvec")
VECX_OPERATOR_CLASS(halfvec_l1_ops, kHalf, vecx::Metric::kL1, "halfvec")
VECX_OPERATOR_CLASS(sparsevec_l2_ops, kSparse, vecx::Metric::kL2, "sparsevec")
VECX_OPERATOR_CLASS(sparsevec_ip_ops, kSparse, vecx::Metric::kInnerProduct, "sparsevec")
VECX_OPERATOR_CLASS(sparsevec_cosine_ops, kSparse, vecx::Metric::kCosine, "sparsevec")
VECX_OPERATOR_CLASS(sparsevec_l1_ops, kSparse, vecx::Metric::kL1, "sparsevec")
VECX_OPERATOR_CLASS(bit_hamming_ops, kBit, vecx::Metric::kHamming, "bit")
VECX_OPERATOR_CLASS(bit_jaccard_ops, kBit, vecx::Metric::kJaccard, "bit")

namespace vecx {

const OperatorClass &OperatorClassOf(Relation index) {
    FmgrInfo *function = index_getprocinfo(index, 1, kOperatorClassSupport);
    // Functions from internal to internal are mostly planner support, which reads a node and
    // returns nullptr where it does not know the kind.
    Node nothing = {T_Invalid};
    const auto *result = reinterpret_cast<const OperatorClass *>(
        DatumGetPointer(FunctionCall1(function, PointerGetDatum(&nothing))));
    if (unlikely(result == nullptr || result->magic != kOperatorClassMagic))
        ereport(ERROR, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                        errmsg("operator class of index \"%s\" is not one of extension \"vecx\"",
                               RelationGetRelationName(index)),
                        errdetail("Its support function %d does not say how values are compared.",
                                  kOperatorClassSupport)));
    return *result;
}

}  // namespace vecx
