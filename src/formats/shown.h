#pragma once

#include <string>
#include <string_view>

namespace ominix::formats {

// A name from a file, fit for the one line of an Error: valid UTF-8, no control characters, short.
std::string shown(std::string_view name);

}  // namespace ominix::formats
