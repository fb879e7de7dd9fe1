#pragma once

#include <cstring>
#include <string>
#include <vector>

#include "weights/source.h"

namespace ominix::testing {

// A float32 tensor of a made-up checkpoint.
inline weights::StoredTensor stored(weights::Shape shape, std::vector<float> values) {
  weights::StoredTensor t{DType::f32, std::move(shape), values.size() * 4, nullptr};
  t.read = [values = std::move(values)](uint64_t offset, std::span<std::byte> out) {
    std::memcpy(out.data(), reinterpret_cast<const std::byte*>(values.data()) + offset, out.size());
  };
  return t;
}

inline std::vector<float> values_of(const weights::StoredTensor& t) {
  std::vector<float> out(t.bytes / 4);
  t.read(0, std::as_writable_bytes(std::span(out)));
  return out;
}

}  // namespace ominix::testing
