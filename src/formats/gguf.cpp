#include "formats/gguf.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "formats/gguf_parser.h"
#include "formats/shown.h"

namespace ominix::formats {

Gguf::Gguf(const std::filesystem::path& path) : file_(path) {
  std::string where = fmt::format("gguf: '{}'", shown(path.string()));
  GgufContents contents = parse_gguf(file_, where);
  version_ = contents.version;
  tensors_ = std::move(contents.tensors);

  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), 0u);
  std::sort(by_name_.begin(), by_name_.end(),
            [&](uint32_t a, uint32_t b) { return tensors_[a].name < tensors_[b].name; });
  const auto twice = std::adjacent_find(
      by_name_.begin(), by_name_.end(),
      [&](uint32_t a, uint32_t b) { return tensors_[a].name == tensors_[b].name; });
  if (twice != by_name_.end()) {
    throw fail(ErrorCode::corrupt_data, "{}: tensor '{}' stands twice", where,
               shown(tensors_[*twice].name));
  }
  metadata_ = GgufMetadata(std::move(where), std::move(contents.values));
}

const TensorInfo* Gguf::find(std::string_view name) const {
  const auto at = std::lower_bound(
      by_name_.begin(), by_name_.end(), name,
      [&](uint32_t i, std::string_view wanted) { return tensors_[i].name < wanted; });
  if (at == by_name_.end() || tensors_[*at].name != name) return nullptr;
  return &tensors_[*at];
}

void Gguf::read(const TensorInfo& tensor, uint64_t offset, std::span<std::byte> out) const {
  if (offset > tensor.bytes || out.size() > tensor.bytes - offset) {
    throw fail(ErrorCode::invalid_argument, "gguf: tensor '{}' has {} bytes, asked for {} from {}",
               shown(tensor.name), tensor.bytes, out.size(), offset);
  }
  file_.read_at(tensor.offset + offset, out);
}

std::vector<Gguf> open_gguf(std::span<const std::filesystem::path> parts) {
  if (parts.empty()) throw fail(ErrorCode::invalid_argument, "gguf: no file to open");
  std::vector<Gguf> files;
  uint64_t tensors = 0;
  for (const auto& path : parts) {
    const Gguf& file = files.emplace_back(path);
    const auto number = file.metadata().find<uint32_t>("split.no");
    const auto count = file.metadata().find<uint32_t>("split.count");
    if (count.value_or(1) != parts.size() || (parts.size() > 1 && number != files.size() - 1)) {
      throw fail(ErrorCode::corrupt_data,
                 "gguf: '{}' says it is part {} of {}, expected part {} of {}: keep the names that "
                 "the parts came with",
                 shown(path.string()), number.value_or(0) + uint64_t{1}, count.value_or(1),
                 files.size(), parts.size());
    }
    tensors += file.tensors().size();
    for (size_t i = 0; i + 1 < files.size(); ++i) {
      for (const TensorInfo& t : file.tensors()) {
        if (files[i].find(t.name)) {
          throw fail(ErrorCode::corrupt_data, "gguf: tensor '{}' stands in '{}' and in '{}'",
                     shown(t.name), shown(files[i].path().string()), shown(path.string()));
        }
      }
    }
  }
  const auto expected = files.front().metadata().find<uint64_t>("split.tensors.count");
  if (parts.size() > 1 && expected.value_or(tensors) != tensors) {
    throw fail(ErrorCode::corrupt_data, "gguf: the parts of '{}' hold {} tensors, expected {}",
               shown(parts.front().string()), tensors, *expected);
  }
  return files;
}

}  // namespace ominix::formats
