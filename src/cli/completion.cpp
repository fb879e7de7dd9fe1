#include <fmt/format.h>

#include <string>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

// 'it''s' as every shell of ours reads it.
std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

template <class F>
void each_option(const Command& command, const F& f) {
  for (const Option& option : command.options) f(option);
  for (const Option& option : common_options()) f(option);
}

std::string names() {
  std::string out;
  for (const Command& command : commands()) out += std::string(command.name) + " ";
  return out + "help";
}

std::string bash() {
  std::string cases;
  for (const Command& command : commands()) {
    std::string words, takes;
    each_option(command, [&](const Option& o) {
      words += fmt::format("--{} ", o.name);
      if (o.letter) words += fmt::format("-{} ", o.letter);
      if (o.value.empty()) return;
      takes += fmt::format("{}--{}", takes.empty() ? "" : "|", o.name);
      if (o.letter) takes += fmt::format("|-{}", o.letter);
    });
    words.pop_back();
    cases += fmt::format("    {}) words={} takes={} ;;\n", command.name, in_quotes(words),
                         in_quotes(takes));
  }
  return fmt::format(
      R"sh(# bash completion of ominix: eval "$(ominix completion bash)"
_ominix() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words= takes=
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=($(compgen -W {0} -- "$word"))
    return
  fi
  case ${{COMP_WORDS[1]}} in
    help) words={0} ;;
{1}  esac
  if [[ ${{COMP_WORDS[1]}} == completion && $word != -* ]]; then words='bash zsh fish'; fi
  if [[ $before == --device ]]; then
    COMPREPLY=($(compgen -W 'cpu gpu' -- "$word"))
    return
  fi
  # A value of an option: bash completes file names.
  if [[ -n $takes && $before =~ ^($takes)$ ]]; then return; fi
  if [[ $word == -* || ${{COMP_WORDS[1]}} == completion || ${{COMP_WORDS[1]}} == help ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  fi
}}
complete -o default -F _ominix ominix
)sh",
      in_quotes(names()), cases);
}

std::string zsh() {
  // In _arguments, ':' and brackets of an explanation are special.
  const auto plain = [](std::string_view text) {
    std::string out;
    for (const char c : text) {
      if (c == ':' || c == '[' || c == ']' || c == '\\') out += '\\';
      out += c;
    }
    return out;
  };
  std::string list, cases;
  for (const Command& command : commands()) {
    list += "    " + in_quotes(fmt::format("{}:{}", command.name, plain(command.summary))) + "\n";
    cases += fmt::format("    {}) _arguments -S", command.name);
    each_option(command, [&](const Option& o) {
      std::string tail = fmt::format("[{}]", plain(o.help));
      if (o.name == "device") {
        tail += ":device:(cpu gpu)";
      } else if (!o.value.empty()) {
        tail += fmt::format(":{}:_files", plain(o.value));
      }
      cases += " \\\n      " + in_quotes(fmt::format("*--{}{}", o.name, tail));
      if (o.letter) cases += " \\\n      " + in_quotes(fmt::format("*-{}{}", o.letter, tail));
    });
    cases +=
        command.name == "completion" ? " ':shell:(bash zsh fish)' ;;\n" : " '*:file:_files' ;;\n";
  }
  return fmt::format(
      R"sh(#compdef ominix
# zsh completion of ominix: a file _ominix in a folder of $fpath, or source <(ominix completion zsh)
_ominix() {{
  local -a list
  list=(
{}  )
  if (( CURRENT == 2 )); then
    _describe command list
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{}  esac
}}
if [[ $funcstack[1] == _ominix ]]; then _ominix "$@"; else compdef _ominix ominix; fi
)sh",
      list, cases);
}

std::string fish() {
  // Inside single quotes fish escapes with a backslash.
  const auto text = [](std::string_view s) {
    std::string out = "'";
    for (const char c : s) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    }
    return out + "'";
  };
  std::string out = "# fish completion of ominix: ominix completion fish | source\n";
  for (const Command& command : commands()) {
    out += fmt::format("complete -c ominix -n __fish_use_subcommand -f -a {} -d {}\n", command.name,
                       text(command.summary));
    const std::string inside = fmt::format("-n '__fish_seen_subcommand_from {}'", command.name);
    if (command.name == "completion") {
      out += fmt::format("complete -c ominix {} -f -a 'bash zsh fish'\n", inside);
    }
    each_option(command, [&](const Option& o) {
      out += fmt::format("complete -c ominix {} -l {}", inside, o.name);
      if (o.letter) out += fmt::format(" -s {}", o.letter);
      if (o.name == "device") {
        out += " -x -a 'cpu gpu'";
      } else if (!o.value.empty()) {
        out += " -r";
      }
      out += fmt::format(" -d {}\n", text(o.help));
    });
  }
  return out;
}

int run(Arguments& args) {
  const std::string& shell = args[0];
  if (shell == "bash") {
    print(bash());
  } else if (shell == "zsh") {
    print(zsh());
  } else if (shell == "fish") {
    print(fish());
  } else {
    throw UsageError(fmt::format("ominix completion: '{}', expected bash, zsh or fish", shell));
  }
  return 0;
}

}  // namespace

Command completion_command() {
  return {.name = "completion",
          .usage = "SHELL",
          .summary = "completion of commands and options for bash, zsh or fish",
          .examples =
              "  echo 'eval \"$(ominix completion bash)\"' >> ~/.bashrc\n"
              "  ominix completion zsh > ~/.zfunc/_ominix\n"
              "  ominix completion fish > ~/.config/fish/completions/ominix.fish\n",
          .options = {},
          .min_positional = 1,
          .max_positional = 1,
          .run = run};
}

}  // namespace ominix::cli
