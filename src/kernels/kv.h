#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/dtype.h"

namespace ominix::kernels {

// What one attention layer must remember of a sequence.
struct KvSpec {
  int kv_heads = 0;
  int key_dim = 0;
  int value_dim = 0;
  int window = 0;  // only the last `window` tokens are ever looked at again; 0: all
  // Keys and values as 8-bit whole numbers, one float32 scale for each 64 channels of a head and
  // token: about a quarter of the memory. Otherwise float32.
  bool quantized = false;

  bool operator==(const KvSpec&) const = default;
};

// Memory of `tokens` tokens of one sequence's layer, at most.
uint64_t kv_bytes(const KvSpec& spec, int64_t tokens);

// One array of what a state holds, token after token: (tokens, heads, width).
struct KvPlane {
  std::string_view name;  // "keys", "key_scales", "values", "value_scales"
  DType type = DType::f32;
  int heads = 0, width = 0;

  uint64_t token_bytes() const;
};
std::vector<KvPlane> kv_planes(const KvSpec& spec);

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

  // For files. The first token that is still held; 0 without a window.
  int64_t first() const;
  // Bytes of tokens [from, from + count) of a plane of kv_planes(), within [first(), length()).
  // Everything that was built on the state must have been evaluated.
  void read(int plane, int64_t from, int64_t count, std::byte* out) const;
  // Makes a fresh state hold tokens [first, length), to be filled by write(). Errors:
  // invalid_argument (not a state that a window leaves behind).
  void resize(int64_t first, int64_t length);
  void write(int plane, int64_t from, int64_t count, const std::byte* in);

  struct Blocks;  // the device's own storage
  Blocks& blocks();

 private:
  std::unique_ptr<Blocks> blocks_;
};

}  // namespace ominix::kernels
