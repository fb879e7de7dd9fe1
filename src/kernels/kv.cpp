#include "kernels/kv.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/kv_blocks.h"

namespace ominix::kernels {
namespace {

constexpr int kBlock = KvState::kBlock;

std::shared_ptr<KvBlock> new_block(const KvSpec& spec) {
  auto block = std::make_shared<KvBlock>();
  block->memory = Arena(KvLayout(spec).size() * sizeof(float));
  return block;
}

}  // namespace

KvState::KvState(const KvSpec& spec) : blocks_(std::make_unique<Blocks>()) {
  constexpr int kMost = 1 << 16;
  if (spec.kv_heads < 1 || spec.kv_heads > kMost || spec.key_dim < 1 || spec.key_dim > kMost ||
      spec.value_dim < 1 || spec.value_dim > kMost || spec.window < 0) {
    throw fail(
        ErrorCode::invalid_argument,
        "kernels: a KV state of {} heads, widths {} and {}, window {}, expected 1 to {} each",
        spec.kv_heads, spec.key_dim, spec.value_dim, spec.window, kMost);
  }
  blocks_->spec = spec;
}
KvState::KvState(const KvState& other) : blocks_(std::make_unique<Blocks>(*other.blocks_)) {}
KvState& KvState::operator=(const KvState& other) {
  blocks_ = std::make_unique<Blocks>(*other.blocks_);
  return *this;
}
KvState::KvState(KvState&&) noexcept = default;
KvState& KvState::operator=(KvState&&) noexcept = default;
KvState::~KvState() = default;

const KvSpec& KvState::spec() const { return blocks_->spec; }
int64_t KvState::length() const { return blocks_->length; }
KvState::Blocks& KvState::blocks() { return *blocks_; }

uint64_t KvState::bytes() const {
  uint64_t sum = 0;
  for (const KvBlockRef& ref : blocks_->blocks) sum += ref.block()->memory.size();
  return sum;
}

void KvState::truncate(int64_t length) {
  Blocks& b = *blocks_;
  if (length < 0 || length > b.length) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: a KV state cut to {} tokens, expected 0 to {}", length, b.length);
  }
  const int window = b.spec.window;
  const int64_t needed = window ? std::max<int64_t>(0, length - window + 1) : 0;
  if (length > 0 && needed < b.first * kBlock) {
    throw fail(
        ErrorCode::invalid_argument,
        "kernels: a KV state cut to {} tokens, but its window of {} has dropped the first {}",
        length, window, b.first * kBlock);
  }
  b.length = length;
  const int64_t keep = (length + kBlock - 1) / kBlock;
  if (length == 0) b.first = 0;
  b.blocks.erase(b.blocks.begin() + std::max<int64_t>(0, keep - b.first), b.blocks.end());
}

KvAppend append(KvState& state, int length) {
  KvState::Blocks& b = state.blocks();
  KvAppend plan{.start = b.length, .length = length, .first = b.first};
  const int64_t end = b.length + length;
  const int64_t count = (end + kBlock - 1) / kBlock - b.first;
  for (int64_t i = b.length / kBlock - b.first; i < count; i++) {
    if (i == static_cast<int64_t>(b.blocks.size())) {
      b.blocks.emplace_back(new_block(b.spec));
    } else if (b.blocks[i].shared()) {
      const auto from = b.blocks[i].block();
      b.blocks[i] = KvBlockRef(new_block(b.spec));
      plan.copies.push_back({from, b.blocks[i].block()});
    }
  }
  for (const KvBlockRef& ref : b.blocks) plan.blocks.push_back(ref.block());
  b.length = end;
  if (b.spec.window > 0) {
    const int64_t needed = std::max<int64_t>(0, end - b.spec.window + 1);
    const int64_t drop = std::min<int64_t>(needed / kBlock - b.first, b.blocks.size());
    if (drop > 0) {
      b.blocks.erase(b.blocks.begin(), b.blocks.begin() + drop);
      b.first += drop;
    }
  }
  return plan;
}

}  // namespace ominix::kernels
