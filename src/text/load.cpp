#include <ominix/tokenizer.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "text/load_json.h"

namespace ominix {
namespace {

constexpr uint64_t kMaxTokenizer = 256u << 20, kMaxConfig = 4u << 20;

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::load(const std::filesystem::path& path) {
  const bool folder = std::filesystem::is_directory(path);
  const std::filesystem::path file = folder ? path / "tokenizer.json" : path;
  if (folder && !std::filesystem::exists(file)) {
    throw fail(ErrorCode::not_found, "tokenizer: '{}' has no tokenizer.json", path.string());
  }
  auto pipeline = text::load_tokenizer_json(read_text(file, kMaxTokenizer), "tokenizer.json");
  const auto config = file.parent_path() / "tokenizer_config.json";
  if (std::filesystem::exists(config)) {
    text::apply_tokenizer_config(parse_json(read_text(config, kMaxConfig), "tokenizer_config.json"),
                                 *pipeline);
  }
  return std::make_shared<const Tokenizer>(std::move(pipeline));
}

}  // namespace ominix
