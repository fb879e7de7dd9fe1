#pragma once

#include <string>
#include <string_view>

#include "base/utf8.h"

namespace ominix::text {

// A word from a file, fit for the one line of an Error: valid UTF-8, no control characters, short.
inline std::string shown(std::string_view word) {
  constexpr size_t kMost = 64;
  std::string out = utf8::sanitize(word.substr(0, utf8::complete_prefix(word.substr(0, kMost))));
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  }
  if (word.size() > kMost) out += "…";
  return out;
}

}  // namespace ominix::text
