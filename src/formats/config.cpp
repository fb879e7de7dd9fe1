#include "formats/config.h"

#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "formats/shown.h"

namespace ominix::formats {
namespace {

constexpr uint64_t kMaxBytes = 16u << 20;
constexpr JsonLimits kLimits = {.depth = 32, .values = 400'000};

struct SizeRule {
  std::string_view field;
  int64_t most;
};

// Whole numbers of at least 1 wherever they stand.
constexpr std::array kSizes = {
    SizeRule{"hidden_size", 1 << 20},         SizeRule{"d_model", 1 << 20},
    SizeRule{"intermediate_size", 1 << 24},   SizeRule{"moe_intermediate_size", 1 << 24},
    SizeRule{"num_hidden_layers", 4096},      SizeRule{"num_attention_heads", 1 << 16},
    SizeRule{"num_key_value_heads", 1 << 16}, SizeRule{"head_dim", 1 << 16},
    SizeRule{"vocab_size", 1 << 24},          SizeRule{"max_position_embeddings", int64_t{1} << 40},
};

// Numbers above zero and finite in float32.
constexpr std::array<std::string_view, 6> kPositive = {
    "rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon",
    "norm_eps",     "rope_theta",     "rope_local_base_freq",
};

class Checker {
 public:
  explicit Checker(std::string_view where) : where_(where) {}

  void object(const Json& json, const std::string& prefix) const {
    for (const auto& [field, most] : kSizes) {
      if (const auto at = present(json, field)) size(**at, prefix, field, most);
    }
    for (std::string_view field : kPositive) {
      if (const auto at = present(json, field)) positive(**at, prefix, field);
    }
    heads(json, prefix);
    for (std::string_view field : {"rope_scaling", "rope_parameters"}) {
      if (const auto at = present(json, field)) rope(**at, prefix + std::string(field) + ".");
    }
    for (const auto& [key, value] : json.items()) {
      if (key.ends_with("_config") && value.is_object()) object(value, prefix + key + ".");
    }
  }

 private:
  // null says the same as absence.
  static std::optional<const Json*> present(const Json& json, std::string_view field) {
    const auto at = json.find(field);
    if (at == json.end() || at->is_null()) return std::nullopt;
    return &*at;
  }

  Error bad(const std::string& prefix, std::string_view field, const Json& found,
            std::string_view expected) const {
    return fail(ErrorCode::corrupt_data, "{}: {}{} is {}, expected {}", where_, shown(prefix),
                field, shown(found.dump(-1, ' ', true)), expected);
  }

  void size(const Json& value, const std::string& prefix, std::string_view field,
            int64_t most) const {
    // Some families write one size a layer.
    if (value.is_array() && !value.empty()) {
      for (const Json& one : value) size(one, prefix, field, most);
      return;
    }
    const bool whole = value.is_number_integer();
    const bool fits = value.is_number_unsigned() ? value.get<uint64_t>() <= uint64_t(most) : whole;
    if (!whole || !fits || value.get<int64_t>() < 1) {
      throw bad(prefix, field, value, fmt::format("a whole number from 1 to {}", most));
    }
  }

  void positive(const Json& value, const std::string& prefix, std::string_view field) const {
    if (!value.is_number() || !(value.get<double>() > 0) ||
        !(value.get<double>() <= std::numeric_limits<float>::max())) {
      throw bad(prefix, field, value, "a number above 0");
    }
  }

  void heads(const Json& json, const std::string& prefix) const {
    const auto number = [&](std::string_view field) -> std::optional<int64_t> {
      const auto at = present(json, field);
      if (!at || !(*at)->is_number_integer()) return std::nullopt;
      return (*at)->get<int64_t>();
    };
    const auto heads = number("num_attention_heads");
    if (!heads) return;
    const auto groups = number("num_key_value_heads");
    if (groups && *heads % *groups != 0) {
      throw bad(prefix, "num_attention_heads", *heads,
                fmt::format("a multiple of num_key_value_heads ({})", *groups));
    }
    const auto hidden = number("hidden_size");
    const bool has_own_size = number("head_dim") || number("qk_nope_head_dim");
    if (hidden && !has_own_size && *hidden % *heads != 0) {
      throw bad(prefix, "hidden_size", *hidden,
                fmt::format("a multiple of num_attention_heads ({})", *heads));
    }
  }

  void rope(const Json& value, const std::string& prefix) const {
    if (!value.is_object()) {
      throw bad(prefix.substr(0, prefix.size() - 1), "", value, "an object");
    }
    for (std::string_view field : {"factor", "rope_theta", "low_freq_factor", "high_freq_factor"}) {
      if (const auto at = present(value, field)) positive(**at, prefix, field);
    }
    if (const auto at = present(value, "original_max_position_embeddings")) {
      size(**at, prefix, "original_max_position_embeddings", int64_t{1} << 40);
    }
    for (const auto& [key, inner] : value.items()) {  // one object an attention kind
      if (inner.is_object()) rope(inner, prefix + key + ".");
    }
  }

  std::string_view where_;
};

}  // namespace

Config read_config(const std::filesystem::path& path) {
  std::string where = fmt::format("config: '{}'", shown(path.string()));
  const std::string text = read_text(path, kMaxBytes);
  auto json = std::make_shared<const Json>(parse_json(text, where, kLimits));
  if (!json->is_object()) {
    throw fail(ErrorCode::corrupt_data, "{}: is {}, expected an object", where, json->type_name());
  }
  return {std::move(json), std::move(where)};
}

void check_config(const Config& config) { Checker(config.where).object(*config.json, ""); }

}  // namespace ominix::formats
