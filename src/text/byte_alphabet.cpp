#include "text/byte_alphabet.h"

#include <array>

#include "base/utf8.h"

namespace ominix::text {
namespace {

constexpr std::string_view kForeign = "\xFF\xFF\xFF";  // cannot occur in UTF-8

constexpr bool is_plain(int b) {
  return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || (b >= 174 && b <= 255);
}

struct Tables {
  std::array<char16_t, 256> to_char{};
  std::array<int16_t, 512> to_byte{};
};

constexpr Tables kTables = [] {
  Tables t;
  for (int16_t& b : t.to_byte) b = -1;
  char16_t next = 256;
  for (int b = 0; b < 256; ++b) {
    const char16_t c = is_plain(b) ? static_cast<char16_t>(b) : next++;
    t.to_char[static_cast<size_t>(b)] = c;
    t.to_byte[c] = static_cast<int16_t>(b);
  }
  return t;
}();

}  // namespace

char32_t byte_to_char(uint8_t byte) { return kTables.to_char[byte]; }

int char_to_byte(char32_t c) { return c < kTables.to_byte.size() ? kTables.to_byte[c] : -1; }

std::string to_alphabet(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char b : bytes) utf8::append(out, byte_to_char(static_cast<uint8_t>(b)));
  return out;
}

std::optional<std::string> from_alphabet(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const int byte = char_to_byte(utf8::decode(text, at));
    if (byte < 0) return std::nullopt;
    out += static_cast<char>(byte);
  }
  return out;
}

std::string byte_key(std::string_view token) {
  std::string out;
  byte_key(token, out);
  return out;
}

void byte_key(std::string_view token, std::string& out) {
  out.clear();
  for (size_t at = 0; at < token.size();) {
    const auto first = static_cast<unsigned char>(token[at]);
    const int byte =
        first < 0x80 ? (++at, kTables.to_byte[first]) : char_to_byte(utf8::decode(token, at));
    if (byte < 0) {
      out = foreign_key(token);
      return;
    }
    out += static_cast<char>(byte);
  }
}

std::string foreign_key(std::string_view token) {
  return std::string(kForeign) + std::string(token);
}

std::string token_of_byte_key(std::string_view key) {
  if (key.starts_with(kForeign)) return std::string(key.substr(kForeign.size()));
  return to_alphabet(key);
}

int byte_of_fallback_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                             : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

std::string fallback_token(uint8_t byte) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  return {'<', '0', 'x', kHex[byte >> 4], kHex[byte & 15], '>'};
}

}  // namespace ominix::text
