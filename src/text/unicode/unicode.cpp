#include "text/unicode/unicode.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "base/utf8.h"

namespace ominix::text::unicode {
namespace {

struct Properties {
  uint8_t category, combining_class, flags;
};
struct CaseRow {
  uint32_t from, to, length;  // `to` is a character when length is 1, else an offset into a pool
};
struct ScriptRange {
  std::string_view script;
  uint32_t first, last;
};
struct Composition {
  uint32_t first, second, composed;
};

struct OddRange {
  char32_t first, last;
};

#include "text/unicode/tables.inc"

constexpr uint8_t kWord = 1;
constexpr std::array<uint8_t, 4> kSafe = {2, 4, 8, 16};  // by Form

// Hangul syllables are composed by arithmetic (Unicode 3.12).
constexpr char32_t kSBase = 0xAC00, kLBase = 0x1100, kVBase = 0x1161, kTBase = 0x11A7;
constexpr char32_t kLCount = 19, kVCount = 21, kTCount = 28, kSCount = kLCount * kVCount * kTCount;

const Properties& properties(char32_t c) {
  if (c > 0x10FFFF) c = 0;
  return kRecords[kStage2[kStage1[c >> 7] * 128u + (c & 127)]];
}

const CaseRow* find(std::span<const CaseRow> rows, char32_t c) {
  const auto it = std::lower_bound(rows.begin(), rows.end(), c,
                                   [](const CaseRow& row, char32_t key) { return row.from < key; });
  return it != rows.end() && it->from == c ? &*it : nullptr;
}

void append_mapped(std::string& out, char32_t c, std::span<const CaseRow> rows,
                   const char32_t* pool) {
  const CaseRow* row = find(rows, c);
  if (!row) {
    utf8::append(out, c);
  } else if (row->length == 1) {
    utf8::append(out, row->to);
  } else {
    for (uint32_t i = 0; i < row->length; ++i) utf8::append(out, pool[row->to + i]);
  }
}

void append_decomposed(std::u32string& out, char32_t c, bool compat) {
  if (c >= kSBase && c < kSBase + kSCount) {
    const char32_t s = c - kSBase;
    out += static_cast<char32_t>(kLBase + s / (kVCount * kTCount));
    out += static_cast<char32_t>(kVBase + s % (kVCount * kTCount) / kTCount);
    if (s % kTCount) out += static_cast<char32_t>(kTBase + s % kTCount);
    return;
  }
  const CaseRow* row = compat ? find(kCompat, c) : nullptr;
  if (!row) row = find(kCanonical, c);
  if (row) {
    out.append(kDecomposed + row->to, row->length);
  } else {
    out += c;
  }
}

// 0 when the two do not compose.
char32_t compose(char32_t a, char32_t b) {
  if (a >= kLBase && a < kLBase + kLCount && b >= kVBase && b < kVBase + kVCount) {
    return kSBase + ((a - kLBase) * kVCount + (b - kVBase)) * kTCount;
  }
  if (a >= kSBase && a < kSBase + kSCount && (a - kSBase) % kTCount == 0 && b > kTBase &&
      b < kTBase + kTCount) {
    return a + (b - kTBase);
  }
  const auto* it =
      std::lower_bound(std::begin(kCompositions), std::end(kCompositions), std::pair(a, b),
                       [](const Composition& row, const std::pair<char32_t, char32_t>& key) {
                         return std::pair<char32_t, char32_t>(row.first, row.second) < key;
                       });
  const bool found = it != std::end(kCompositions) && it->first == a && it->second == b;
  return found ? it->composed : 0;
}

void order_marks(std::u32string& s) {
  for (size_t i = 0; i < s.size();) {
    if (properties(s[i]).combining_class == 0) {
      ++i;
      continue;
    }
    size_t end = i + 1;
    while (end < s.size() && properties(s[end]).combining_class != 0) ++end;
    std::stable_sort(s.begin() + static_cast<ptrdiff_t>(i), s.begin() + static_cast<ptrdiff_t>(end),
                     [](char32_t x, char32_t y) {
                       return properties(x).combining_class < properties(y).combining_class;
                     });
    i = end;
  }
}

void compose_all(std::u32string& s) {
  size_t out = 0;
  size_t starter = std::u32string::npos;
  int last_class = -1;  // class of the last character kept after the starter, -1 right behind it
  for (const char32_t c : s) {
    const int combining = properties(c).combining_class;
    if (starter != std::u32string::npos && last_class < combining) {
      if (const char32_t joined = compose(s[starter], c)) {
        s[starter] = joined;
        continue;
      }
    }
    if (combining == 0) {
      starter = out;
      last_class = -1;
    } else {
      last_class = combining;
    }
    s[out++] = c;
  }
  s.resize(out);
}

// Characters from here on must be looked up; those before are safe in every composed form.
char32_t safe_below(Form form) {
  switch (form) {
    case Form::nfc:
      return 0x300;
    case Form::nfd:
      return 0xC0;
    default:
      return 0x80;
  }
}

}  // namespace

Category category(char32_t c) { return static_cast<Category>(properties(c).category); }

bool is_kind(char32_t c, Kind kind) {
  struct Set {
    CategorySet categories;
    std::span<const OddRange> odd;  // where it is the other way round
  };
  static constexpr Set kSets[] = {
      {kPunctuation, kOddPunctuation},
      {kNumber, kOddNumbers},
      {kMark, kOddMarks},
      {bit(Category::Mn), kOddNonspacing},
      {bit(Category::Cc) | bit(Category::Cf) | bit(Category::Co), kOddControls},
  };
  const Set& set = kSets[static_cast<size_t>(kind)];
  const auto range = std::ranges::lower_bound(set.odd, c, {}, &OddRange::last);
  const bool odd = range != set.odd.end() && range->first <= c;
  return is_in(c, set.categories) != odd;
}

bool is_word(char32_t c) { return properties(c).flags & kWord; }

void append_lower(std::string& out, char32_t c) { append_mapped(out, c, kLower, kLowerPool); }
void append_upper(std::string& out, char32_t c) { append_mapped(out, c, kUpper, kUpperPool); }
void append_title(std::string& out, char32_t c) { append_mapped(out, c, kTitle, kTitlePool); }

char32_t fold(char32_t c) {
  const CaseRow* row = find(kFold, c);
  return row ? row->to : c;
}

std::vector<std::pair<char32_t, char32_t>> fold_pairs() {
  std::vector<std::pair<char32_t, char32_t>> out;
  for (const CaseRow& row : kFold) out.emplace_back(row.from, row.to);
  return out;
}

std::vector<std::pair<char32_t, char32_t>> script_ranges(std::string_view name) {
  std::vector<std::pair<char32_t, char32_t>> out;
  for (const ScriptRange& row : kScripts) {
    if (row.script == name) out.emplace_back(row.first, row.last);
  }
  return out;
}

bool is_surely_normal(std::string_view text, Form form) {
  const char32_t low = safe_below(form);
  const uint8_t safe = kSafe[static_cast<size_t>(form)];
  for (size_t at = 0; at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const char32_t c = utf8::decode(text, at);
    if (c >= low && !(properties(c).flags & safe)) return false;
  }
  return true;
}

std::string normalize(std::string_view text, Form form) {
  const bool compat = form == Form::nfkc || form == Form::nfkd;
  const bool composed = form == Form::nfc || form == Form::nfkc;
  const uint8_t safe = kSafe[static_cast<size_t>(form)];
  std::string out;
  out.reserve(text.size());
  std::u32string buffer;
  const auto flush = [&] {
    order_marks(buffer);
    if (composed) compose_all(buffer);
    for (const char32_t c : buffer) utf8::append(out, c);
    buffer.clear();
  };
  // A safe character starts a new unit: nothing before it can change because of what follows it.
  for (size_t at = 0; at < text.size();) {
    const char32_t c = utf8::decode(text, at);
    const bool is_safe = properties(c).flags & safe;
    if (is_safe && !buffer.empty()) flush();
    append_decomposed(buffer, c, compat);
  }
  flush();
  return out;
}

}  // namespace ominix::text::unicode
