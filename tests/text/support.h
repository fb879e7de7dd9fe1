#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "formats/gguf.h"
#include "text/gguf_vocab.h"
#include "text/small_vocab.h"

namespace ominix::testing {

inline text::GgufVocab read_vocab(const std::string& path) {
  const formats::Gguf file(path);
  const formats::GgufMetadata& m = file.metadata();
  text::GgufVocab v;
  v.model = m.require<std::string>("tokenizer.ggml.model");
  v.pre = m.find<std::string>("tokenizer.ggml.pre").value_or("");
  const auto strings = [&](std::string_view key) {
    std::vector<std::string> out;
    if (const auto* list = m.find_strings(key)) {
      for (size_t i = 0; i < list->size(); ++i) out.emplace_back((*list)[i]);
    }
    return out;
  };
  v.tokens = strings("tokenizer.ggml.tokens");
  v.merges = strings("tokenizer.ggml.merges");
  v.scores = m.find_array<float>("tokenizer.ggml.scores").value_or(std::vector<float>());
  v.token_types =
      m.find_array<int32_t>("tokenizer.ggml.token_type").value_or(std::vector<int32_t>());
  v.bos = m.find<int32_t>("tokenizer.ggml.bos_token_id");
  v.eos = m.find<int32_t>("tokenizer.ggml.eos_token_id");
  v.unk = m.find<int32_t>("tokenizer.ggml.unknown_token_id");
  v.sep = m.find<int32_t>("tokenizer.ggml.seperator_token_id");
  v.cls = m.find<int32_t>("tokenizer.ggml.cls_token_id");
  v.add_bos = m.find<bool>("tokenizer.ggml.add_bos_token");
  v.add_eos = m.find<bool>("tokenizer.ggml.add_eos_token");
  v.add_space_prefix = m.find<bool>("tokenizer.ggml.add_space_prefix");
  return v;
}

inline std::string test_file(std::string_view name) {
  return std::string(OMINIX_TEST_DATA) + "/" + std::string(name);
}

inline std::shared_ptr<const Tokenizer> load_gguf_file(const std::string& path) {
  return text::load_gguf(read_vocab(path));
}

}  // namespace ominix::testing
