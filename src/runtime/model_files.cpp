#include "runtime/model_files.h"

#include <ominix/store.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "formats/checkpoint_files.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "runtime/gguf_tokenizer.h"

namespace ominix::runtime {
namespace {

constexpr uint64_t kMaxConfig = 4u << 20;

// Ids of one or several tokens: 2, [1, 2] or null.
void add_ids(const Json& config, const char* key, std::set<int32_t>& ids) {
  const auto found = config.find(key);
  if (found == config.end()) return;
  const auto add = [&](const Json& value) {
    if (value.is_number_integer() && value >= 0 && value <= (1 << 30))
      ids.insert(value.get<int32_t>());
  };
  if (found->is_array()) {
    for (const Json& value : *found) add(value);
  } else {
    add(*found);
  }
}

void add_tensors(weights::TensorMap& all, weights::TensorMap part,
                 const std::filesystem::path& file) {
  for (auto& [name, tensor] : part) {
    if (!all.emplace(name, std::move(tensor)).second) {
      throw fail(ErrorCode::corrupt_data,
                 "load: tensor '{}' of '{}' is in another file of the model too", name,
                 file.string());
    }
  }
}

// Packed MLX weights count the values they stand for; scales and biases are not parameters.
uint64_t count_parameters(const weights::TensorMap& tensors,
                          const std::optional<weights::QuantizationConfig>& quantization) {
  uint64_t count = 0;
  for (const auto& [name, tensor] : tensors) {
    uint64_t elements = 1;
    for (int64_t n : tensor.shape) elements *= static_cast<uint64_t>(n);
    if (quantization && name.ends_with(".weight")) {
      const std::string path = name.substr(0, name.size() - 7);
      if (tensors.contains(path + ".scales")) {
        elements = elements * 32 / static_cast<uint64_t>(quantization->of(path).bits);
      }
    } else if (quantization && (name.ends_with(".scales") || name.ends_with(".biases"))) {
      elements = 0;
    }
    count += elements;
  }
  return count;
}

// Missing files of a tokenizer are no error: a model can be evaluated without one.
std::shared_ptr<const Tokenizer> find_tokenizer(const std::filesystem::path& folder) {
  try {
    return Tokenizer::load(folder);
  } catch (const Error& e) {
    if (e.code() == ErrorCode::not_found) return nullptr;
    throw;
  }
}

ModelFiles open_folder(const std::filesystem::path& folder,
                       const formats::CheckpointFiles& checkpoint) {
  ModelFiles out;
  out.config_name = "config.json";
  out.config = std::make_unique<const Json>(
      parse_json(read_text(folder / "config.json", kMaxConfig), "config.json"));
  const Json& config = *out.config;
  out.family = &models::family_for(config);
  for (const auto& path : checkpoint.files) {
    add_tensors(out.tensors,
                weights::tensors_of(std::make_shared<const formats::Safetensors>(path)), path);
  }
  if (out.family->rules) weights::apply(out.family->rules(config), out.tensors);
  out.quantization = weights::read_quantization(config);
  out.parameters = count_parameters(out.tensors, out.quantization);
  out.tokenizer = find_tokenizer(folder);
  out.chat_template = ChatTemplate::find(folder);

  std::set<int32_t> stops;
  add_ids(config, "eos_token_id", stops);
  if (std::filesystem::exists(folder / "generation_config.json")) {
    add_ids(parse_json(read_text(folder / "generation_config.json", kMaxConfig),
                       "generation_config.json"),
            "eos_token_id", stops);
  }
  if (out.tokenizer) stops.insert(out.tokenizer->stops().begin(), out.tokenizer->stops().end());
  out.stop_ids.assign(stops.begin(), stops.end());
  return out;
}

ModelFiles open_gguf(const formats::CheckpointFiles& checkpoint) {
  ModelFiles out;
  std::vector<std::shared_ptr<const formats::Gguf>> parts;
  for (formats::Gguf& part : formats::open_gguf(checkpoint.files)) {
    parts.push_back(std::make_shared<const formats::Gguf>(std::move(part)));
    add_tensors(out.tensors, weights::tensors_of(parts.back()), parts.back()->path());
  }
  const formats::Gguf& file = *parts.front();
  out.config_name = file.path().filename().string();
  out.family = &models::family_for(file);
  out.config = std::make_unique<const Json>(out.family->gguf->config(file));
  weights::apply(out.family->gguf->rules(*out.config), out.tensors);
  out.parameters = count_parameters(out.tensors, std::nullopt);
  out.tokenizer = gguf_tokenizer(file.metadata());
  out.chat_template = gguf_chat_template(file.metadata());
  if (out.tokenizer) out.stop_ids = out.tokenizer->stops();
  return out;
}

}  // namespace

ModelFiles::ModelFiles() = default;
ModelFiles::ModelFiles(ModelFiles&&) noexcept = default;
ModelFiles::~ModelFiles() = default;

ModelFiles open_model(const std::filesystem::path& model) {
  const std::filesystem::path path = find_model(model.string());
  const bool folder = std::filesystem::is_directory(path);
  if (!folder && path.extension() != ".gguf") {
    throw fail(ErrorCode::unsupported,
               "load: '{}' is neither a folder with config.json nor a .gguf file", path.string());
  }
  if (folder && !std::filesystem::exists(path / "config.json")) {
    // A folder may hold nothing but a .gguf file.
    const auto checkpoint = [&]() -> std::optional<formats::CheckpointFiles> {
      try {
        return formats::find_checkpoint(path);
      } catch (const Error& e) {
        if (e.code() != ErrorCode::not_found) throw;
        return std::nullopt;
      }
    }();
    if (checkpoint && checkpoint->kind == formats::CheckpointFiles::Kind::gguf)
      return open_gguf(*checkpoint);
    throw fail(ErrorCode::not_found, "load: '{}' has no config.json", path.string());
  }
  const formats::CheckpointFiles checkpoint = formats::find_checkpoint(path);
  return checkpoint.kind == formats::CheckpointFiles::Kind::gguf ? open_gguf(checkpoint)
                                                                 : open_folder(path, checkpoint);
}

}  // namespace ominix::runtime
