// Places where a test can hold a session up, so that another gets in between: the isolation specs
// test/isolation/specs/pause_*.spec force races by them. Nothing is compiled of them unless the
// build says VECX_PAUSE_POINTS, as that of `test/check assert` does.
//
// A session that comes to a point takes the shared advisory lock (kPauseClass, point) and releases
// it at once. A test that holds the same lock exclusively, by pg_advisory_lock, makes it wait; who
// waits is seen, can be cancelled, and it works on a standby.

#pragma once

#include "pg/pg.h"

namespace vecx::pg {

// The specs use the numbers.
enum class PausePlace : uint32 {
    kSearchReadsNode = 1,    // with the link in hand, before the node or extent is read
    kInsertHasChosen = 2,    // the neighbours, on all levels; or the lists; nothing is written
    kInsertHasWritten = 3,   // the node, on all levels; nothing leads to it
    kInsertWasTaken = 4,     // by one neighbour; others may follow
    kInsertEnters = 5,       // all is done but the entry
    kInsertJoins = 6,        // a node of equal vector was found; the row is not yet there
    kInsertContinues = 7,    // the rest of a long vector is written, its node is not
    kIndexGrows = 8,         // its length was read, and blocks are to be added; or a list is full
    kIndexHasGrown = 9,      // by blocks of zeros of which nobody has been told; or a free extent
    kVacuumBegins = 10,      // the index is measured, no row is removed
    kVacuumHasRemoved = 11,  // rows; also where CREATE INDEX CONCURRENTLY asks for them
    kVacuumMendsEdges = 12,  // chains and the entry are mended
    kVacuumFreesSlots = 13,
    kScanHasFound = 14,         // the first search is over, no row has gone out
    kScanReturns = 15,          // a row was chosen; the executor has not seen it
    kScanGoesOn = 16,           // what was found has gone out
    kBuildWrites = 17,          // the table was read, the index is empty
    kVacuumRetires = 18,        // an extent in which no row was found
    kTrainingHasRead = 19,      // the rows of the one list there is
    kTrainingHasWritten = 20,   // the new lists, which nobody knows
    kTrainingChangesOver = 21,  // the rows that came meanwhile are in both
};

#ifdef VECX_PAUSE_POINTS
constexpr uint32 kPauseClass = 8329;  // "vecx" on the keys of a telephone

inline void PausePoint(PausePlace place) {
    // A lock on a page's content or any other that holds interrupts up would hold up who is to get
    // in between, and perhaps everybody.
    Assert(InterruptHoldoffCount == 0 && CritSectionCount == 0);
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, kPauseClass, static_cast<uint32>(place), 2);
    LockAcquire(&tag, ShareLock, false, false);
    LockRelease(&tag, ShareLock, false);
}
#else
inline void PausePoint(PausePlace) {}
#endif

}  // namespace vecx::pg
