#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ominix::text {

// A set of byte strings that answers which of them start a text: a sorted list, narrowed byte by
// byte. Small in memory also for a million strings.
class PrefixIndex {
 public:
  struct Item {
    std::string_view text;
    int32_t value;
  };

  PrefixIndex() = default;
  // Empty strings are left out; of equal strings the last one counts.
  explicit PrefixIndex(std::vector<Item> items);

  bool empty() const { return entries_.empty(); }
  bool may_start(char first) const {
    const auto b = static_cast<uint8_t>(first);
    return first_[b] != first_[b + 1u];
  }

  // visit(value, length) for every string that `text` starts with, shortest first.
  template <class Visit>
  void each_prefix(std::string_view text, Visit&& visit) const {
    if (text.empty() || entries_.empty()) return;
    const auto b = static_cast<uint8_t>(text[0]);
    size_t low = first_[b], high = first_[b + 1u];
    for (size_t depth = 1; low < high; ++depth) {
      if (entries_[low].size == depth) {
        visit(entries_[low].value, depth);
        ++low;
      }
      if (depth == text.size() || low == high) return;
      narrow(depth, static_cast<uint8_t>(text[depth]), low, high);
    }
  }

  struct Match {
    int32_t value = -1;
    size_t length = 0;
  };
  Match longest(std::string_view text) const {
    Match best;
    each_prefix(text, [&](int32_t value, size_t length) { best = {value, length}; });
    return best;
  }

 private:
  struct Entry {
    uint32_t begin, size;
    int32_t value;
  };
  uint8_t byte_at(size_t entry, size_t depth) const {
    return static_cast<uint8_t>(bytes_[entries_[entry].begin + depth]);
  }
  // Keeps the entries of [low, high) whose byte at `depth` is `byte`.
  void narrow(size_t depth, uint8_t byte, size_t& low, size_t& high) const;

  std::string bytes_;
  std::vector<Entry> entries_;
  std::array<uint32_t, 257> first_{};
};

}  // namespace ominix::text
