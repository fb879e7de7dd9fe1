#include <ominix/output.h>

#include <algorithm>
#include <utility>

#include "text/output/calls.h"

namespace ominix {
namespace {

using text::output::CallEnd;
using text::output::Tools;
using Kind = OutputEvent::Kind;

constexpr std::string_view kSpace = " \n\t\r";

// Spaces that are held back because they may belong to what follows.
constexpr size_t kMostSpaces = 4096;
constexpr int kMostFailures = 64;

// `end` without the spaces before it.
size_t without_spaces(std::string_view s, size_t end) {
  const size_t least = end > kMostSpaces ? end - kMostSpaces : 0;
  while (end > least && kSpace.find(s[end - 1]) != kSpace.npos) --end;
  return end;
}

size_t spaces(std::string_view s) { return std::min(s.find_first_not_of(kSpace), s.size()); }

// Bytes at the end of `s` that may be the beginning of `mark`.
size_t partial(std::string_view s, std::string_view mark) {
  for (size_t n = std::min(s.size(), mark.size() - 1); n > 0; --n) {
    if (mark.starts_with(s.substr(s.size() - n))) return n;
  }
  return 0;
}

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

}  // namespace

OutputFormat OutputFormat::detect(std::string_view t) {
  OutputFormat out;
  using F = ToolFormat;
  constexpr std::pair<std::string_view, F> kTools[] = {
      {"<arg_key>", F::argument_tags},
      {"<function=", F::xml_function},
      {"[TOOL_CALLS]", F::bracket_mark},
      {"<|tool_call_start|>", F::pythonic_tags},
      {"<|tool_list_start|>", F::pythonic_tags},
      {"<tool_call>", F::json_tags},
      {"<|python_tag|>", F::whole_json},
      {"\"parameters\": dictionary of argument name", F::whole_json},
      {"func_name1(params_name1=params_value1", F::pythonic},
      {"# 可用工具", F::name_and_json},
  };
  for (const auto& [mark, format] : kTools) {
    if (!contains(t, mark)) continue;
    out.tools = format;
    break;
  }
  constexpr std::pair<std::string_view, std::string_view> kReasoning[] = {
      {"<think>", "</think>"},
      {"[THINK]", "[/THINK]"},
      {"<seed:think>", "</seed:think>"},
      {"<|thought_start|>", "<|thought_end|>"},
  };
  for (const auto& [begin, end] : kReasoning) {
    if (!contains(t, begin) && !contains(t, end)) continue;
    out.reasoning_begin = begin;
    out.reasoning_end = end;
    break;
  }
  return out;
}

struct OutputParser::State {
  enum class Where : uint8_t { start, reasoning, text, call };

  OutputFormat format;
  Tools tools;
  std::vector<std::string_view> marks;
  Where where = Where::start;
  bool may_reason = false;   // not yet, and the answer has only begun
  bool drop_spaces = false;  // those that the next text begins with
  bool after_call = false;
  std::string buffer;  // what is not decided
  CallEnd end{ToolFormat::none};
  int failures = 0;  // marks that began no call
  std::vector<OutputEvent> out;

  void emit(Kind kind, std::string_view piece) {
    if (piece.empty()) return;
    if (!out.empty() && out.back().kind == kind && kind != Kind::tool_call) {
      out.back().text += piece;
    } else {
      out.push_back({.kind = kind, .text = std::string(piece)});
    }
  }

  void run(bool final) {
    while (step(final)) {
    }
  }

  // Decides about the beginning of the buffer; false when nothing more can be decided.
  bool step(bool final) {
    switch (where) {
      case Where::start:
        return start(final);
      case Where::reasoning:
        return reason(final);
      case Where::text:
        return plain(final);
      case Where::call:
        return call(final);
    }
    return false;
  }

  void go(Where next, size_t consumed) {
    buffer.erase(0, consumed);
    where = next;
  }

  void begin_call(size_t consumed) {
    go(Where::call, consumed);
    may_reason = false;
    end = CallEnd(format.tools);
  }

  // Where an answer begins, or what follows reasoning or a call: behind spaces may stand reasoning,
  // or a call that has no mark of its own.
  bool start(bool final) {
    if (drop_spaces) buffer.erase(0, spaces(buffer));
    const size_t skip = spaces(buffer);
    if (skip > kMostSpaces) {
      go(Where::text, 0);
      return true;
    }
    const std::string_view rest = std::string_view(buffer).substr(skip);
    if (rest.empty()) {
      if (final) where = Where::text;
      return final && !buffer.empty();
    }
    if (may_reason) {
      const std::string_view mark = format.reasoning_begin;
      if (rest.starts_with(mark)) {
        may_reason = false;
        go(Where::reasoning, skip + mark.size());
        drop_spaces = true;
        return true;
      }
      if (!final && mark.starts_with(rest)) return false;
    }
    // Between calls, and behind the last, stands what belongs to them.
    if (after_call) {
      for (const std::string_view mark : {"</tool_call>", ";", "<|assistant|>"}) {
        const bool fits = mark == ";"               ? format.tools == ToolFormat::whole_json
                          : mark == "<|assistant|>" ? format.tools == ToolFormat::name_and_json
                                                    : format.tools == ToolFormat::xml_function;
        if (!fits) continue;
        if (rest.starts_with(mark)) {
          go(Where::start, skip + mark.size());
          return true;
        }
        if (!final && mark.starts_with(rest)) return false;
      }
    }
    const auto decided = unmarked_call(rest, final);
    if (!decided) return false;
    if (*decided) {
      begin_call(skip);
      return true;
    }
    may_reason = after_call = drop_spaces = false;
    go(Where::text, 0);
    return true;
  }

