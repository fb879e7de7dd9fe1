#include "formats/shown.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace ominix::formats {

std::string shown(std::string_view name) {
  constexpr size_t kLongest = 96;
  const bool cut = name.size() > kLongest;
  if (cut) name = name.substr(0, utf8::complete_prefix(name.substr(0, kLongest)));
  std::string out;
  for (size_t at = 0; at < name.size();) {
    const char32_t c = utf8::decode(name, at);
    // U+2028 and U+2029 end a line in some viewers.
    if (c < 32 || (c >= 127 && c < 160) || c == 0x2028 || c == 0x2029) {
      out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    } else {
      utf8::append(out, c);
    }
  }
  if (cut) out += "…";
  return out;
}

}  // namespace ominix::formats
