#include "weights/rules.h"

#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/glob.h"

namespace ominix::weights {
namespace {

std::string fill(std::string_view replacement, const std::vector<std::string>& stars) {
  std::string out;
  size_t next = 0;
  for (char c : replacement) {
    if (c == '*' && next < stars.size()) {
      out += stars[next++];
    } else {
      out += c;
    }
  }
  return out;
}

void insert(TensorMap& tensors, std::string name, StoredTensor tensor) {
  if (!tensors.emplace(name, std::move(tensor)).second) {
    throw fail(ErrorCode::corrupt_data, "weights: two tensors of the checkpoint mean '{}'", name);
  }
}

// Calls `change` for every tensor whose name matches, on a snapshot of the names.
template <class F>
void for_each_match(TensorMap& tensors, const std::string& pattern, F change) {
  std::vector<std::pair<std::string, std::vector<std::string>>> found;
  for (const auto& [name, tensor] : tensors) {
    if (auto stars = match_stars(pattern, name)) found.emplace_back(name, std::move(*stars));
  }
  for (auto& [name, stars] : found) change(name, stars);
}

// Rows [first, first + count) of a tensor, as a tensor.
StoredTensor slice_rows(const StoredTensor& whole, int64_t first, int64_t count) {
  const uint64_t row = whole.bytes / static_cast<uint64_t>(whole.shape[0]);
  StoredTensor part = whole;
  part.shape[0] = count;
  part.bytes = row * static_cast<uint64_t>(count);
  part.read = [read = whole.read, start = row * static_cast<uint64_t>(first)](
                  uint64_t offset, std::span<std::byte> out) { read(start + offset, out); };
  return part;
}

}  // namespace

Rule drop(std::string pattern) {
  return [pattern = std::move(pattern)](TensorMap& tensors) {
    for_each_match(tensors, pattern, [&](const std::string& name, auto&) { tensors.erase(name); });
  };
}

Rule rename(std::string pattern, std::string replacement) {
  return [pattern = std::move(pattern), replacement = std::move(replacement)](TensorMap& tensors) {
    for_each_match(tensors, pattern, [&](const std::string& name, auto& stars) {
      std::string target = fill(replacement, stars);
      if (target == name) return;
      StoredTensor tensor = std::move(tensors.find(name)->second);
      tensors.erase(name);
      insert(tensors, std::move(target), std::move(tensor));
    });
  };
}

Rule reorder_rows(std::string pattern, std::function<int64_t(int64_t, int64_t)> from) {
  return [pattern = std::move(pattern), from = std::move(from)](TensorMap& tensors) {
    for_each_match(tensors, pattern, [&](const std::string& name, auto&) {
      StoredTensor& tensor = tensors.find(name)->second;
      const int64_t rows = tensor.shape.empty() ? 0 : tensor.shape[0];
      if (rows == 0) return;
      const uint64_t row_bytes = tensor.bytes / static_cast<uint64_t>(rows);
      tensor.read = [read = std::move(tensor.read), from, rows, row_bytes](
                        uint64_t offset, std::span<std::byte> out) {
        // Whole rows only: readers of matrices ask for nothing else.
        if (offset % row_bytes != 0 || out.size() % row_bytes != 0) {
          throw Error(ErrorCode::internal, "weights: reordered rows are read one by one");
        }
        for (uint64_t r = offset / row_bytes; !out.empty(); ++r) {
          const auto source = static_cast<uint64_t>(from(static_cast<int64_t>(r), rows));
          read(source * row_bytes, out.first(row_bytes));
          out = out.subspan(row_bytes);
        }
      };
    });
  };
}

Rule split_rows_in_half(std::string pattern, std::string first, std::string second) {
  return [pattern = std::move(pattern), first = std::move(first),
          second = std::move(second)](TensorMap& tensors) {
    for_each_match(tensors, pattern, [&](const std::string& name, auto& stars) {
      const StoredTensor tensor = tensors.find(name)->second;
      if (tensor.shape.empty() || tensor.shape[0] % 2 != 0) {
        throw fail(ErrorCode::corrupt_data,
                   "weights: tensor '{}' has shape {}, expected an even number of rows", name,
                   to_string(tensor.shape));
      }
      const int64_t half = tensor.shape[0] / 2;
      tensors.erase(name);
      insert(tensors, fill(first, stars), slice_rows(tensor, 0, half));
      insert(tensors, fill(second, stars), slice_rows(tensor, half, half));
    });
  };
}

Rule split_stack(std::string pattern, std::string replacement) {
  return [pattern = std::move(pattern), replacement = std::move(replacement)](TensorMap& tensors) {
    for_each_match(tensors, pattern, [&](const std::string& name, auto& stars) {
      const StoredTensor tensor = tensors.find(name)->second;
      if (tensor.shape.size() != 3 || tensor.shape[0] < 1) return;
      tensors.erase(name);
      const std::string target = fill(replacement, stars);
      const size_t at = target.find('#');
      for (int64_t i = 0; i < tensor.shape[0]; ++i) {
        StoredTensor part = slice_rows(tensor, i, 1);
        part.shape.erase(part.shape.begin());
        std::string numbered = target;
        insert(tensors, numbered.replace(at, 1, std::to_string(i)), std::move(part));
      }
    });
  };
}

Rule add_to_values(std::string pattern, float value) {
  return [pattern = std::move(pattern), value](TensorMap& tensors) {
    for_each_match(tensors, pattern, [&](const std::string& name, auto&) {
      StoredTensor& tensor = tensors.find(name)->second;
      if (tensor.type != DType::f32) {
        throw fail(ErrorCode::unsupported, "weights: tensor '{}' has type {}, expected f32", name,
                   to_string(tensor.type));
      }
      tensor.read = [read = std::move(tensor.read), value](uint64_t offset,
                                                           std::span<std::byte> out) {
        read(offset, out);
        for (size_t at = 0; at + 4 <= out.size(); at += 4) {
          float x;
          std::memcpy(&x, &out[at], 4);
          x += value;
          std::memcpy(&out[at], &x, 4);
        }
      };
    });
  };
}

void apply(const Rules& rules, TensorMap& tensors) {
  for (const Rule& rule : rules) rule(tensors);
}

}  // namespace ominix::weights
