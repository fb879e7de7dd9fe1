#include "kernels/kv.h"

#include <algorithm>

#include "base/error.h"
#include "kernels/kv_blocks.h"

namespace ominix::kernels {
namespace {

constexpr int kBlock = KvState::kBlock;

std::shared_ptr<KvBlock> new_block(const KvSpec& spec) {
  auto block = std::make_shared<KvBlock>();
  block->memory = Arena(static_cast<uint64_t>(KvLayout(spec).bytes()));
  return block;
}

// Calls f(block, token of the block, index) for tokens [from, from + count).
template <class F>
void for_tokens(const KvState::Blocks& b, int64_t from, int64_t count, F f) {
  for (int64_t i = 0; i < count; i++) {
    const int64_t token = from + i;
    f(*b.blocks[static_cast<size_t>(token / kBlock - b.first)].block(),
      static_cast<int>(token % kBlock), i);
  }
}

// Calls f(address in the block, address in the row of the plane) for each element of a token.
template <class T, class Row, class F>
void for_elements(const KvLayout& l, std::string_view plane, const KvBlock& block, int token,
                  Row* row, F f) {
  T* data = reinterpret_cast<T*>(block.memory.data());
  for (int h = 0; h < l.heads; h++) {
    if (plane == "keys") {
      for (int d = 0; d < l.key_dim; d++)
        f(data[l.keys(h) + KvLayout::key_at(token, d, l.key_dim)], row[h * l.key_dim + d]);
    } else if (plane == "values") {
      for (int d = 0; d < l.value_dim; d++)
        f(data[l.values(h) + KvLayout::value_at(token, d)], row[h * l.value_dim + d]);
    } else {
      const bool keys = plane == "key_scales";
      const int groups = keys ? l.key_groups() : l.value_groups();
      const int64_t at = keys ? l.key_scales(h) : l.value_scales(h);
      for (int g = 0; g < groups; g++)
        f(reinterpret_cast<T*>(block.scales(l))[at + int64_t{g} * kBlock + token],
          row[h * groups + g]);
    }
  }
}

void check_on_cpu() {
  if (gpu::in_use()) {
    throw fail(ErrorCode::unsupported,
               "kernels: a KV state on a GPU as a file, expected one on the CPU; use --device cpu");
  }
}

void check_range(const KvState& state, int64_t from, int64_t count) {
  if (from < state.first() || count < 0 || count > state.length() - from) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: {} tokens from {} on of a KV state, expected some of {} to {}", count,
               from, state.first(), state.length());
  }
}

}  // namespace

uint64_t KvPlane::token_bytes() const {
  return static_cast<uint64_t>(heads) * static_cast<uint64_t>(width) * info(type).bytes;
}

std::vector<KvPlane> kv_planes(const KvSpec& spec) {
  const KvLayout l(spec);
  const DType type = spec.quantized ? DType::i8 : DType::f32;
  std::vector<KvPlane> out = {{"keys", type, l.heads, l.key_dim},
                              {"values", type, l.heads, l.value_dim}};
  if (spec.quantized) {
    out.push_back({"key_scales", DType::f32, l.heads, l.key_groups()});
    out.push_back({"value_scales", DType::f32, l.heads, l.value_groups()});
  }
  return out;
}

uint64_t kv_bytes(const KvSpec& spec, int64_t tokens) {
  const int64_t held = spec.window > 0 ? std::min<int64_t>(tokens, spec.window + kBlock) : tokens;
  return static_cast<uint64_t>((held + kBlock - 1) / kBlock) *
         static_cast<uint64_t>(KvLayout(spec).bytes());
}

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
  return sum + blocks_->gpu.bytes();
}

int64_t KvState::first() const { return blocks_->first_token(); }

void KvState::read(int plane, int64_t from, int64_t count, std::byte* out) const {
  check_on_cpu();
  check_range(*this, from, count);
  const KvLayout layout(spec());
  const KvPlane p = kv_planes(spec()).at(static_cast<size_t>(plane));
  for_tokens(*blocks_, from, count, [&](const KvBlock& block, int token, int64_t i) {
    std::byte* row = out + static_cast<uint64_t>(i) * p.token_bytes();
    const auto copy = [](const auto& in, auto& to) { to = in; };
    if (p.type == DType::i8) {
      for_elements<int8_t>(layout, p.name, block, token, reinterpret_cast<int8_t*>(row), copy);
    } else {
      for_elements<float>(layout, p.name, block, token, reinterpret_cast<float*>(row), copy);
    }
  });
}

void KvState::resize(int64_t first, int64_t length) {
  check_on_cpu();
  Blocks& b = *blocks_;
  if (b.length != 0 || first < 0 || first > length || first % kBlock != 0 ||
      (first > 0 &&
       (spec().window == 0 || first > std::max<int64_t>(0, length - spec().window + 1)))) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: a KV state of tokens {} to {} with a window of {}, expected a fresh state "
               "and all tokens that the window sees",
               first, length, spec().window);
  }
  b.first = first / kBlock;
  b.length = length;
  for (int64_t i = b.first; i * kBlock < length; i++) b.blocks.emplace_back(new_block(b.spec));
}

void KvState::write(int plane, int64_t from, int64_t count, const std::byte* in) {
  check_range(*this, from, count);
  const KvLayout layout(spec());
  const KvPlane p = kv_planes(spec()).at(static_cast<size_t>(plane));
  for_tokens(*blocks_, from, count, [&](const KvBlock& block, int token, int64_t i) {
    const std::byte* row = in + static_cast<uint64_t>(i) * p.token_bytes();
    const auto copy = [](auto& to, const auto& value) { to = value; };
    if (p.type == DType::i8) {
      for_elements<int8_t>(layout, p.name, block, token, reinterpret_cast<const int8_t*>(row),
                           copy);
    } else {
      for_elements<float>(layout, p.name, block, token, reinterpret_cast<const float*>(row), copy);
    }
  });
}

void KvState::truncate(int64_t length) {
  Blocks& b = *blocks_;
  if (length < 0 || length > b.length) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: a KV state cut to {} tokens, expected 0 to {}", length, b.length);
  }
  const int window = b.spec.window;
  const int64_t needed = window ? std::max<int64_t>(0, length - window + 1) : 0;
  if (length > 0 && needed < b.first_token()) {
    throw fail(
        ErrorCode::invalid_argument,
        "kernels: a KV state cut to {} tokens, but its window of {} has dropped the first {}",
        length, window, b.first_token());
  }
  b.length = length;
  const int64_t keep = (length + kBlock - 1) / kBlock;
  if (length == 0) b.first = 0, b.gpu = {};
  const auto held = static_cast<int64_t>(b.blocks.size());
  b.blocks.erase(b.blocks.begin() + std::clamp<int64_t>(keep - b.first, 0, held), b.blocks.end());
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
