#include "models/config_reader.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.h"

namespace ominix::models {
namespace {

// Bookkeeping of training and of the tools that wrote the file; nothing here changes a result.
constexpr std::string_view kAlwaysIgnored[] = {"architectures",
                                               "model_type",
                                               "torch_dtype",
                                               "dtype",
                                               "transformers_version",
                                               "use_cache",
                                               "initializer_range",
                                               "attention_dropout",
                                               "pretraining_tp",
                                               "_name_or_path",
                                               "bos_token_id",
                                               "eos_token_id",
                                               "pad_token_id",
                                               "quantization",
                                               "quantization_config",
                                               "output_attentions",
                                               "output_hidden_states",
                                               "return_dict",
                                               "id2label",
                                               "label2id",
                                               "problem_type",
                                               "chunk_size_feed_forward",
                                               "is_encoder_decoder",
                                               "_attn_implementation_autoset",
                                               "transformers.js_config",
                                               "is_llama_config",
                                               "rope_interleaved",
                                               "unsloth_version",
                                               "unsloth_fixed"};

std::optional<int64_t> as_integer(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto v = value.get<uint64_t>();
    if (v > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
    return static_cast<int64_t>(v);
  }
  if (value.is_number_integer()) return value.get<int64_t>();
  return std::nullopt;
}

std::optional<int> as_int(const Json& value) {
  const auto v = as_integer(value);
  if (!v || *v < std::numeric_limits<int>::min() || *v > std::numeric_limits<int>::max())
    return std::nullopt;
  return static_cast<int>(*v);
}

std::optional<float> as_float(const Json& value) {
  if (!value.is_number()) return std::nullopt;
  const auto v = value.get<double>();
  if (!std::isfinite(v) || std::abs(v) > std::numeric_limits<float>::max()) return std::nullopt;
  return static_cast<float>(v);
}

}  // namespace

ConfigReader::ConfigReader(const Json& json, std::string where)
    : json_(json), where_(std::move(where)) {
  if (!json.is_object()) throw fail(ErrorCode::corrupt_data, "{}: expected a JSON object", where_);
  for (const auto key : kAlwaysIgnored) read_.emplace(key);
}

const Json* ConfigReader::find(std::string_view key) {
  read_.emplace(key);
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

const Json& ConfigReader::need(std::string_view key) {
  const Json* value = find(key);
  if (!value) throw fail(ErrorCode::corrupt_data, "{}: '{}' is missing", where_, key);
  return *value;
}

void ConfigReader::wrong(std::string_view key, const Json& found, std::string_view expected) const {
  throw fail(ErrorCode::corrupt_data, "{}: '{}' is {}, expected {}", where_, key,
             found.dump(-1, ' ', true).substr(0, 80), expected);
}

void ConfigReader::require(std::string_view key, int& out) {
  const Json& value = need(key);
  const auto v = as_int(value);
  if (!v) wrong(key, value, "a whole number");
  out = *v;
}

void ConfigReader::require(std::string_view key, std::string& out) {
  const Json& value = need(key);
  if (!value.is_string()) wrong(key, value, "a string");
  out = value.get<std::string>();
}

bool ConfigReader::optional(std::string_view key, int& out) {
  const Json* value = find(key);
  if (!value) return false;
  const auto v = as_int(*value);
  if (!v) wrong(key, *value, "a whole number");
  out = *v;
  return true;
}

bool ConfigReader::optional(std::string_view key, int64_t& out) {
  const Json* value = find(key);
  if (!value) return false;
  const auto v = as_integer(*value);
  if (!v) wrong(key, *value, "a whole number");
  out = *v;
  return true;
}

bool ConfigReader::optional(std::string_view key, float& out) {
  const Json* value = find(key);
  if (!value) return false;
  const auto v = as_float(*value);
  if (!v) wrong(key, *value, "a number");
  out = *v;
  return true;
}

bool ConfigReader::optional(std::string_view key, bool& out) {
  const Json* value = find(key);
  if (!value) return false;
  if (!value->is_boolean()) wrong(key, *value, "true or false");
  out = value->get<bool>();
  return true;
}

bool ConfigReader::optional(std::string_view key, std::string& out) {
  const Json* value = find(key);
  if (!value) return false;
  if (!value->is_string()) wrong(key, *value, "a string");
  out = value->get<std::string>();
  return true;
}

bool ConfigReader::optional(std::string_view key, std::vector<float>& out) {
  const Json* value = find(key);
  if (!value) return false;
  if (!value->is_array()) wrong(key, *value, "a list of numbers");
  out.clear();
  for (const Json& item : *value) {
    const auto v = as_float(item);
    if (!v) wrong(key, item, "a list of numbers");
    out.push_back(*v);
  }
  return true;
}

bool ConfigReader::optional(std::string_view key, std::vector<int>& out) {
  const Json* value = find(key);
  if (!value) return false;
  if (!value->is_array()) wrong(key, *value, "a list of whole numbers");
  out.clear();
  for (const Json& item : *value) {
    const auto v = as_int(item);
    if (!v) wrong(key, item, "a list of whole numbers");
    out.push_back(*v);
  }
  return true;
}

bool ConfigReader::optional(std::string_view key, std::vector<std::string>& out) {
  const Json* value = find(key);
  if (!value) return false;
  if (!value->is_array()) wrong(key, *value, "a list of strings");
  out.clear();
  for (const Json& item : *value) {
    if (!item.is_string()) wrong(key, item, "a list of strings");
    out.push_back(item.get<std::string>());
  }
  return true;
}

bool ConfigReader::has(std::string_view key) const { return json_.contains(key); }

const Json* ConfigReader::raw(std::string_view key) { return find(key); }

void ConfigReader::ignore(std::initializer_list<std::string_view> keys) {
  for (const auto key : keys) read_.emplace(key);
}

void ConfigReader::size(std::string_view key, int value) const {
  constexpr int kMost = 1 << 26;
  if (value < 1 || value > kMost) {
    throw fail(ErrorCode::corrupt_data, "{}: '{}' is {}, expected 1 to {}", where_, key, value,
               kMost);
  }
}

void ConfigReader::check(bool holds, std::string_view text) const {
  if (!holds) throw fail(ErrorCode::corrupt_data, "{}: {}", where_, text);
}

std::vector<std::string> ConfigReader::unread() const {
  std::vector<std::string> out;
  for (const auto& [key, value] : json_.items()) {
    if (!read_.contains(key)) out.push_back(key);
  }
  return out;
}

}  // namespace ominix::models
