#include "cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

namespace ominix::cli {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;
int g_scopes = 0;  // of the main thread

void on_interrupt(int) {
  g_interrupted = 1;
  std::signal(SIGINT, SIG_DFL);  // a second Ctrl-C ends the process
}

using Clock = std::chrono::steady_clock;

}  // namespace

bool interrupted() { return g_interrupted != 0; }

InterruptScope::InterruptScope() {
  if (g_scopes++ > 0) return;
  g_interrupted = 0;
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);  // no SA_RESTART: a read of the terminal returns
}

InterruptScope::~InterruptScope() {
  if (--g_scopes == 0) std::signal(SIGINT, SIG_DFL);
}

ProgressBar::ProgressBar(std::string title)
    : title_(std::move(title)), terminal_(::isatty(STDERR_FILENO) != 0), started_(Clock::now()) {}

void ProgressBar::clear() {
  if (shown_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

void ProgressBar::update(uint64_t done, uint64_t total) {
  if (!terminal_ || total == 0) return;
  const auto now = Clock::now();
  if (now - started_ < std::chrono::seconds(1)) return;
  if (shown_ && now - drawn_ < std::chrono::milliseconds(100) && done < total) return;
  constexpr uint64_t kWidth = 30;
  const uint64_t filled = std::min(done, total) * kWidth / total;
  fmt::print(stderr, "\r{} [{}{}] {:3}%", title_, std::string(filled, '#'),
             std::string(kWidth - filled, '.'), std::min(done, total) * 100 / total);
  std::fflush(stderr);
  shown_ = true;
  drawn_ = now;
}

std::string printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // U+0080 to U+009F are C2 80 to C2 9F.
    const bool c1 =
        c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (c1) {
      ++i;
    } else if ((c >= 0x20 && c != 0x7F) || c == '\n' || c == '\t') {
      out += text[i];
    }
  }
  return out;
}

bool print(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

}  // namespace ominix::cli
