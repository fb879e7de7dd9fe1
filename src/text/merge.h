#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <queue>
#include <vector>

namespace ominix::text {

// A token in the making: bytes [begin, begin + size) of the piece.
struct Symbol {
  int32_t id;
  uint32_t begin, size;
};

inline constexpr uint32_t kNoRank = ~uint32_t{0};

struct Join {
  uint32_t rank = kNoRank;
  int32_t id = -1;
};

// Byte-pair merging: again and again joins the neighbours of lowest rank, the left-most of equals.
// `join(left, right)` returns the rank and id of joining two symbols. n log n for long pieces.
class Merger {
 public:
  template <class JoinOf>
  void run(std::vector<Symbol>& symbols, JoinOf&& join) {
    if (symbols.size() < 2) return;
    if (symbols.size() <= kShort) {
      run_short(symbols, join);
    } else {
      run_long(symbols, join);
    }
  }

 private:
  static constexpr size_t kShort = 40;

  template <class JoinOf>
  void run_short(std::vector<Symbol>& symbols, JoinOf& join) {
    Join joins[kShort];
    size_t n = symbols.size();
    Symbol* s = symbols.data();
    for (size_t i = 0; i + 1 < n; ++i) joins[i] = join(s[i], s[i + 1]);
    while (n > 1) {
      size_t best = 0;
      for (size_t i = 1; i + 1 < n; ++i) {
        if (joins[i].rank < joins[best].rank) best = i;
      }
      if (joins[best].rank == kNoRank) break;
      s[best].id = joins[best].id;
      s[best].size += s[best + 1].size;
      --n;
      std::copy(s + best + 2, s + n + 1, s + best + 1);
      if (best + 1 < n) {
        std::copy(joins + best + 2, joins + n, joins + best + 1);
        joins[best] = join(s[best], s[best + 1]);
      }
      if (best > 0) joins[best - 1] = join(s[best - 1], s[best]);
    }
    symbols.resize(n);
  }

  struct Candidate {
    uint32_t rank, at, size;
    int32_t id;
    bool operator<(const Candidate& other) const {  // of a max-heap: the smallest on top
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };

  template <class JoinOf>
  void run_long(std::vector<Symbol>& symbols, JoinOf& join) {
    const size_t n = symbols.size();
    constexpr uint32_t kEnd = ~uint32_t{0};
    links_.resize(n);
    heap_.clear();
    const auto offer = [&](uint32_t left, uint32_t right) {
      const Join j = join(symbols[left], symbols[right]);
      if (j.rank == kNoRank) return;
      heap_.push_back({j.rank, left, symbols[left].size + symbols[right].size, j.id});
    };
    for (size_t i = 0; i < n; ++i) {
      links_[i] = {i == 0 ? kEnd : static_cast<uint32_t>(i - 1),
                   i + 1 == n ? kEnd : static_cast<uint32_t>(i + 1)};
      if (i + 1 < n) offer(static_cast<uint32_t>(i), static_cast<uint32_t>(i + 1));
    }
    std::make_heap(heap_.begin(), heap_.end());
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end());
      const Candidate top = heap_.back();
      heap_.pop_back();
      // Stale: one of the two has been joined with another since.
      const uint32_t right = links_[top.at].next;
      if (symbols[top.at].size == 0 || right == kEnd ||
          symbols[top.at].size + symbols[right].size != top.size) {
        continue;
      }
      symbols[top.at].id = top.id;
      symbols[top.at].size = top.size;
      symbols[right].size = 0;
      const uint32_t next = links_[right].next;
      links_[top.at].next = next;
      const size_t before = heap_.size();
      if (next != kEnd) {
        links_[next].previous = top.at;
        offer(top.at, next);
      }
      if (links_[top.at].previous != kEnd) offer(links_[top.at].previous, top.at);
      for (size_t end = before + 1; end <= heap_.size(); ++end) {
        std::push_heap(heap_.begin(), heap_.begin() + static_cast<ptrdiff_t>(end));
      }
    }
    std::erase_if(symbols, [](const Symbol& s) { return s.size == 0; });
  }

  struct Link {
    uint32_t previous, next;
  };
  std::vector<Link> links_;
  std::vector<Candidate> heap_;
};

}  // namespace ominix::text
