#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ominix::text {

inline constexpr int32_t kNoToken = -1;

// Mixes bytes into 64 bits with a secret drawn once a process, so that a file cannot choose tokens
// that collide.
uint64_t hash_bytes(std::string_view bytes);

// Token strings by id, and ids by string. Built once, then only read (thread-safe).
class Vocabulary {
 public:
  struct Entry {
    std::string_view token;
    int32_t id;
  };

  Vocabulary() = default;
  // Ids may leave holes, but not be far beyond the number of tokens. `where` starts error texts.
  // Errors: corrupt_data (negative id, id or token twice), too_big.
  Vocabulary(std::span<const Entry> entries, std::string_view where);

  // One past the largest id.
  size_t size() const { return begin_.empty() ? 0 : begin_.size() - 1; }
  // Empty for a hole.
  std::string_view token(int32_t id) const {
    if (id < 0 || static_cast<size_t>(id) >= size()) return {};
    return std::string_view(bytes_).substr(
        begin_[static_cast<size_t>(id)],
        begin_[static_cast<size_t>(id) + 1] - begin_[static_cast<size_t>(id)]);
  }
  bool has(int32_t id) const {
    return id >= 0 && static_cast<size_t>(id) < size() && present_[static_cast<size_t>(id)];
  }
  // kNoToken when it is not there.
  int32_t find(std::string_view token) const { return find(token, hash_bytes(token)); }
  // With the token's hash_bytes(), for callers that looked ahead.
  int32_t find(std::string_view token, uint64_t hash) const {
    if (slots_.empty()) return kNoToken;
    const auto tag = static_cast<uint32_t>(hash >> 32);
    for (size_t at = hash & mask_;; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.id == kNoToken) return kNoToken;
      if (slot.tag == tag && this->token(slot.id) == token) return slot.id;
    }
  }
  void prefetch(uint64_t hash) const {
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash & mask_]);
  }

 private:
  struct Slot {
    uint32_t tag = 0;
    int32_t id = kNoToken;
  };

  std::string bytes_;
  std::vector<uint32_t> begin_;  // of each id, and the end
  std::vector<bool> present_;
  std::vector<Slot> slots_;
  size_t mask_ = 0;
};

// (left id, right id) -> rank and the id of the joined token.
class MergeTable {
 public:
  struct Merge {
    uint32_t rank;
    int32_t id;
  };

  void reserve(size_t merges);
  // A pair that is set again takes the later merge, as in the reference.
  void set(int32_t left, int32_t right, Merge merge);
  const Merge* find(int32_t left, int32_t right) const {
    if (slots_.empty()) return nullptr;
    const uint64_t key = join(left, right);
    for (size_t at = mix(key) & mask_;; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.key == key) return &slot.merge;
      if (slot.key == kFree) return nullptr;
    }
  }
  size_t size() const { return used_; }

 private:
  static constexpr uint64_t kFree = ~uint64_t{0};
  struct Slot {
    uint64_t key = kFree;
    Merge merge{};
  };
  static uint64_t join(int32_t left, int32_t right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  static uint64_t mix(uint64_t key);
  void grow(size_t slots);

  std::vector<Slot> slots_;
  size_t mask_ = 0, used_ = 0;
};

}  // namespace ominix::text
