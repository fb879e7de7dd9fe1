#include "weights/synthetic_folder.h"

#include <algorithm>
#include <utility>

#include "formats/safetensors.h"

namespace ominix::weights {
namespace {

// A tensor of the file to be, and how to get its rows.
struct Wanted {
  formats::SafetensorsEntry entry;
  uint64_t row_bytes = 0;
  int64_t rows = 0;
  std::function<void(int64_t first, int64_t count, std::byte* out)> read;
};

// Passes on what a generator gives and remembers it.
class Recorder : public Source {
 public:
  Recorder(const SyntheticOptions& options, std::vector<Wanted>& wanted)
      : source_(make_synthetic_source(options)), wanted_(wanted) {}

  std::optional<StoredTensor> tensor(const std::string& name, const Shape& expected) override {
    auto found = source_->tensor(name, expected);
    wanted_.push_back({{name, found->type, expected},
                       found->bytes,
                       1,
                       [read = found->read, bytes = found->bytes](
                           int64_t, int64_t, std::byte* out) { read(0, {out, bytes}); }});
    return found;
  }

  std::optional<kernels::MatrixSource> matrix(const std::string& path, int64_t rows, int64_t cols,
                                              std::vector<std::string>& used) override {
    auto found = source_->matrix(path, rows, cols, used);
    constexpr std::string_view kPlanes[] = {".weight", ".scales", ".biases"};
    for (int plane = 0; plane < found->planes(); ++plane) {
      const auto& e = found->encoding;
      const bool packed = e.mode != kernels::Encoding::Mode::block;
      const bool affine = e.mode == kernels::Encoding::Mode::affine;
      const DType type = !packed ? e.type : plane == 0 ? DType::u32 : affine ? e.type : DType::u8;
      const uint64_t row_bytes = found->row_bytes(plane);
      wanted_.push_back({{path + std::string(kPlanes[plane]),
                          type,
                          {rows, static_cast<int64_t>(row_bytes / info(type).bytes)}},
                         row_bytes,
                         rows,
                         [read = found->read, plane](int64_t first, int64_t count, std::byte* out) {
                           read(plane, first, count, out);
                         }});
    }
    return found;
  }

  bool has(const std::string& name) const override { return source_->has(name); }
  std::vector<std::string> names() const override { return {}; }
  std::string where() const override { return source_->where(); }

 private:
  std::unique_ptr<Source> source_;
  std::vector<Wanted>& wanted_;
};

}  // namespace

void write_synthetic(const std::filesystem::path& file, const SyntheticOptions& options,
                     const std::function<void(const Scope& w)>& build) {
  std::vector<Wanted> wanted;
  Loader loader(std::make_unique<Recorder>(options, wanted));
  loader.only_account();
  build(Scope(loader));

  std::vector<formats::SafetensorsEntry> entries;
  for (const Wanted& w : wanted) entries.push_back(w.entry);
  formats::SafetensorsWriter out(file, entries, {{"format", "mlx"}});
  constexpr uint64_t kPiece = 8u << 20;
  std::vector<std::byte> bytes;
  for (const Wanted& w : wanted) {
    const auto step = static_cast<int64_t>(std::max<uint64_t>(kPiece / w.row_bytes, 1));
    for (int64_t first = 0; first < w.rows; first += step) {
      const int64_t count = std::min(step, w.rows - first);
      bytes.resize(static_cast<uint64_t>(count) * w.row_bytes);
      w.read(first, count, bytes.data());
      out.append(bytes);
    }
  }
  out.commit();
}

}  // namespace ominix::weights
