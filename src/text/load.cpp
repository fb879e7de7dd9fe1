#include <ominix/tokenizer.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "text/load_files.h"
#include "text/load_json.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxTokenizer = 256u << 20, kMaxConfig = 4u << 20;

// The file to read, in the order of how much they tell.
fs::path tokenizer_of(const fs::path& folder) {
  for (const char* name : {"tokenizer.json", "tekken.json"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  if (fs::exists(folder / "vocab.json") && fs::exists(folder / "merges.txt")) {
    return folder / "vocab.json";
  }
  for (const char* name : {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"}) {
    if (fs::exists(folder / name)) return folder / name;
  }
  std::set<fs::path> others;  // qwen.tiktoken, tokenizer.model.v3
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if (path.extension() == ".tiktoken" || path.stem() == "tokenizer.model") others.insert(path);
  }
  if (others.size() == 1) return *others.begin();
  if (others.size() > 1) {
    throw fail(ErrorCode::invalid_argument,
               "tokenizer: '{}' has {} tokenizer files; name one, such as {}", folder.string(),
               others.size(), others.begin()->filename().string());
  }
  throw fail(ErrorCode::not_found,
             "tokenizer: '{}' has no tokenizer.json, tekken.json, vocab.json with merges.txt, "
             "tokenizer.model or .tiktoken file",
             folder.string());
}

std::unique_ptr<text::Pipeline> read(const fs::path& file, const std::string& name) {
  if (name == "vocab.json" || name == "merges.txt") {
    return text::load_vocab_and_merges(read_text(file.parent_path() / "vocab.json", kMaxTokenizer),
                                       read_text(file.parent_path() / "merges.txt", kMaxTokenizer),
                                       "vocab.json and merges.txt");
  }
  const std::string bytes = read_text(file, kMaxTokenizer);
  if (name.starts_with("tekken")) return text::load_tekken(bytes, name);
  // A ModelProto begins with the tag of its first piece.
  if (bytes.starts_with('\n')) return text::load_sentencepiece_model(bytes, name);
  return text::load_tiktoken(bytes, name);
}

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::load(const fs::path& path) {
  const fs::path file = fs::is_directory(path) ? tokenizer_of(path) : path;
  const std::string name = file.filename().string();
  const fs::path folder = file.parent_path();
  if (file.extension() == ".gguf") {
    throw fail(ErrorCode::unsupported, "tokenizer: '{}' is a GGUF file; see load_tokenizer", name);
  }
  std::unique_ptr<text::Pipeline> pipeline;
  const bool is_json =
      file.extension() == ".json" && name != "vocab.json" && !name.starts_with("tekken");
  if (is_json) {
    pipeline = text::load_tokenizer_json(read_text(file, kMaxTokenizer), name);
  } else {
    pipeline = read(file, name);
    text::add_tokens(text::added_tokens_beside(folder), *pipeline, name);
  }
  for (const char* config : {"special_tokens_map.json", "tokenizer_config.json"}) {
    if (!fs::exists(folder / config)) continue;
    const Json json = parse_json(read_text(folder / config, kMaxConfig), config);
    text::apply_token_names(json, *pipeline);
    if (!is_json) text::apply_token_settings(json, *pipeline);
  }
  return std::make_shared<const Tokenizer>(std::move(pipeline));
}

}  // namespace ominix
