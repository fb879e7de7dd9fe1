#include "base/log.h"

#include <atomic>
#include <cstdio>
#include <string>

namespace ominix::log {
namespace {

std::atomic<Level> g_level{Level::warning};

std::string_view prefix(Level level) {
  switch (level) {
    case Level::error:
      return "error: ";
    case Level::warning:
      return "warning: ";
    default:
      return "";
  }
}

}  // namespace

void set_level(Level level) { g_level = level; }

bool enabled(Level level) { return level <= g_level.load(std::memory_order_relaxed); }

void write(Level level, std::string_view text) {
  std::string line(prefix(level));
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 32 || byte == 127) {
      line += fmt::format("\\x{:02x}", byte);
    } else {
      line += c;
    }
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);  // one call: lines of threads do not mix
}

}  // namespace ominix::log
