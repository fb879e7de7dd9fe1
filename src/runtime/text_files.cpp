#include <ominix/template.h>
#include <ominix/tokenizer.h>

#include <optional>

#include "base/error.h"
#include "base/file.h"
#include "formats/checkpoint_files.h"
#include "runtime/gguf_tokenizer.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxTemplate = 1u << 20;

// The GGUF file that is the model or lies alone in its folder.
std::optional<formats::Gguf> find_gguf(const fs::path& model) {
  if (!fs::is_directory(model) && model.extension() != ".gguf") return std::nullopt;
  try {
    const formats::CheckpointFiles found = formats::find_checkpoint(model);
    if (found.kind != formats::CheckpointFiles::Kind::gguf) return std::nullopt;
    return std::optional<formats::Gguf>(std::in_place, found.files.front());
  } catch (const Error& e) {
    if (e.code() != ErrorCode::not_found || !fs::is_directory(model)) throw;
    return std::nullopt;
  }
}

}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const fs::path& model) {
  if (model.extension() != ".gguf" || fs::is_directory(model)) {
    try {
      return Tokenizer::load(model);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::not_found || !fs::is_directory(model)) throw;
      const auto gguf = find_gguf(model);
      if (!gguf) throw;
      if (auto tokenizer = runtime::gguf_tokenizer(gguf->metadata())) return tokenizer;
      throw;
    }
  }
  if (auto tokenizer = runtime::gguf_tokenizer(find_gguf(model)->metadata())) return tokenizer;
  throw fail(ErrorCode::not_found, "tokenizer: '{}' has no vocabulary", model.string());
}

std::unique_ptr<const ChatTemplate> load_chat_template(const fs::path& model,
                                                       std::string_view name) {
  std::unique_ptr<const ChatTemplate> out;
  if (model.extension() == ".jinja" && !fs::is_directory(model)) {
    out = std::make_unique<const ChatTemplate>(read_text(model, kMaxTemplate));
  }
  if (!out && fs::is_directory(model)) out = ChatTemplate::find(model, name);
  if (!out) {
    if (const auto gguf = find_gguf(model))
      out = runtime::gguf_chat_template(gguf->metadata(), name);
  }
  if (!out) {
    throw fail(ErrorCode::not_found, "template: '{}' has no chat template '{}'", model.string(),
               name);
  }
  return out;
}

}  // namespace ominix
