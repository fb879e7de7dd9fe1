#include "cli/line_editor.h"

#include <histedit.h>
#include <unistd.h>

#include <clocale>
#include <cstdio>
#include <cstring>
#include <iostream>

#include "cli/terminal.h"

namespace ominix::cli {

struct LineEditor::State {
  State() : editor(::el_init("ominix", stdin, stdout, stderr)), history(::history_init()) {
    HistEvent event;
    ::history(history, &event, H_SETSIZE, 1000);
    ::history(history, &event, H_SETUNIQUE, 1);
    ::el_set(editor, EL_CLIENTDATA, this);
    ::el_set(
        editor, EL_PROMPT, +[](EditLine* e) {
          State* self = nullptr;
          ::el_get(e, EL_CLIENTDATA, &self);
          return self->prompt.data();
        });
    ::el_set(editor, EL_EDITOR, "emacs");
    ::el_set(editor, EL_HIST, ::history, history);
    ::el_set(editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
    ::el_source(editor, nullptr);  // the user's ~/.editrc
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    ::el_end(editor);  // gives the terminal back as it was
    ::history_end(history);
  }

  EditLine* editor;
  History* history;
  std::string prompt;
};

LineEditor::LineEditor() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) return;
  // The editor counts characters by the locale; without one in UTF-8 it would take bytes apart.
  if (!std::setlocale(LC_CTYPE, "") ||
      std::strstr(std::setlocale(LC_CTYPE, nullptr), "UTF") == nullptr) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
  }
  state_ = std::make_unique<State>();
}

LineEditor::~LineEditor() = default;

LineEditor::Line LineEditor::read(const std::string& prompt) {
  const InterruptScope interrupt;
  if (!state_) {
    Line line;
    if (!std::getline(std::cin, line.text)) line.end = End::end_of_input;
    if (interrupted()) line.end = End::interrupted;
    return line;
  }
  state_->prompt = prompt;
  int count = 0;
  const char* text = ::el_gets(state_->editor, &count);
  if (interrupted()) {
    std::fputs("\n", stdout);
    return {End::interrupted, {}};
  }
  if (!text || count <= 0) {
    std::fputs("\n", stdout);
    return {End::end_of_input, {}};
  }
  std::string line(text, static_cast<size_t>(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return {End::line, std::move(line)};
}

void LineEditor::remember(const std::string& line) {
  if (!state_ || line.empty()) return;
  HistEvent event;
  ::history(state_->history, &event, H_ENTER, line.c_str());
}

}  // namespace ominix::cli
