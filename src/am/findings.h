// What vecx_check reports, whichever access method the index is of.

#pragma once

#include "pg/pg.h"

namespace vecx {

enum class Severity { kInfo, kWarning, kError };

// What was found, as rows of vecx_check.
class Findings {
  public:
    Findings(Tuplestorestate *rows, TupleDesc row) : rows_(rows), row_(row) {}

    // `block` may be InvalidBlockNumber and `slot` negative, where it is about no single one.
    void Report(Severity severity, BlockNumber block, int slot, const char *format, ...)
        pg_attribute_printf(5, 6);
    void ReportList(Severity severity, BlockNumber block, int slot, const char *format,
                    va_list values) pg_attribute_printf(5, 0);

    int64 errors() const { return errors_; }

  private:
    static constexpr int64 kMost = 1000;  // of a badly damaged index the rest says nothing new

    void Put(Severity severity, BlockNumber block, int slot, const char *message);

    Tuplestorestate *rows_;
    TupleDesc row_;
    int64 count_ = 0;
    int64 errors_ = 0;
};

struct CheckOptions {
    bool heap_all_indexed;  // look for each row of the table in the index
    int sample;             // rows to search for; of the table's, so many are compared, or all if 0
};

}  // namespace vecx
