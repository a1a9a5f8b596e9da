// libFuzzer target: any bytes as the model of inverted lists, and as a block of codes under it.
// What is not refused is used as a scan and an insert would. Run by test/fuzz/run.

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "core/list_code.h"
#include "fuzz.h"

namespace vecx::fuzz {
namespace {

constexpr size_t kAlignment = 64;

// As many bytes as were asked for, not one more, so that a read behind them is seen.
class Memory {
  public:
    explicit Memory(size_t bytes)
        : bytes_((bytes + kAlignment - 1) / kAlignment * kAlignment),
          data_(static_cast<char *>(std::aligned_alloc(kAlignment, bytes_ + kAlignment))) {
        memset(data_, 0, bytes_ + kAlignment);
    }
    Memory(const Memory &) = delete;
    Memory &operator=(const Memory &) = delete;
    ~Memory() { free(data_); }
    char *data() const { return data_; }

  private:
    size_t bytes_;
    char *data_;
};

// The input, byte by byte; zeros behind its end.
class Input {
  public:
    Input(const uint8_t *data, size_t size) : data_(data), end_(data + size) {}
    uint8_t Byte() { return data_ < end_ ? *data_++ : 0; }
    size_t left() const { return static_cast<size_t>(end_ - data_); }
    // Puts what is left of it, or so much, over some bytes.
    void Copy(void *to, size_t most) {
        const size_t bytes = std::min(most, left());
        if (bytes > 0) memcpy(to, data_, bytes);
        data_ += bytes;
    }

  private:
    const uint8_t *data_;
    const uint8_t *end_;
};

ListShape ReadShape(Input *input) {
    constexpr Metric kMetrics[] = {Metric::kL2, Metric::kInnerProduct, Metric::kCosine,
                                   Metric::kHamming};
    constexpr int kBits[] = {0, 1, 2, 4, 8};
    ListShape shape = {};
    shape.quantizer = static_cast<ListQuantizer>(input->Byte() % 4);
    shape.metric = kMetrics[input->Byte() % 4];
    shape.dimensions = 1 + input->Byte() % 100;
    shape.bits = kBits[input->Byte() % 5];
    shape.m = input->Byte() % 32;
    shape.opq = input->Byte() % 2 == 1;
    shape.element = static_cast<ListElement>(input->Byte() % 3);
    return shape;
}

// A model that is sound, of zeros.
void WriteSound(const ListShape &shape, void *out) {
    const std::vector<float> centre(static_cast<size_t>(shape.dimensions));
    const PqShape pq = {shape.dimensions, shape.m, shape.bits, shape.opq};
    std::vector<float> floats;
    PqBook book = {};
    if (shape.quantizer == ListQuantizer::kPq) {
        floats.resize(pq.RotationFloats() + pq.CodebookFloats());
        book = {pq, floats.data() + pq.RotationFloats(), pq.rotated ? floats.data() : nullptr};
    }
    WriteListModel(shape, 1, centre.data(), &book, out);
}

void Use(const ListCodec &codec, Input *input) {
    const ListShape &shape = codec.shape();
    const auto n = static_cast<size_t>(shape.dimensions);
    std::vector<float> query(n);
    for (float &value : query) value = static_cast<float>(input->Byte()) - 128;
    const Memory memory(ListQueryBytes(shape));
    const ListQuery prepared = PrepareListQuery(codec, query.data(), query.data(), memory.data());
    const ListProbe probe = ProbeList(prepared, 5, 2);
    float estimates[kListBlock], bounds[kListBlock];
    const bool flat = shape.quantizer == ListQuantizer::kFlat;
    const auto row_bytes = static_cast<size_t>(shape.row_bytes);
    // A row of ours, put between rows of any bytes.
    const std::unique_ptr<uint8_t[]> code(new uint8_t[row_bytes]);
    memset(code.get(), 0, row_bytes);
    if (!flat) {
        std::vector<float> row(static_cast<size_t>(shape.padded)), centroid(row),
            scratch(codec.ScratchFloats());
        codec.Transform(query.data(), row.data());
        codec.EncodeRow(row.data(), centroid.data(), code.get(), scratch.data());
    }
    if (shape.by_row) {
        std::vector<uint8_t> rows(row_bytes * kListBlock);
        if (!flat) input->Copy(rows.data(), rows.size());
        std::copy_n(code.get(), row_bytes, rows.begin());
        EstimateRows(prepared, probe, rows.data(), kListBlock, 1, estimates, bounds);
    } else {
        const Memory factors(static_cast<size_t>(shape.factor_bytes));
        std::vector<uint8_t> codes(static_cast<size_t>(shape.code_rows) * kListBlock);
        input->Copy(factors.data(), static_cast<size_t>(shape.factor_bytes));
        input->Copy(codes.data(), codes.size());
        const int lane = input->Byte() % kListBlock;
        FitCode(shape, factors.data(), input->Byte() % 2 == 1, code.get());
        StoreFactors(shape, code.get(), lane, factors.data());
        StoreCode(shape, code.get(), lane, 0, shape.code_rows, codes.data());
        const CodePiece piece = {codes.data(), shape.code_rows};
        EstimateBlock(prepared, probe, factors.data(), &piece, 1, 1, estimates, bounds);
    }
    for (int i = 0; i < kListBlock; i++) {
        FUZZ_CHECK(!std::isnan(estimates[i]));
        FUZZ_CHECK(!std::isnan(bounds[i]));
    }
}

}  // namespace
}  // namespace vecx::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    using namespace vecx;
    fuzz::Input input(data, size);
    ListShape shape = fuzz::ReadShape(&input);
    if (!SolveListShape(&shape)) return 0;
    const size_t bytes = ListModelBytes(shape);
    const std::unique_ptr<char[]> model(new char[bytes]);
    fuzz::WriteSound(shape, model.get());
    // All of it from the input, or some bytes of a sound one.
    if (input.Byte() % 4 == 0) {
        input.Copy(model.get(), bytes);
    } else {
        for (int changes = input.Byte() % 16; changes > 0; changes--) {
            const size_t at = static_cast<size_t>(input.Byte()) << 8 | input.Byte();
            model[at % bytes] = static_cast<char>(input.Byte());
        }
    }
    const fuzz::Memory memory(ListCodecBytes(shape));
    ListCodec codec;
    if (OpenListCodec(shape, model.get(), bytes, memory.data(), &codec)) fuzz::Use(codec, &input);
    FUZZ_CHECK(!OpenListCodec(shape, model.get(), bytes - 1, memory.data(), &codec));
    return 0;
}
