#include "base/utf8.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace ominix::utf8 {
namespace {

struct Lead {
  size_t length;            // bytes in the sequence, 0: cannot start one
  unsigned char low, high;  // range of the second byte (Unicode table 3-7)
};

Lead lead_of(unsigned char c) {
  if (c < 0x80) return {1, 0, 0};
  if (c < 0xC2) return {0, 0, 0};
  if (c < 0xE0) return {2, 0x80, 0xBF};
  if (c == 0xE0) return {3, 0xA0, 0xBF};
  if (c == 0xED) return {3, 0x80, 0x9F};
  if (c < 0xF0) return {3, 0x80, 0xBF};
  if (c == 0xF0) return {4, 0x90, 0xBF};
  if (c < 0xF4) return {4, 0x80, 0xBF};
  if (c == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

// Number of bytes at `at` that are a well-formed sequence or the start of one.
size_t matched(std::string_view text, size_t at, const Lead& lead) {
  size_t n = 1;
  for (; n < lead.length && at + n < text.size(); ++n) {
    const auto c = static_cast<unsigned char>(text[at + n]);
    const unsigned char low = n == 1 ? lead.low : 0x80, high = n == 1 ? lead.high : 0xBF;
    if (c < low || c > high) break;
  }
  return n;
}

}  // namespace

char32_t decode(std::string_view text, size_t& at, bool* valid) {
  const auto first = static_cast<unsigned char>(text[at]);
  const Lead lead = lead_of(first);
  if (valid) *valid = true;
  if (lead.length == 1) {
    ++at;
    return first;
  }
  const size_t n = lead.length == 0 ? 1 : matched(text, at, lead);
  if (lead.length == 0 || n < lead.length) {
    if (valid) *valid = false;
    at += n;
    return kReplacement;
  }
  char32_t c = first & (0x7F >> lead.length);
  for (size_t i = 1; i < n; ++i) c = c << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3F);
  at += n;
  return c;
}

void append(std::string& out, char32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) c = kReplacement;
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

bool is_valid(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    uint64_t eight = 0x80;
    if (at + 8 <= text.size()) std::memcpy(&eight, text.data() + at, 8);
    if ((eight & 0x8080808080808080u) == 0) {  // ASCII
      at += 8;
      continue;
    }
    bool valid = true;
    decode(text, at, &valid);
    if (!valid) return false;
  }
  return true;
}

std::string sanitize(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) append(out, decode(text, at));
  return out;
}

size_t complete_prefix(std::string_view text) {
  // A sequence has at most four bytes, so only the last three can be an unfinished one.
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const size_t at = text.size() - back;
    const Lead lead = lead_of(static_cast<unsigned char>(text[at]));
    if (lead.length > back && matched(text, at, lead) == back) return at;
  }
  return text.size();
}

}  // namespace ominix::utf8
