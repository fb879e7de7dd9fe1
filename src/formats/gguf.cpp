#include "formats/gguf.h"

#include <string>
#include <utility>

#include "base/error.h"
#include "formats/gguf_parser.h"
#include "formats/shown.h"

namespace ominix::formats {

Gguf::Gguf(const std::filesystem::path& path) : TensorFile(path) {
  std::string where = fmt::format("gguf: '{}'", shown(path.string()));
  GgufContents contents = parse_gguf(file_, where);
  version_ = contents.version;
  set_tensors(std::move(contents.tensors), where);
  metadata_ = GgufMetadata(std::move(where), std::move(contents.values));
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
