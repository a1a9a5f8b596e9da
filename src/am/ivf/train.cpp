// The choice of lists; see the header.

#include "am/ivf/train.h"

namespace vecx::ivf {
namespace {

constexpr uint64_t kSeed = 0x76656378;  // the same rows give the same lists

// Where the number of lists is left to us, so many rows are scanned exactly.
constexpr int64 kRowsToChoose = 5000;

// A codebook of 2^bits codes is learned from so many times as many rows.
constexpr int64 kRowsPerCode = 4;

// The root of the number of rows: then as much is compared with centroids as with rows of a list.
uint32_t UsualLists(int64 rows) {
    const auto root = static_cast<int64>(std::lround(std::sqrt(static_cast<double>(rows))));
    return static_cast<uint32_t>(
        std::clamp<int64>(std::min(root, rows / kRowsToTrain), 1, kMaxLists));
}

}  // namespace

ValueFormat FormatOf(Relation index, const MetaPage &meta) {
    return {OperatorClassOf(index), static_cast<int>(meta.dimensions),
            static_cast<Vectors>(meta.vectors)};
}

int64 RowsNeeded(const MetaPage &meta) {
    int64 needed = meta.wanted.lists == 0 ? kRowsToChoose
                                          : static_cast<int64>(meta.wanted.lists) * kRowsToTrain;
    switch (static_cast<ListQuantizer>(meta.wanted.quantizer)) {
        case ListQuantizer::kPq:
            return std::max(needed, kRowsPerCode << meta.wanted.bits);
        case ListQuantizer::kRabitq:
            return needed;
        default:
            // One list needs no training.
            return meta.wanted.lists == 1 ? 0 : needed;
    }
}

bool CanTrainLater(const MetaPage &meta) {
    return IsCopyKind(meta.vectors) ||
           meta.wanted.quantizer == static_cast<uint8_t>(ListQuantizer::kFlat);
}

void ChooseLists(MetaPage *meta, int64 rows) {
    ListSet &set = meta->lists;
    set = {};
    set.seed = kSeed;
    set.lists = 1;
    if (rows < RowsNeeded(*meta) || rows == 0) {
        // Codes that need no training.
        set.quantizer = static_cast<uint8_t>(meta->wanted.quantizer ==
                                                     static_cast<uint8_t>(ListQuantizer::kFlat)
                                                 ? ListQuantizer::kFlat
                                                 : ListQuantizer::kSq8);
        set.trained = RowsNeeded(*meta) == 0;
        return;
    }
    set.trained = 1;
    set.lists = meta->wanted.lists == 0 ? UsualLists(rows) : meta->wanted.lists;
    set.quantizer = meta->wanted.quantizer;
    set.bits = meta->wanted.bits;
    set.m = meta->wanted.m;
    set.opq = meta->wanted.opq;
}

bool IsToTrain(const MetaPage &meta) {
    const auto quantizer = static_cast<ListQuantizer>(meta.lists.quantizer);
    return meta.lists.lists > 1 || quantizer == ListQuantizer::kPq ||
           quantizer == ListQuantizer::kRabitq;
}

void CheckRowCount(Relation index, int64 rows) {
    if (rows <= PG_UINT32_MAX / 2) return;
    ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                    errmsg("index \"%s\" cannot have more than %u rows",
                           RelationGetRelationName(index), PG_UINT32_MAX / 2),
                    errhint("Partition the table.")));
}

}  // namespace vecx::ivf
