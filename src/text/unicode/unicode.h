#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Character properties (Unicode 16.0), case mappings and normalization forms (data of Unicode 9.0,
// as the reference tokenizers have it; decision 0101).
namespace ominix::text::unicode {

enum class Category : uint8_t {
  // clang-format off
  Cn, Lu, Ll, Lt, Lm, Lo, Mn, Mc, Me, Nd, Nl, No, Pc, Pd, Ps, Pe, Pi, Pf, Po,
  Sm, Sc, Sk, So, Zs, Zl, Zp, Cc, Cf, Cs, Co
  // clang-format on
};

// A set of categories as bits, 1 << category.
using CategorySet = uint32_t;
constexpr CategorySet bit(Category c) { return 1u << static_cast<unsigned>(c); }

inline constexpr CategorySet kLetter = bit(Category::Lu) | bit(Category::Ll) | bit(Category::Lt) |
                                       bit(Category::Lm) | bit(Category::Lo);
inline constexpr CategorySet kMark = bit(Category::Mn) | bit(Category::Mc) | bit(Category::Me);
inline constexpr CategorySet kNumber = bit(Category::Nd) | bit(Category::Nl) | bit(Category::No);
inline constexpr CategorySet kPunctuation =
    bit(Category::Pc) | bit(Category::Pd) | bit(Category::Ps) | bit(Category::Pe) |
    bit(Category::Pi) | bit(Category::Pf) | bit(Category::Po);
inline constexpr CategorySet kSymbol =
    bit(Category::Sm) | bit(Category::Sc) | bit(Category::Sk) | bit(Category::So);
inline constexpr CategorySet kSeparator = bit(Category::Zs) | bit(Category::Zl) | bit(Category::Zp);
inline constexpr CategorySet kOther = bit(Category::Cn) | bit(Category::Cc) | bit(Category::Cf) |
                                      bit(Category::Cs) | bit(Category::Co);

Category category(char32_t c);
inline bool is_in(char32_t c, CategorySet set) {
  return set >> static_cast<unsigned>(category(c)) & 1;
}

// What steps of the reference tokenizers call so: categories of other versions of Unicode, one
// each.
enum class Kind : uint8_t {
  punctuation,  // P
  number,       // N
  mark,         // M
  nonspacing,   // Mn
  control,      // Cc, Cf, Co
};
bool is_kind(char32_t c, Kind kind);

// White_Space.
constexpr bool is_space(char32_t c) {
  return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

// Alphabetic, mark, decimal number, connector punctuation or join control: \w of UTS 18.
bool is_word(char32_t c);

// Mappings of one character without context; may be several characters.
void append_lower(std::string& out, char32_t c);
void append_upper(std::string& out, char32_t c);
void append_title(std::string& out, char32_t c);

// The characters that equal `c` when case is ignored share one representative.
char32_t fold(char32_t c);
// Every character that equals another one, with its representative.
std::vector<std::pair<char32_t, char32_t>> fold_pairs();

// The ranges of a script by its name in lower case ("han"), for the scripts that patterns name;
// empty for others.
std::vector<std::pair<char32_t, char32_t>> script_ranges(std::string_view name);

enum class Form : uint8_t { nfc, nfd, nfkc, nfkd };

// `text` is valid UTF-8.
std::string normalize(std::string_view text, Form form);
// Whether normalize() would return the same text, decided fast: false may be a false alarm.
bool is_surely_normal(std::string_view text, Form form);

}  // namespace ominix::text::unicode
