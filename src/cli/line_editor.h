#pragma once

#include <memory>
#include <optional>
#include <string>

namespace ominix::cli {

// Reads lines from standard input: on a terminal with editing and a history of this session (arrow
// keys, Ctrl-R), elsewhere plainly and without prompts.
class LineEditor {
 public:
  LineEditor();
  ~LineEditor();

  enum class End { line, interrupted, end_of_input };
  struct Line {
    End end = End::line;
    std::string text;  // UTF-8 as typed, without the newline
  };
  Line read(const std::string& prompt);
  void remember(const std::string& line);
  bool on_terminal() const { return state_ != nullptr; }

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ominix::cli
