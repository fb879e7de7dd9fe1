#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace ominix::formats {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

// The file from front to back, in pieces; knows what is left.
class FileReader {
 public:
  FileReader(const File& file, std::string_view where)
      : file_(file), where_(where), buffer_(std::min<uint64_t>(file.size(), kPiece)) {}

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return file_.size() - position_; }
  void seek(uint64_t position) { position_ = position; }

  // Fails unless `count` things of `bytes` bytes each can still follow.
  void expect(uint64_t count, uint64_t bytes, std::string_view what) const {
    if (count > remaining() / bytes) {
      throw fail(ErrorCode::corrupt_data, "{}: {} {} at byte {}, but only {} bytes follow", where_,
                 count, what, position_, remaining());
    }
  }

  void read(void* out, uint64_t size) {
    expect(size, 1, "bytes");
    auto* to = static_cast<std::byte*>(out);
    while (size > 0) {
      if (position_ < start_ || position_ >= start_ + filled_) {
        start_ = position_;
        filled_ = std::min<uint64_t>(remaining(), buffer_.size());
        file_.read_at(start_, std::span(buffer_).first(filled_));
      }
      const uint64_t n = std::min(size, start_ + filled_ - position_);
      std::memcpy(to, buffer_.data() + (position_ - start_), n);
      to += n, size -= n, position_ += n;
    }
  }

  template <class T>
  T number() {
    T value;
    read(&value, sizeof value);
    return value;
  }

  std::string string(uint64_t longest, std::string_view what) {
    const auto size = number<uint64_t>();
    expect(size, 1, "bytes of text");
    if (size > longest) {
      throw fail(ErrorCode::too_big, "{}: {} of {} bytes, expected at most {}", where_, what, size,
                 longest);
    }
    std::string text(size, '\0');
    read(text.data(), size);
    return text;
  }

  void skip(uint64_t size) {
    expect(size, 1, "bytes of text");
    position_ += size;
  }

 private:
  static constexpr uint64_t kPiece = 1u << 18;

  const File& file_;
  std::string_view where_;
  std::vector<std::byte> buffer_;
  uint64_t position_ = 0, start_ = 0, filled_ = 0;
};

}  // namespace ominix::formats
