#pragma once

#include <ominix/tokenizer.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace ominix {

struct TemplateLimits {
  uint64_t steps = 1'000'000;  // operations of the interpreter
  uint64_t output = 1u << 20;  // bytes; or eight times the input, whichever is more
  int depth = 64;              // nesting of statements, calls and values
  int milliseconds = 250;
};

// A chat template: the Jinja that published models use, rendered as Hugging Face does it
// (trim_blocks, lstrip_blocks, loop controls, tojson without escapes). Never changes; use it from
// any thread.
class ChatTemplate {
 public:
  // Errors: corrupt_data (with the line), too_big (a limit).
  explicit ChatTemplate(std::string source);
  ~ChatTemplate();

  // The template of a model's folder: chat_template.jinja, then chat_template in
  // tokenizer_config.json (a string, or a list whose "default" is taken; `name` asks for another),
  // then chat_template.json. Null where there is none.
  static std::unique_ptr<const ChatTemplate> find(const std::filesystem::path& folder,
                                                  std::string_view name = "default");

  // `variables`: a JSON object (messages, tools, add_generation_prompt, bos_token, …). The result
  // says which bytes come from the template itself and which from the variables. `now`: seconds
  // since 1970 for strftime_now; negative: the clock. Errors: invalid_argument (raise_exception, or
  // an operation that the values do not allow), too_big (a limit), corrupt_data (`variables` is no
  // JSON object).
  PromptText render(std::string_view variables, int64_t now = -1,
                    const TemplateLimits& limits = {}) const;

  const std::string& source() const { return source_; }

 private:
  struct Program;
  std::string source_;
  std::unique_ptr<const Program> program_;
};

// Renders a template with each of the named contexts. `contexts`: a JSON object whose members are
// objects of variables. The result is a JSON object of {"ok": true, "text": …} or
// {"ok": false, "error": …} by name, in the same order. Errors: corrupt_data, too_big (`contexts`
// itself); what one context meets is in its entry.
std::string render_contexts(const ChatTemplate& chat_template, std::string_view contexts,
                            int64_t now = -1, const TemplateLimits& limits = {});

// The chat template of a model: a folder as for ChatTemplate::find, a .gguf file, or a .jinja file.
// Errors: not_found (also where the model has none), and those of ChatTemplate.
std::unique_ptr<const ChatTemplate> load_chat_template(const std::filesystem::path& model,
                                                       std::string_view name = "default");

}  // namespace ominix