  // Whether a call without a mark begins here; nothing while that is open.
  std::optional<bool> unmarked_call(std::string_view rest, bool final) const {
    if (tools.empty()) return false;
    switch (format.tools) {
      case ToolFormat::whole_json:
        return rest.starts_with('{');
      case ToolFormat::pythonic:
        return rest.starts_with('[');
      case ToolFormat::name_and_json: {
        if (!tools.may_begin(rest)) return false;
        const size_t line = rest.find('\n');
        if (line != rest.npos && line + 1 < rest.size()) return true;
        return final ? std::optional(false) : std::nullopt;
      }
      default:
        return false;
    }
  }

  bool reason(bool final) {
    if (drop_spaces) {
      buffer.erase(0, spaces(buffer));
      if (buffer.empty()) return false;
      drop_spaces = false;
    }
    const std::string_view mark = format.reasoning_end;
    const std::string_view all = buffer;
    const size_t at = all.find(mark);
    if (at != all.npos) {
      emit(Kind::reasoning, all.substr(0, without_spaces(all, at)));
      go(Where::start, at + mark.size());
      drop_spaces = true;
      return true;
    }
    const size_t keep = final ? 0 : partial(all, mark);
    const size_t sure = without_spaces(all, all.size() - keep);
    emit(Kind::reasoning, all.substr(0, sure));
    buffer.erase(0, final ? buffer.size() : sure);
    return false;
  }

  bool plain(bool final) {
    const std::string_view all = buffer;
    size_t first = all.npos;
    for (const std::string_view mark : marks) first = std::min(first, all.find(mark));
    if (first != all.npos) {
      emit(Kind::text, all.substr(0, without_spaces(all, first)));
      begin_call(first);
      return true;
    }
    size_t keep = 0;
    if (!final) {
      for (const std::string_view mark : marks) keep = std::max(keep, partial(all, mark));
    }
    size_t sure = all.size() - keep;
    if (!final && !marks.empty()) sure = without_spaces(all, sure);
    emit(Kind::text, all.substr(0, sure));
    buffer.erase(0, sure);
    return false;
  }

  bool call(bool final) {
    size_t size = end.find(buffer);
    const bool complete = size != std::string::npos;
    if (!complete && !final) return false;
    if (!complete) size = buffer.size();
    const std::string_view raw = std::string_view(buffer).substr(0, size);
    size_t marked = 0;
    for (const std::string_view mark : marks) {
      if (raw.starts_with(mark)) marked = mark.size();
    }
    auto calls = text::output::read_calls(format.tools, tools, raw);
    if (calls) {
      std::ranges::move(*calls, std::back_inserter(out));
      go(Where::start, size);
      drop_spaces = after_call = true;
      return !buffer.empty();
    }
    // Answers full of marks without calls must not be searched again from each of them.
    if (++failures == kMostFailures) {
      format.tools = ToolFormat::none;
      marks.clear();
    }
    // No call after all. Its first character is text; what follows may hold a mark again.
    const size_t first = std::max<size_t>(1, marked);
    emit(Kind::text, raw.substr(0, first));
    go(Where::text, first);
    return !buffer.empty();
  }
};

OutputParser::OutputParser(const OutputFormat& format, std::string_view prompt,
                           std::string_view tools)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.format = format;
  s.tools = Tools(tools);
  if (s.tools.empty()) s.format.tools = ToolFormat::none;
  s.marks = text::output::call_marks(s.format.tools);
  const size_t end = prompt.find_last_not_of(kSpace);
  prompt = prompt.substr(0, end == prompt.npos ? 0 : end + 1);
  if (format.reasoning_begin.empty()) return;
  if (prompt.ends_with(format.reasoning_begin)) {
    s.where = State::Where::reasoning;
    s.drop_spaces = true;
  } else {
    s.may_reason = true;
  }
}

OutputParser::OutputParser(OutputParser&&) noexcept = default;
OutputParser& OutputParser::operator=(OutputParser&&) noexcept = default;
OutputParser::~OutputParser() = default;

std::vector<OutputEvent> OutputParser::push(std::string_view piece) {
  state_->buffer += piece;
  state_->run(false);
  return std::exchange(state_->out, {});
}

std::vector<OutputEvent> OutputParser::finish() {
  state_->run(true);
  return std::exchange(state_->out, {});
}

}  // namespace ominix
