#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ominix::text {

// Standard alphabet, padding optional; nothing when there is a foreign character.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace ominix::text
