// Checks of the catalog entries of an operator class; see validate.h. The messages are worded as
// those of PostgreSQL's own access methods.

#include "am/validate.h"

#include "am/opclass.h"

namespace vecx {
namespace {

constexpr uint16 kOrderingOperator = 1;

// Where a fault is.
struct Place {
    const char *family;
    const char *method;
};

bool ValidateFunction(const Place &place, Form_pg_amproc entry) {
    const char *function = format_procedure(entry->amproc);
    if (entry->amproclefttype != entry->amprocrighttype) {
        ereport(INFO,
                (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                 errmsg("operator family \"%s\" of access method %s contains support function %s "
                        "with different left and right input types",
                        place.family, place.method, function)));
        return false;
    }
    if (entry->amprocnum != kOperatorClassSupport) {
        ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                       errmsg("operator family \"%s\" of access method %s contains function %s "
                              "with invalid support number %d",
                              place.family, place.method, function, entry->amprocnum)));
        return false;
    }
    if (!check_amproc_signature(entry->amproc, INTERNALOID, true, 1, 1, INTERNALOID)) {
        ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                       errmsg("operator family \"%s\" of access method %s contains function %s "
                              "with wrong signature for support number %d",
                              place.family, place.method, function, entry->amprocnum)));
        return false;
    }
    return true;
}

bool ValidateOperator(const Place &place, Form_pg_amop entry) {
    const char *name = format_operator(entry->amopopr);
    bool valid = true;
    if (entry->amopstrategy != kOrderingOperator) {
        ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                       errmsg("operator family \"%s\" of access method %s contains operator %s "
                              "with invalid strategy number %d",
                              place.family, place.method, name, entry->amopstrategy)));
        valid = false;
    }
    // A search condition would never be asked of the index.
    if (entry->amoppurpose != AMOP_ORDER) {
        ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                       errmsg("operator family \"%s\" of access method %s contains operator %s "
                              "that is not for ORDER BY",
                              place.family, place.method, name)));
        valid = false;
    } else if (!opfamily_can_sort_type(entry->amopsortfamily, get_op_rettype(entry->amopopr))) {
        ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                       errmsg("operator family \"%s\" of access method %s contains incorrect "
                              "ORDER BY opfamily specification for operator %s",
                              place.family, place.method, name)));
        valid = false;
    }
    if (!check_amop_signature(entry->amopopr, FLOAT8OID, entry->amoplefttype,
                              entry->amoprighttype)) {
        ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                       errmsg("operator family \"%s\" of access method %s contains operator %s "
                              "with wrong signature",
                              place.family, place.method, name)));
        valid = false;
    }
    return valid;
}

// The class itself is complete: an operator and a support function for its own type.
bool ValidateMembers(const Place &place, const char *name, Oid type, List *groups) {
    uint64 operators = 0;
    uint64 functions = 0;
    ListCell *cell;
    foreach (cell, groups) {
        const auto *group = static_cast<OpFamilyOpFuncGroup *>(lfirst(cell));
        if (group->lefttype != type || group->righttype != type) continue;
        operators |= group->operatorset;
        functions |= group->functionset;
    }
    bool valid = true;
    if ((operators & (UINT64CONST(1) << kOrderingOperator)) == 0) {
        ereport(INFO, (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                       errmsg("operator class \"%s\" of access method %s is missing operator %d",
                              name, place.method, kOrderingOperator)));
        valid = false;
    }
    if ((functions & (UINT64CONST(1) << kOperatorClassSupport)) == 0) {
        ereport(INFO,
                (errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
                 errmsg("operator class \"%s\" of access method %s is missing support function %d",
                        name, place.method, kOperatorClassSupport)));
        valid = false;
    }
    return valid;
}

const char *FamilyName(Oid family) {
    const HeapTuple tuple = SearchSysCache1(OPFAMILYOID, ObjectIdGetDatum(family));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for operator family %u", family);
    const char *name =
        pstrdup(NameStr(reinterpret_cast<Form_pg_opfamily>(GETSTRUCT(tuple))->opfname));
    ReleaseSysCache(tuple);
    return name;
}

}  // namespace

bool ValidateOperatorClass(Oid operator_class) {
    const HeapTuple tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(operator_class));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for operator class %u", operator_class);
    const auto form = reinterpret_cast<Form_pg_opclass>(GETSTRUCT(tuple));
    const char *name = NameStr(form->opcname);
    const Place place = {FamilyName(form->opcfamily), get_am_name(form->opcmethod)};
    bool valid = true;

    CatCList *operators = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(form->opcfamily));
    CatCList *functions = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(form->opcfamily));
    for (int i = 0; i < functions->n_members; i++) {
        const HeapTuple member = &functions->members[i]->tuple;
        if (!ValidateFunction(place, reinterpret_cast<Form_pg_amproc>(GETSTRUCT(member))))
            valid = false;
    }
    for (int i = 0; i < operators->n_members; i++) {
        const HeapTuple member = &operators->members[i]->tuple;
        if (!ValidateOperator(place, reinterpret_cast<Form_pg_amop>(GETSTRUCT(member))))
            valid = false;
    }
    if (!ValidateMembers(place, name, form->opcintype,
                         identify_opfamily_groups(operators, functions)))
        valid = false;

    ReleaseCatCacheList(functions);
    ReleaseCatCacheList(operators);
    ReleaseSysCache(tuple);
    return valid;
}

}  // namespace vecx
