#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace ominix::log {

enum class Level { error, warning, info, debug };

// Lines at or above this level go to standard error; warning by default, -v lowers it.
void set_level(Level level);
bool enabled(Level level);

// One line. Control characters are escaped: a log line stays one line.
void write(Level level, std::string_view text);

template <class... Args>
void warning(fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::warning))
    write(Level::warning, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void info(fmt::format_string<Args...> text, Args&&... args) {
  if (enabled(Level::info)) write(Level::info, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace ominix::log
