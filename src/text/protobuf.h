#pragma once

#include <bit>
#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace ominix::text {

// Reads the fields of one protobuf message, in order (protobuf.dev/programming-guides/encoding).
class ProtobufReader {
 public:
  // `where` starts the text of errors. Errors of all members: corrupt_data.
  ProtobufReader(std::string_view message, std::string_view where)
      : rest_(message), where_(where) {}

  // Goes to the next field; false at the end. Its value must be read or skipped.
  bool next() {
    if (rest_.empty()) return false;
    const uint64_t tag = varint();
    field_ = tag >> 3;
    wire_ = static_cast<uint32_t>(tag & 7);
    if (field_ == 0) refuse("a field with the number 0");
    return true;
  }
  uint64_t field() const { return field_; }

  uint64_t integer() {
    expect(0);
    return varint();
  }
  bool boolean() { return integer() != 0; }
  float number() {
    expect(5);
    uint32_t bits = 0;
    const std::string_view raw = take(4);
    for (size_t i = 4; i-- > 0;) bits = bits << 8 | static_cast<uint8_t>(raw[i]);
    return std::bit_cast<float>(bits);
  }
  std::string_view bytes() {
    expect(2);
    return take(varint());
  }
  void skip() {
    switch (wire_) {
      case 0:
        varint();
        return;
      case 1:
        take(8);
        return;
      case 2:
        take(varint());
        return;
      case 5:
        take(4);
        return;
      default:
        refuse("a field of an unknown kind");
    }
  }

 private:
  [[noreturn]] void refuse(std::string_view reason) const {
    throw fail(ErrorCode::corrupt_data, "{}: not a protobuf message: {}", where_, reason);
  }
  void expect(uint32_t wire) const {
    if (wire_ != wire) refuse("a field of another kind than expected");
  }
  std::string_view take(uint64_t size) {
    if (size > rest_.size()) refuse("a field reaches past the end");
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<uint8_t>(take(1)[0]);
      value |= uint64_t{byte & 0x7Fu} << shift;
      if (byte < 0x80) return value;
    }
    refuse("a number of more than ten bytes");
  }

  std::string_view rest_, where_;
  uint64_t field_ = 0;
  uint32_t wire_ = 0;
};

}  // namespace ominix::text
