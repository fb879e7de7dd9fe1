#include "weights/scope.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/error.h"
#include "mlx/ops.h"

namespace mx = mlx::core;

namespace ominix::weights {
namespace {

constexpr size_t kNamesShown = 5;

mx::Shape to_mlx(const Shape& shape) { return mx::Shape(shape.begin(), shape.end()); }

// Dense bytes as a float32 array.
array to_float32(const StoredTensor& tensor, const std::string& name) {
  const auto dtype = [&] {
    switch (tensor.type) {
      case DType::f32:
        return mx::float32;
      case DType::f16:
        return mx::float16;
      case DType::bf16:
        return mx::bfloat16;
      default:
        throw fail(ErrorCode::unsupported,
                   "weights: tensor '{}' has type {}, expected f32, f16 or bf16", name,
                   to_string(tensor.type));
    }
  }();
  mx::allocator::Data data = mx::allocator::malloc(std::max<uint64_t>(tensor.bytes, 1));
  if (data.buffer().ptr() == nullptr) {
    throw fail(ErrorCode::out_of_memory, "weights: no memory for tensor '{}' of {} bytes", name,
               tensor.bytes);
  }
  auto buffer = data.buffer();
  tensor.read(0, {static_cast<std::byte*>(buffer.raw_ptr()), tensor.bytes});
  array out(std::move(data), to_mlx(tensor.shape), dtype);
  if (dtype == mx::float32) return out;
  out = mx::astype(out, mx::float32);
  out.eval();
  return out;
}

std::string listed(const std::vector<std::string>& names) {
  const size_t shown = std::min(names.size(), kNamesShown);
  std::string out = fmt::format("'{}'", fmt::join(names.begin(), names.begin() + shown, "', '"));
  if (names.size() > shown) out += fmt::format(" and {} more", names.size() - shown);
  return out;
}

}  // namespace

Loader::Loader(std::unique_ptr<Source> source, Progress progress)
    : source_(std::move(source)), progress_(std::move(progress)) {}

void Loader::finish() const {
  std::vector<std::string> unused;
  for (std::string& name : source_->names()) {
    if (!used_.contains(name)) unused.push_back(std::move(name));
  }
  if (problems_.empty() && unused.empty()) return;
  std::string text = fmt::format("weights: {} does not fit its configuration:", source_->where());
  const size_t shown = std::min(problems_.size(), kNamesShown);
  if (!problems_.empty())
    text += fmt::format(" {}", fmt::join(problems_.begin(), problems_.begin() + shown, "; "));
  if (problems_.size() > shown) text += fmt::format(" and {} more", problems_.size() - shown);
  if (!unused.empty()) {
    text += fmt::format("{} tensors that the model does not have: {}", problems_.empty() ? "" : ";",
                        listed(unused));
  }
  throw Error(ErrorCode::corrupt_data, text);
}

std::string Scope::child(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

Scope Scope::operator/(std::string_view name) const { return {loader_, child(name)}; }

Scope Scope::operator/(int index) const { return {loader_, child(std::to_string(index))}; }

bool Scope::has(std::string_view name) const { return loader_->source_->has(child(name)); }

array Scope::tensor(std::string_view name, const Shape& shape) const {
  const std::string full = child(name);
  const auto found = loader_->source_->tensor(full, shape);
  loader_->used_.insert(full);
  if (!found) {
    loader_->problems_.push_back(
        fmt::format("tensor '{}' is missing, expected {}", full, to_string(shape)));
    return mx::zeros(to_mlx(shape), mx::float32);
  }
  if (found->shape != shape) {
    loader_->problems_.push_back(fmt::format("tensor '{}' has shape {}, expected {}", full,
                                             to_string(found->shape), to_string(shape)));
    return mx::zeros(to_mlx(shape), mx::float32);
  }
  array out = to_float32(*found, full);
  loader_->parameters_ += out.size();
  loader_->loaded_ += found->bytes;
  if (loader_->progress_) loader_->progress_(loader_->loaded_);
  return out;
}

std::optional<kernels::MatrixSource> Scope::matrix_source(int64_t rows, int64_t cols) const {
  std::vector<std::string> used;
  std::optional<kernels::MatrixSource> found;
  try {
    found = loader_->source_->matrix(path_, rows, cols, used);
  } catch (const Error& e) {
    if (e.code() != ErrorCode::corrupt_data) throw;
    // "weights: tensor …": the loader adds its own "weights:" in finish().
    const std::string_view text = e.what();
    loader_->problems_.emplace_back(text.starts_with("weights: ") ? text.substr(9) : text);
    used.push_back(path_ + ".weight");
    found = std::nullopt;
    loader_->used_.insert(used.begin(), used.end());
    return std::nullopt;
  }
  loader_->used_.insert(used.begin(), used.end());
  if (!found) {
    loader_->problems_.push_back(
        fmt::format("tensor '{}.weight' is missing, expected ({}, {})", path_, rows, cols));
  }
  return found;
}

kernels::Matrix Scope::pack(const kernels::MatrixSource& source) const {
  if (loader_->only_account_) return kernels::Matrix::dense(mx::zeros({1, 1}));
  kernels::Matrix out = kernels::Matrix::pack(source);
  loader_->parameters_ += static_cast<uint64_t>(source.rows * source.cols);
  for (int plane = 0; plane < source.planes(); ++plane) {
    loader_->loaded_ += source.row_bytes(plane) * static_cast<uint64_t>(source.rows);
  }
  if (loader_->progress_) loader_->progress_(loader_->loaded_);
  return out;
}

kernels::Matrix Scope::matrix(int64_t rows, int64_t cols) const {
  const auto source = matrix_source(rows, cols);
  if (!source) return kernels::Matrix::dense(mx::zeros({1, 1}));  // finish() will throw
  return pack(*source);
}

bool can_join(const kernels::MatrixSource& a, const kernels::MatrixSource& b) {
  return a.cols == b.cols && a.encoding.mode == b.encoding.mode &&
         a.encoding.type == b.encoding.type && a.encoding.bits == b.encoding.bits &&
         a.encoding.group_size == b.encoding.group_size;
}

kernels::MatrixSource join_rows(std::vector<kernels::MatrixSource> parts) {
  kernels::MatrixSource out = parts.at(0);
  out.rows = 0;
  for (const auto& part : parts) out.rows += part.rows;
  const auto shape = out;  // for row_bytes
  out.read = [parts = std::move(parts), shape](int plane, int64_t first, int64_t count,
                                               std::byte* bytes) {
    for (const auto& part : parts) {
      if (first < part.rows && count > 0) {
        const int64_t n = std::min(count, part.rows - first);
        part.read(plane, first, n, bytes);
        bytes += static_cast<uint64_t>(n) * shape.row_bytes(plane);
        count -= n;
        first = 0;
      } else {
        first -= part.rows;
      }
    }
  };
  return out;
}

}  // namespace ominix::weights
