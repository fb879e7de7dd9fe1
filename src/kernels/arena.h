#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

namespace ominix::kernels {

// Zeroed memory for weights and caches, on huge pages where the system has them. 64-byte aligned.
// Errors: out_of_memory.
class Arena {
 public:
  Arena() = default;
  explicit Arena(uint64_t size);
  Arena(Arena&& other) noexcept { *this = std::move(other); }
  Arena& operator=(Arena&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(mapped_, other.mapped_);
    return *this;
  }
  ~Arena();

  std::byte* data() const { return data_; }
  uint64_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  uint64_t size_ = 0;
  uint64_t mapped_ = 0;
};

}  // namespace ominix::kernels
