#include "runtime/gguf_tokenizer.h"

#include "text/gguf_vocab.h"

namespace ominix::runtime {
namespace {

std::vector<std::string> strings(const formats::StringArray* array) {
  std::vector<std::string> out;
  if (!array) return out;
  out.reserve(array->size());
  for (size_t i = 0; i < array->size(); ++i) out.emplace_back((*array)[i]);
  return out;
}

}  // namespace

std::shared_ptr<const Tokenizer> gguf_tokenizer(const formats::GgufMetadata& m) {
  const formats::StringArray* tokens = m.find_strings("tokenizer.ggml.tokens");
  if (!tokens) return nullptr;
  const auto id = [&](const char* name) {
    return m.find<int32_t>(std::string("tokenizer.ggml.") + name + "_token_id");
  };
  text::GgufVocab v;
  v.model = m.require<std::string>("tokenizer.ggml.model");
  v.pre = m.find<std::string>("tokenizer.ggml.pre").value_or("");
  v.tokens = strings(tokens);
  v.scores = m.find_array<float>("tokenizer.ggml.scores").value_or(std::vector<float>());
  v.token_types =
      m.find_array<int32_t>("tokenizer.ggml.token_type").value_or(std::vector<int32_t>());
  v.merges = strings(m.find_strings("tokenizer.ggml.merges"));
  v.bos = id("bos");
  v.eos = id("eos");
  v.eot = id("eot");
  v.eom = id("eom");
  v.unk = id("unknown");
  v.pad = id("padding");
  v.sep = id("seperator");  // the format's own spelling
  v.cls = id("cls");
  v.add_bos = m.find<bool>("tokenizer.ggml.add_bos_token");
  v.add_eos = m.find<bool>("tokenizer.ggml.add_eos_token");
  v.add_space_prefix = m.find<bool>("tokenizer.ggml.add_space_prefix");
  v.remove_extra_whitespaces = m.find<bool>("tokenizer.ggml.remove_extra_whitespaces");
  if (const auto map = m.find_array<uint8_t>("tokenizer.ggml.precompiled_charsmap")) {
    v.precompiled_charsmap.assign(map->begin(), map->end());
  }
  return text::load_gguf(v);
}

std::unique_ptr<const ChatTemplate> gguf_chat_template(const formats::GgufMetadata& m,
                                                       std::string_view name) {
  std::string key = "tokenizer.chat_template";
  if (name != "default") key.append(".").append(name);
  const auto source = m.find<std::string>(key);
  return source ? std::make_unique<const ChatTemplate>(*source) : nullptr;
}

}  // namespace ominix::runtime
