#pragma once

#include <cstdint>
#include <memory>

namespace ominix::kernels {

// What one attention layer must remember of a sequence.
struct KvSpec {
  int kv_heads = 0;
  int key_dim = 0;
  int value_dim = 0;
  int window = 0;  // only the last `window` tokens are ever looked at again; 0: all
};

// Keys and values of one layer of one sequence, in blocks of 256 tokens. Copies share the blocks
// they have in common until one of them writes (prefix reuse). Grows as tokens come; with a window,
// blocks that can no longer be seen are dropped.
class KvState {
 public:
  static constexpr int kBlock = 256;

  explicit KvState(const KvSpec& spec);
  KvState(const KvState& other);  // shares
  KvState& operator=(const KvState& other);
  KvState(KvState&&) noexcept;
  KvState& operator=(KvState&&) noexcept;
  ~KvState();

  const KvSpec& spec() const;
  int64_t length() const;  // tokens appended so far
  uint64_t bytes() const;  // memory of its blocks, shared ones included
  // Forgets tokens from `length` on. Errors: invalid_argument when a window has dropped what would
  // be needed.
  void truncate(int64_t length);

  struct Blocks;  // the device's own storage
  Blocks& blocks();

 private:
  std::unique_ptr<Blocks> blocks_;
};

}  // namespace ominix::kernels
