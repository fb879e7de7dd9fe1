#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace ominix::cli {

// Set by the first Ctrl-C inside an InterruptScope; what runs should then stop soon.
bool interrupted();

// While one exists, Ctrl-C asks instead of ending the process. A second one ends it. The outermost
// one counts from zero.
class InterruptScope {
 public:
  InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;
  ~InterruptScope();
};

inline constexpr int kInterrupted = 130;

// A bar on standard error, on a terminal only, and only for work that takes over a second.
class ProgressBar {
 public:
  explicit ProgressBar(std::string title);
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  ~ProgressBar() { clear(); }
  void clear();
  void update(uint64_t done, uint64_t total);

 private:
  std::string title_;
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point started_, drawn_;
};

// Writes to standard output at once. False when nobody reads it any more (a closed pipe).
bool print(std::string_view text);

// The text without control characters other than newline and tab: a terminal would obey them.
std::string printable(std::string_view text);

}  // namespace ominix::cli
