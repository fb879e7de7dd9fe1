#include "text/prefix_index.h"

#include <algorithm>

namespace ominix::text {

PrefixIndex::PrefixIndex(std::vector<Item> items) {
  std::stable_sort(items.begin(), items.end(),
                   [](const Item& a, const Item& b) { return a.text < b.text; });
  for (size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    if (item.text.empty()) continue;
    if (i + 1 < items.size() && items[i + 1].text == item.text) continue;
    entries_.push_back({static_cast<uint32_t>(bytes_.size()),
                        static_cast<uint32_t>(item.text.size()), item.value});
    bytes_ += item.text;
  }
  size_t at = 0;
  for (size_t b = 0; b < 256; ++b) {
    first_[b] = static_cast<uint32_t>(at);
    while (at < entries_.size() && byte_at(at, 0) == b) ++at;
  }
  first_[256] = static_cast<uint32_t>(entries_.size());
}

void PrefixIndex::narrow(size_t depth, uint8_t byte, size_t& low, size_t& high) const {
  constexpr size_t kFew = 8;
  while (high - low > kFew) {
    const size_t middle = low + (high - low) / 2;
    const uint8_t found = byte_at(middle, depth);
    if (found < byte) {
      low = middle + 1;
    } else if (found > byte) {
      high = middle;
    } else {
      // Both ends of the run of equal bytes, by bisection.
      size_t a = low, b = middle;
      while (a < b) {
        const size_t m = a + (b - a) / 2;
        if (byte_at(m, depth) < byte) {
          a = m + 1;
        } else {
          b = m;
        }
      }
      size_t c = middle + 1, d = high;
      while (c < d) {
        const size_t m = c + (d - c) / 2;
        if (byte_at(m, depth) == byte) {
          c = m + 1;
        } else {
          d = m;
        }
      }
      low = a;
      high = c;
      return;
    }
  }
  while (low < high && byte_at(low, depth) != byte) ++low;
  size_t end = low;
  while (end < high && byte_at(end, depth) == byte) ++end;
  high = end;
}

}  // namespace ominix::text
