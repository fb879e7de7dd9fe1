#include "cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace ominix::cli {
namespace {

constexpr Option kCommon[] = {
    {"json", "", "print one JSON object (or one a line where results stream)"},
    {"device", "cpu|gpu", "where to compute (the GPU where this build and machine have one)"},
    {"threads", "N", "CPU threads (all cores)"},
    {"seed", "N", "of everything that is drawn at random (0): the same seed, the same text"},
    {"exact", "", "float32 activations throughout: slower, the reference's arithmetic"},
    {"verbose", "", "say more on standard error", 'v'},
    {"help", "", "this text", 'h'},
};

// "--name" or "-n", without what follows '='.
const Option* find(const Command& command, std::string_view word) {
  const auto is_meant = [&](const Option& option) {
    return word.starts_with("--")
               ? word.substr(2) == option.name
               : option.letter != 0 && word.substr(1) == std::string_view(&option.letter, 1);
  };
  for (const auto options : {std::span<const Option>(command.options), common_options()}) {
    const auto found = std::ranges::find_if(options, is_meant);
    if (found != options.end()) return &*found;
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
    const std::string_view word = words[i];
    if (only_positional || word == "-" || !word.starts_with("-")) {
      positional_.emplace_back(word);
      continue;
    }
    if (word == "--") {
      only_positional = true;
      continue;
    }
    const size_t equals = word.find('=');
    const std::string_view shown = word.substr(0, equals);
    const Option* option = find(command, shown);
    if (!option) throw wrong(command, fmt::format("unknown option '{}'", shown));
    if (option->value.empty()) {
      if (equals != std::string_view::npos) {
        throw wrong(command, fmt::format("option '{}' takes no value", shown));
      }
      values_.emplace(option->name, "");
    } else if (equals != std::string_view::npos) {
      values_.emplace(option->name, word.substr(equals + 1));
    } else if (i + 1 < words.size()) {
      values_.emplace(option->name, words[++i]);
    } else {
      throw wrong(command, fmt::format("option '{}' needs a value: {}", shown, option->value));
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

std::string Arguments::text(std::string_view option, std::string_view fallback) const {
  // The last one counts, as people expect who append to a command.
  const auto [first, last] = values_.equal_range(option);
  return first == last ? std::string(fallback) : std::prev(last)->second;
}

std::vector<std::string> Arguments::all(std::string_view option) const {
  std::vector<std::string> out;
  const auto [first, last] = values_.equal_range(option);
  for (auto it = first; it != last; ++it) out.push_back(it->second);
  return out;
}

template <class T>
T Arguments::number(std::string_view option, T fallback, std::type_identity_t<T> least,
                    std::type_identity_t<T> most) const {
  if (!has(option)) return fallback;
  const std::string value = text(option);
  T out{};
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
  if (error == std::errc() && end == value.data() + value.size() && out >= least && out <= most) {
    return out;
  }
  throw UsageError(fmt::format("--{} is '{}', expected a {} from {} to {}", option, value,
                               std::is_integral_v<T> ? "whole number" : "number", least, most));
}

template int Arguments::number(std::string_view, int, int, int) const;
template int64_t Arguments::number(std::string_view, int64_t, int64_t, int64_t) const;
template uint64_t Arguments::number(std::string_view, uint64_t, uint64_t, uint64_t) const;
template float Arguments::number(std::string_view, float, float, float) const;
template double Arguments::number(std::string_view, double, double, double) const;

std::string help(const Command& command) {
  std::string out =
      fmt::format("ominix {} {} [options]\n\n{}\n", command.name, command.usage, command.summary);
  if (!command.examples.empty()) out += fmt::format("\nExamples\n{}", command.examples);
  const auto list = [&](std::string_view title, std::span<const Option> options) {
    if (options.empty()) return;
    out += fmt::format("\n{}\n", title);
    for (const Option& option : options) {
      std::string left = option.letter ? fmt::format("-{}, ", option.letter) : "    ";
      left += fmt::format("--{}", option.name);
      if (!option.value.empty()) left += fmt::format(" {}", option.value);
      out += fmt::format("  {:<30} {}\n", left, option.help);
    }
  };
  list("Options", command.options);
  list("Every command", kCommon);
  return out;
}

}  // namespace ominix::cli
