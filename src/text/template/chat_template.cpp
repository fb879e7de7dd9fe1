#include <ominix/template.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/template/interpreter.h"

namespace ominix {
namespace {

using text::jinja::Value;

constexpr uint64_t kMaxFile = 16u << 20;
constexpr size_t kMaxSource = 1u << 20;

// "chat_template": a string, or a list of {"name", "template"}.
std::optional<std::string> template_in(const std::filesystem::path& file, std::string_view name) {
  if (!std::filesystem::exists(file)) return std::nullopt;
  const Json config = parse_json(read_text(file, kMaxFile), file.filename().string());
  const auto found = config.is_object() ? config.find("chat_template") : config.end();
  if (found == config.end() || found->is_null()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  if (found->is_array()) {
    for (const Json& entry : *found) {
      if (entry.is_object() && entry.value("name", Json()) == name &&
          entry.value("template", Json()).is_string()) {
        return entry["template"].get<std::string>();
      }
    }
    return std::nullopt;
  }
  throw fail(ErrorCode::corrupt_data, "{}: 'chat_template' is neither a string nor a list",
             file.filename().string());
}

}  // namespace

struct ChatTemplate::Program {
  text::jinja::NodePtr root;
};

ChatTemplate::ChatTemplate(std::string source) : source_(std::move(source)) {
  if (source_.size() > kMaxSource) {
    throw fail(ErrorCode::too_big, "template: {} bytes, expected at most {}", source_.size(),
               kMaxSource);
  }
  program_ = std::make_unique<const Program>(Program{text::jinja::parse(source_)});
}

ChatTemplate::~ChatTemplate() = default;

std::unique_ptr<const ChatTemplate> ChatTemplate::find(const std::filesystem::path& folder,
                                                       std::string_view name) {
  std::optional<std::string> source;
  if (std::filesystem::exists(folder / "chat_template.jinja")) {
    source = read_text(folder / "chat_template.jinja", kMaxFile);
  }
  if (!source) source = template_in(folder / "tokenizer_config.json", name);
  if (!source) source = template_in(folder / "chat_template.json", name);
  return source ? std::make_unique<const ChatTemplate>(std::move(*source)) : nullptr;
}

PromptText ChatTemplate::render(std::string_view variables, int64_t now,
                                const TemplateLimits& limits) const {
  const OrderedJson json = parse_ordered_json(variables, "template: variables");
  if (!json.is_object()) {
    throw Error(ErrorCode::corrupt_data, "template: the variables are not a JSON object");
  }
  text::jinja::Interpreter interpreter(limits, source_.size() + variables.size(), now);
  // As transformers does it: absent ones are none, not undefined.
  for (const char* name : {"tools", "documents"}) {
    interpreter.set_global(name, Value{text::jinja::None{}});
  }
  for (const auto& [name, value] : json.items()) {
    const bool ours =
        name == "bos_token" || name == "eos_token" || name == "pad_token" || name == "unk_token";
    interpreter.set_global(name, text::jinja::from_json(value, ours));
  }
  text::jinja::Text out = interpreter.run(*program_->root);
  return {std::move(out.bytes), std::move(out.trusted)};
}

}  // namespace ominix
