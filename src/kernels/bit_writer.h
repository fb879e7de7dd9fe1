#pragma once

#include <cstddef>
#include <cstdint>

namespace ominix::kernels {

// Appends numbers of `bits` bits to a little-endian stream: how MLX packs whole numbers.
class BitWriter {
 public:
  BitWriter(std::byte* out, int bits) : out_(out), bits_(bits) {}
  void put(uint32_t value) {
    held_ |= static_cast<uint64_t>(value) << count_;
    for (count_ += bits_; count_ >= 8; count_ -= 8, held_ >>= 8) {
      *out_++ = static_cast<std::byte>(held_);
    }
  }

 private:
  std::byte* out_;
  uint64_t held_ = 0;
  int count_ = 0, bits_;
};

}  // namespace ominix::kernels
