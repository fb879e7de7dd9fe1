#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/dtype.h"
#include "formats/gguf_types.h"
#include "support/bytes.h"

namespace ominix::testing {

// GGUF files for tests, right or wrong:
//   std::string file = GgufBuilder().key("general.architecture", "llama")
//                          .array("scores", std::vector<float>{…})
//                          .tensor("w", DType::q4_0, {8, 32}, bytes).build();
// The counts in the header can be overridden, and keys and tensors added as raw bytes.
class GgufBuilder {
 public:
  // Type numbers of values.
  enum Tag : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array_, u64, i64, f64 };

  uint32_t version = 3;
  uint64_t alignment = 32;  // of the layout; write the key yourself
  std::optional<uint64_t> tensor_count, key_count;
  bool pad_last = true;

  template <class T>
    requires std::is_arithmetic_v<T>
  GgufBuilder& key(std::string_view name, T value) {
    return raw_key(name, tag_of<T>(), Bytes().add(value).str());
  }
  GgufBuilder& key(std::string_view name, std::string_view value) {
    return raw_key(name, string, text(value));
  }
  GgufBuilder& key(std::string_view name, const char* value) {
    return key(name, std::string_view(value));
  }

  template <class T>
    requires std::is_arithmetic_v<T>
  GgufBuilder& array(std::string_view name, const std::vector<T>& values) {
    Bytes b;
    const uint32_t tag = tag_of<T>();
    b.add(tag).add(uint64_t{values.size()});
    for (T v : values) b.add(v);
    return raw_key(name, array_, b.str());
  }
  GgufBuilder& array(std::string_view name, const std::vector<std::string>& values) {
    Bytes b;
    b.add<uint32_t>(string).add<uint64_t>(values.size());
    for (const auto& v : values) b.add(text(v));
    return raw_key(name, array_, b.str());
  }
  GgufBuilder& raw_key(std::string_view name, uint32_t tag, std::string_view value) {
    keys_.add(text(name)).add(tag).add(value);
    ++keys_added_;
    return *this;
  }

  // `shape` outermost first, as everywhere in OminiX.
  GgufBuilder& tensor(std::string_view name, DType type, std::vector<uint64_t> shape,
                      std::string_view data) {
    raw_tensor(name, {shape.rbegin(), shape.rend()}, formats::gguf_type_id(type).value(),
               data_.str().size());
    data_size_ = data_.str().size() + data.size();
    data_.add(data).align(alignment);
    return *this;
  }
  template <class T>
  GgufBuilder& tensor(std::string_view name, DType type, std::vector<uint64_t> shape,
                      const std::vector<T>& data) {
    return tensor(name, type, std::move(shape),
                  {reinterpret_cast<const char*>(data.data()), data.size() * sizeof(T)});
  }
  // Dimensions as written: fastest first.
  GgufBuilder& raw_tensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type,
                          uint64_t offset) {
    infos_.add(text(name)).add<uint32_t>(static_cast<uint32_t>(dims.size()));
    for (uint64_t d : dims) infos_.add(d);
    infos_.add(type).add(offset);
    ++tensors_added_;
    return *this;
  }
  // Bytes that belong to raw tensors.
  GgufBuilder& raw_data(std::string_view data) {
    data_.add(data);
    data_size_ = data_.str().size();
    return *this;
  }

  std::string build() const {
    Bytes b;
    b.add("GGUF").add(version).add(tensor_count.value_or(tensors_added_));
    b.add(key_count.value_or(keys_added_)).add(keys_.str()).add(infos_.str());
    if (tensors_added_ > 0) b.align(alignment);
    const std::string_view data = data_.str();
    return b.add(pad_last ? data : data.substr(0, data_size_)).str();
  }

  static std::string text(std::string_view value) {
    return Bytes().add<uint64_t>(value.size()).add(value).str();
  }

 private:
  template <class T>
  static constexpr uint32_t tag_of() {
    if constexpr (std::is_same_v<T, bool>)
      return boolean;
    else if constexpr (std::is_same_v<T, uint8_t>)
      return u8;
    else if constexpr (std::is_same_v<T, int8_t>)
      return i8;
    else if constexpr (std::is_same_v<T, uint16_t>)
      return u16;
    else if constexpr (std::is_same_v<T, int16_t>)
      return i16;
    else if constexpr (std::is_same_v<T, uint32_t>)
      return u32;
    else if constexpr (std::is_same_v<T, int32_t>)
      return i32;
    else if constexpr (std::is_same_v<T, uint64_t>)
      return u64;
    else if constexpr (std::is_same_v<T, int64_t>)
      return i64;
    else if constexpr (std::is_same_v<T, float>)
      return f32;
    else {
      static_assert(std::is_same_v<T, double>);
      return f64;
    }
  }

  Bytes keys_, infos_, data_;
  uint64_t keys_added_ = 0, tensors_added_ = 0;
  size_t data_size_ = 0;
};

}  // namespace ominix::testing
