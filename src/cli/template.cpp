#include <fmt/format.h>
#include <ominix/template.h>
#include <ominix/tokenizer.h>

#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

// "2025-07-26T12:34:56" as seconds since 1970, UTC.
int64_t parse_time(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  const std::time_t seconds = end && *end == '\0' ? ::timegm(&parts) : -1;
  if (seconds < 0) {
    throw UsageError(
        fmt::format("--now is '{}', expected a time such as 2025-07-26T12:34:56", text));
  }
  return seconds;
}

OrderedJson read_json(const std::string& path) {
  return parse_ordered_json(read_input(path), path);
}

// What templates ask for by name: "<s>" for bos_token.
void add_tokens(const std::filesystem::path& model, OrderedJson& variables) {
  if (model.extension() == ".jinja") return;
  const auto tokenizer = [&]() -> std::shared_ptr<const Tokenizer> {
    try {
      return load_tokenizer(model);
    } catch (const Error& e) {
      if (e.code() == ErrorCode::not_found) return nullptr;
      throw;
    }
  }();
  if (!tokenizer) return;
  const auto add = [&](const char* name, std::optional<int32_t> id) {
    if (id) variables[name] = tokenizer->token(*id);
  };
  add("bos_token", tokenizer->bos());
  add("eos_token", tokenizer->eos());
  add("pad_token", tokenizer->pad());
  add("unk_token", tokenizer->unk());
}

OrderedJson variables_of(const Arguments& args) {
  OrderedJson out = {{"messages", read_json(args.text("messages"))},
                     {"tools", nullptr},
                     {"documents", nullptr},
                     {"add_generation_prompt", !args.has("no-generation-prompt")}};
  if (!out["messages"].is_array()) {
    throw Error(
        ErrorCode::invalid_argument,
        fmt::format("template: '{}' is not a JSON array of messages", args.text("messages")));
  }
  if (args.has("tools")) out["tools"] = read_json(args.text("tools"));
  add_tokens(args[0], out);
  for (const std::string& pair : args.all("var")) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw UsageError(fmt::format("--var is '{}', expected name=value", pair));
    }
    const std::string_view value = std::string_view(pair).substr(equals + 1);
    OrderedJson& variable = out[pair.substr(0, equals)];
    try {
      variable = parse_ordered_json(value, "--var");
    } catch (const Error&) {
      variable = value;  // a plain word
    }
  }
  return out;
}

int run(Arguments& args) {
  if (args.has("messages") == args.has("contexts")) {
    throw UsageError("ominix template: expected one of --messages FILE and --contexts FILE");
  }
  const int64_t now = args.has("now") ? parse_time(args.text("now")) : -1;
  const auto chat_template = load_chat_template(args[0]);
  if (args.has("contexts")) {
    print(render_contexts(*chat_template, read_input(args.text("contexts")), now) + "\n");
    return 0;
  }
  const std::string text =
      chat_template
          ->render(variables_of(args).dump(-1, ' ', false, OrderedJson::error_handler_t::replace),
                   now)
          .text;
  args.has("json") ? print_json({{"prompt", text}}) : print(text);
  return 0;
}

}  // namespace

Command template_command() {
  return {
      .name = "template",
      .usage = "MODEL --messages M.json",
      .summary = "the prompt that a model's chat template makes of messages",
      .examples =
          "  echo '[{\"role\": \"user\", \"content\": \"Hi\"}]' | ominix template MODEL --messages "
          "-\n"
          "  ominix template chat.jinja --messages M.json --tools T.json --var "
          "enable_thinking=false\n"
          "MODEL is also a .jinja file, which knows no bos_token: give --var bos_token='<s>'.\n",
      .options = {{"messages", "FILE", "a JSON array of {role, content}; - is standard input"},
                  {"tools", "FILE", "a JSON array of tools"},
                  {"no-generation-prompt", "", "do not ask for the next answer"},
                  {"var", "NAME=VALUE", "a variable, JSON or a plain word; may be given again"},
                  {"now", "TIME", "what strftime_now sees: 2025-07-26T12:34:56"},
                  {"contexts", "FILE", "a JSON object of named contexts in, their texts out"}},
      .min_positional = 1,
      .max_positional = 1,
      .run = run};
}

}  // namespace ominix::cli
