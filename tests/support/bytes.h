#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace ominix::testing {

// Little-endian bytes, one value after the other, for files that tests make.
class Bytes {
 public:
  template <class T>
    requires std::is_arithmetic_v<T>
  Bytes& add(T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    text_.append(raw, sizeof value);
    return *this;
  }
  Bytes& add(std::string_view text) {
    text_ += text;
    return *this;
  }
  template <class T>
  Bytes& add(std::span<const T> values) {
    for (T v : values) add(v);
    return *this;
  }
  Bytes& align(size_t alignment) {
    text_.resize((text_.size() + alignment - 1) / alignment * alignment, '\0');
    return *this;
  }

  const std::string& str() const { return text_; }

 private:
  std::string text_;
};

// A safetensors file from its header's JSON and its data.
inline std::string safetensors_bytes(std::string_view json, std::string_view data = {}) {
  return Bytes().add<uint64_t>(json.size()).add(json).add(data).str();
}

}  // namespace ominix::testing
