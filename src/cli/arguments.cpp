#include "cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace ominix::cli {
namespace {

constexpr Option kCommon[] = {
    {"json", "", "print one JSON object (or one a line where results stream)"},
    {"device", "cpu|gpu", "where to compute (cpu)"},
    {"threads", "N", "CPU threads (all cores)"},
    {"exact", "", "float32 activations throughout: slower, the reference's arithmetic"},
    {"verbose", "", "say more on standard error; also -v"},
    {"help", "", "this text; also -h"},
};

const Option* find(const Command& command, std::string_view name) {
  for (const Option& option : command.options) {
    if (option.name == name) return &option;
  }
  for (const Option& option : kCommon) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

UsageError wrong(const Command& command, const std::string& text) {
  return UsageError(fmt::format("ominix {0}: {1}; see `ominix {0} --help`", command.name, text));
}

}  // namespace

std::span<const Option> common_options() { return kCommon; }

Arguments::Arguments(const Command& command, std::span<const std::string_view> words) {
  bool only_positional = false;
  for (size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words[i];
    if (only_positional || word == "-" || !word.starts_with("-")) {
      positional_.emplace_back(word);
      continue;
    }
    if (word == "--") {
      only_positional = true;
      continue;
    }
    if (word == "-v") word = "--verbose";
    if (word == "-h") word = "--help";
    if (word == "-p") word = "--prompt-tokens";
    if (word == "-n") word = "--max-tokens";
    if (word == "-b") word = "--batch";
    if (!word.starts_with("--")) throw wrong(command, fmt::format("unknown option '{}'", word));
    word.remove_prefix(2);
    const size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const Option* option = find(command, name);
    if (!option) throw wrong(command, fmt::format("unknown option '--{}'", name));
    if (option->value.empty()) {
      if (equals != std::string_view::npos) {
        throw wrong(command, fmt::format("option '--{}' takes no value", name));
      }
      values_.emplace(name, "");
    } else if (equals != std::string_view::npos) {
      values_.emplace(name, word.substr(equals + 1));
    } else if (i + 1 < words.size()) {
      values_.emplace(name, words[++i]);
    } else {
      throw wrong(command, fmt::format("option '--{}' needs a value: {}", name, option->value));
    }
  }
  if (has("help")) return;
  if (positional_.size() < command.min_positional) {
    throw wrong(command,
                fmt::format("expected {}, found {} of them", command.usage, positional_.size()));
  }
  if (positional_.size() > command.max_positional) {
    throw wrong(command, fmt::format("did not expect '{}'", positional_[command.max_positional]));
  }
}

std::string Arguments::text(std::string_view option, std::string fallback) const {
  // The last one counts, as people expect who append to a command.
  const auto [first, last] = values_.equal_range(option);
  return first == last ? std::move(fallback) : std::prev(last)->second;
}

std::vector<std::string> Arguments::all(std::string_view option) const {
  std::vector<std::string> out;
  const auto [first, last] = values_.equal_range(option);
  for (auto it = first; it != last; ++it) out.push_back(it->second);
  return out;
}

int64_t Arguments::integer(std::string_view option, int64_t fallback, int64_t least,
                           int64_t most) const {
  if (!has(option)) return fallback;
  const std::string value = text(option);
  int64_t out = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  if (error != std::errc() || end != value.data() + value.size() || out < least || out > most) {
    throw UsageError(fmt::format("--{} is '{}', expected a whole number from {} to {}", option,
                                 value, least, most));
  }
  return out;
}

double Arguments::number(std::string_view option, double fallback, double least,
                         double most) const {
  if (!has(option)) return fallback;
  const std::string value = text(option);
  double out = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  if (error != std::errc() || end != value.data() + value.size() ||
      !(out >= least && out <= most)) {
    throw UsageError(
        fmt::format("--{} is '{}', expected a number from {} to {}", option, value, least, most));
  }
  return out;
}

std::string help(const Command& command) {
  std::string out =
      fmt::format("ominix {} {} [options]\n\n{}\n", command.name, command.usage, command.summary);
  if (!command.examples.empty()) out += fmt::format("\nExamples\n{}", command.examples);
  const auto list = [&](std::string_view title, std::span<const Option> options) {
    if (options.empty()) return;
    out += fmt::format("\n{}\n", title);
    for (const Option& option : options) {
      std::string left = fmt::format("--{}", option.name);
      if (!option.value.empty()) left += fmt::format(" {}", option.value);
      out += fmt::format("  {:<28} {}\n", left, option.help);
    }
  };
  list("Options", command.options);
  list("Every command", kCommon);
  return out;
}

}  // namespace ominix::cli
