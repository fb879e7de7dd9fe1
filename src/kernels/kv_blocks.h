#pragma once

#include <memory>
#include <vector>

#include "kernels/arena.h"
#include "kernels/cpu/table.h"
#include "kernels/kv.h"

namespace ominix::kernels {

// Where things lie in a block of 256 tokens, in floats. Each head has its keys as 16 panels of
// (Dk, 16 tokens), then its values as panels of (256 tokens, 16 channels): both are what a product
// with 16 outputs a panel reads in order. Channels past Dv are zero.
struct KvLayout {
  int heads, key_dim, value_dim;

  explicit KvLayout(const KvSpec& spec)
      : heads(spec.kv_heads), key_dim(spec.key_dim), value_dim(spec.value_dim) {}
  int value_panels() const { return (value_dim + kLanes - 1) / kLanes; }
  int64_t keys_size() const { return int64_t{KvState::kBlock} * key_dim; }
  int64_t values_size() const { return int64_t{KvState::kBlock} * value_panels() * kLanes; }
  int64_t keys(int head) const { return head * (keys_size() + values_size()); }
  int64_t values(int head) const { return keys(head) + keys_size(); }
  int64_t size() const { return heads * (keys_size() + values_size()); }
};

struct KvBlock {
  Arena memory;
  int states = 0;  // KvStates that hold it; graph nodes that do are not counted
  float* data() const { return reinterpret_cast<float*>(memory.data()); }
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
