// Rows of vecx_check; see the header.

#include "am/findings.h"

#include "pg/pg.h"

namespace vecx {
namespace {

const char *NameOf(Severity severity) {
    switch (severity) {
        case Severity::kInfo:
            return "info";
        case Severity::kWarning:
            return "warning";
        default:
            return "error";
    }
}

}  // namespace

void Findings::Put(Severity severity, BlockNumber block, int slot, const char *message) {
    const Datum values[] = {CStringGetTextDatum(NameOf(severity)), Int64GetDatum(block),
                            Int32GetDatum(slot), CStringGetTextDatum(message)};
    const bool nulls[] = {false, block == InvalidBlockNumber, slot < 0, false};
    tuplestore_putvalues(rows_, row_, const_cast<Datum *>(values), const_cast<bool *>(nulls));
}

void Findings::ReportList(Severity severity, BlockNumber block, int slot, const char *format,
                          va_list values) {
    if (severity == Severity::kError) errors_++;
    if (++count_ > kMost) {
        if (count_ == kMost + 1)
            Put(Severity::kInfo, InvalidBlockNumber, -1, "there is more, which is left out");
        return;
    }
    char message[512];
    vsnprintf(message, sizeof(message), format, values);
    Put(severity, block, slot, message);
}

void Findings::Report(Severity severity, BlockNumber block, int slot, const char *format, ...) {
    va_list values;
    va_start(values, format);
    ReportList(severity, block, slot, format, values);
    va_end(values);
}

}  // namespace vecx
