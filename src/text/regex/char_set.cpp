#include "text/regex/char_set.h"

#include <algorithm>
#include <unordered_set>

namespace ominix::text {
namespace {

// Ranges of every category, found out once.
const std::array<std::vector<CharSet::Range>, 30>& category_ranges() {
  static const auto kRanges = [] {
    std::array<std::vector<CharSet::Range>, 30> out;
    char32_t first = 0;
    auto category = unicode::category(0);
    for (char32_t c = 1; c <= 0x110000; ++c) {
      const auto next = c == 0x110000 ? category : unicode::category(c);
      if (next == category && c != 0x110000) continue;
      out[static_cast<size_t>(category)].push_back({first, c - 1});
      first = c;
      category = next;
    }
    return out;
  }();
  return kRanges;
}

}  // namespace

CharSet CharSet::of(char32_t first, char32_t last) {
  CharSet out;
  out.ranges_.push_back({first, last});
  out.finish();
  return out;
}

CharSet CharSet::of(unicode::CategorySet categories) {
  CharSet out;
  for (size_t i = 0; i < category_ranges().size(); ++i) {
    if (categories >> i & 1) {
      const auto& ranges = category_ranges()[i];
      out.ranges_.insert(out.ranges_.end(), ranges.begin(), ranges.end());
    }
  }
  out.finish();
  return out;
}

CharSet& CharSet::add(const CharSet& other) {
  ranges_.insert(ranges_.end(), other.ranges_.begin(), other.ranges_.end());
  finish();
  return *this;
}

CharSet& CharSet::negate() {
  std::vector<Range> out;
  char32_t next = 0;
  for (const Range& r : ranges_) {
    if (r.first > next) out.push_back({next, r.first - 1});
    next = r.last + 1;
  }
  if (next <= kLast) out.push_back({next, kLast});
  ranges_ = std::move(out);
  finish();
  return *this;
}

CharSet& CharSet::intersect(const CharSet& other) {
  CharSet outside = other;
  outside.negate();
  return negate().add(outside).negate();
}

CharSet& CharSet::ignore_case() {
  std::unordered_set<char32_t> keys;
  for (const auto& [c, key] : unicode::fold_pairs()) {
    if (has(c)) keys.insert(key);
  }
  for (const auto& [c, key] : unicode::fold_pairs()) {
    if (keys.contains(key)) ranges_.push_back({c, c});
  }
  finish();
  return *this;
}

bool CharSet::has_wide(char32_t c) const {
  const auto it = std::upper_bound(ranges_.begin(), ranges_.end(), c,
                                   [](char32_t x, const Range& r) { return x < r.first; });
  return it != ranges_.begin() && std::prev(it)->last >= c;
}

void CharSet::finish() {
  std::sort(ranges_.begin(), ranges_.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  size_t kept = 0;
  for (const Range& r : ranges_) {
    if (kept != 0 && r.first <= ranges_[kept - 1].last + 1) {
      ranges_[kept - 1].last = std::max(ranges_[kept - 1].last, r.last);
    } else {
      ranges_[kept++] = r;
    }
  }
  ranges_.resize(kept);
  ascii_ = {};
  for (const Range& r : ranges_) {
    for (char32_t c = r.first; c <= r.last && c < 128; ++c)
      ascii_[c >> 6] |= uint64_t{1} << (c & 63);
  }
}

}  // namespace ominix::text
