#include "formats/tensor_file.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/error.h"
#include "formats/shown.h"

namespace ominix::formats {

void TensorFile::set_tensors(std::vector<TensorInfo> tensors, std::string_view where) {
  tensors_ = std::move(tensors);
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
}

const TensorInfo* TensorFile::find(std::string_view name) const {
  const auto at = std::lower_bound(
      by_name_.begin(), by_name_.end(), name,
      [&](uint32_t i, std::string_view wanted) { return tensors_[i].name < wanted; });
  if (at == by_name_.end() || tensors_[*at].name != name) return nullptr;
  return &tensors_[*at];
}

void TensorFile::read(const TensorInfo& tensor, uint64_t offset, std::span<std::byte> out) const {
  if (offset > tensor.bytes || out.size() > tensor.bytes - offset) {
    throw fail(ErrorCode::invalid_argument,
               "tensor '{}' of '{}': has {} bytes, asked for {} from {}", shown(tensor.name),
               shown(path().string()), tensor.bytes, out.size(), offset);
  }
  file_.read_at(tensor.offset + offset, out);
}

}  // namespace ominix::formats
