#pragma once

#include <memory>
#include <vector>

#include "kernels/arena.h"
#include "kernels/cpu/table.h"
#include "kernels/gpu/gpu.h"
#include "kernels/kv.h"

namespace ominix::kernels {

// Where things lie in a block of 256 tokens. Each head has its keys as 16 panels of (Dk, 16
// tokens), then its values as panels of (256 tokens, 16 channels): both are what a product with 16
// outputs a panel reads in order. Channels past Dv are zero. Elements are float32 or, quantized,
// int8; then the scales of all heads follow, float32, (256 tokens) for each 64 channels, keys
// first.
struct KvLayout {
  static constexpr int kGroup = 64;  // channels that share a scale

  int heads, key_dim, value_dim;
  bool quantized;

  explicit KvLayout(const KvSpec& spec)
      : heads(spec.kv_heads),
        key_dim(spec.key_dim),
        value_dim(spec.value_dim),
        quantized(spec.quantized) {}
  int value_panels() const { return (value_dim + kLanes - 1) / kLanes; }
  int key_groups() const { return (key_dim + kGroup - 1) / kGroup; }
  int value_groups() const { return (value_dim + kGroup - 1) / kGroup; }
  // In elements.
  int64_t keys_size() const { return int64_t{KvState::kBlock} * key_dim; }
  int64_t values_size() const { return int64_t{KvState::kBlock} * value_panels() * kLanes; }
  int64_t keys(int head) const { return head * (keys_size() + values_size()); }
  int64_t values(int head) const { return keys(head) + keys_size(); }
  int64_t size() const { return heads * (keys_size() + values_size()); }
  static int64_t key_at(int token, int channel, int key_dim) {
    return (int64_t{token / kLanes} * key_dim + channel) * kLanes + token % kLanes;
  }
  static int64_t value_at(int token, int channel) {
    return (int64_t{channel / kLanes} * KvState::kBlock + token) * kLanes + channel % kLanes;
  }
  // In scales, from the first of them on.
  int64_t key_scales(int head) const {
    return int64_t{head} * (key_groups() + value_groups()) * KvState::kBlock;
  }
  int64_t value_scales(int head) const {
    return key_scales(head) + int64_t{key_groups()} * KvState::kBlock;
  }
  int64_t scales_offset() const { return (size() + 63) / 64 * 64; }  // in bytes
  int64_t bytes() const {
    return quantized ? scales_offset() + key_scales(heads) * static_cast<int64_t>(sizeof(float))
                     : size() * static_cast<int64_t>(sizeof(float));
  }
};

struct KvBlock {
  Arena memory;
  int states = 0;  // KvStates that hold it; graph nodes that do are not counted
  float* data() const { return reinterpret_cast<float*>(memory.data()); }
  // Of a quantized block.
  int8_t* whole() const { return reinterpret_cast<int8_t*>(memory.data()); }
  float* scales(const KvLayout& layout) const {
    return reinterpret_cast<float*>(memory.data() + layout.scales_offset());
  }
};

// A state's hold on a block.
class KvBlockRef {
 public:
  explicit KvBlockRef(std::shared_ptr<KvBlock> block) : block_(std::move(block)) {
    block_->states++;
  }
  KvBlockRef(const KvBlockRef& other) : KvBlockRef(other.block_) {}
  KvBlockRef(KvBlockRef&& other) noexcept = default;
  KvBlockRef& operator=(KvBlockRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~KvBlockRef() {
    if (block_) block_->states--;
  }
  const std::shared_ptr<KvBlock>& block() const { return block_; }
  bool shared() const { return block_->states > 1; }

 private:
  std::shared_ptr<KvBlock> block_;
};

struct KvState::Blocks {
  KvSpec spec;
  int64_t length = 0;
  int64_t first = 0;  // index of blocks[0]: earlier ones were dropped
  std::vector<KvBlockRef> blocks;
  gpu::KvArrays gpu;  // instead of blocks where gpu::in_use()

  int64_t first_token() const { return gpu.keys ? gpu.first : first * kBlock; }
};

// What one row of a step reads and writes, decided when the graph is built.
struct KvAppend {
  int64_t start = 0;                             // the row's tokens before the step
  int length = 0;                                // new tokens
  int64_t first = 0;                             // index of blocks[0]
  std::vector<std::shared_ptr<KvBlock>> blocks;  // up to and with the new tokens
  struct Copy {
    std::shared_ptr<KvBlock> from, to;
  };
  std::vector<Copy> copies;  // to be made before writing: blocks that other states share
};

// Makes room for `length` tokens, advances the state and drops what its window has passed.
KvAppend append(KvState& state, int length);

}  // namespace ominix::kernels
