#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace ominix::store {

// FIPS 180-4, section 6.2.
class Sha256 {
 public:
  void update(std::span<const std::byte> bytes);
  std::string hex();  // of everything so far; ends the computation

 private:
  void block(const uint8_t* data);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending_{};
  size_t filled_ = 0;
  uint64_t size_ = 0;
};

// Of a whole file. Errors: those of File.
std::string sha256_of(const std::filesystem::path& path);

}  // namespace ominix::store
