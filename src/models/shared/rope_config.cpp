#include "models/shared/rope_config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/log.h"

namespace ominix::models::shared {
namespace {

void read_scaling(nn::RopeConfig& c, const Json& block, const std::string& where, float& partial) {
  ConfigReader r(block, where);
  if (!r.optional("rope_type", c.type)) r.optional("type", c.type);
  r.ignore({"type"});
  if (c.type == "none") c.type = "default";
  r.optional("rope_theta", c.theta);
  r.optional("partial_rotary_factor", partial);
  r.optional("factor", c.factor);
  r.optional("original_max_position_embeddings", c.original_positions);
  r.optional("low_freq_factor", c.low_freq_factor);
  r.optional("high_freq_factor", c.high_freq_factor);
  // 0 and null mean the default.
  float beta = 0;
  if (r.optional("beta_fast", beta) && beta != 0) c.beta_fast = beta;
  if (r.optional("beta_slow", beta) && beta != 0) c.beta_slow = beta;
  r.optional("mscale", c.mscale);
  r.optional("mscale_all_dim", c.mscale_all_dim);
  r.optional("truncate", c.truncate);
  r.optional("attention_factor", c.attention_factor);
  r.optional("short_factor", c.short_factor);
  r.optional("long_factor", c.long_factor);
  r.optional("factors", c.factors);
  for (const std::string& key : r.unread()) log::warning("{}: '{}' is not used", where, key);
  r.check(c.factor > 0, "'factor' must be more than 0");
}

}  // namespace

nn::RopeConfig read_rope(ConfigReader& r, int head_dim, float default_theta,
                         int default_max_positions, float default_partial) {
  nn::RopeConfig c;
  c.theta = default_theta;
  c.max_positions = default_max_positions;
  float partial = default_partial;
  r.optional("max_position_embeddings", c.max_positions);
  r.optional("original_max_position_embeddings", c.original_positions);
  r.optional("rope_theta", c.theta);
  r.optional("partial_rotary_factor", partial);
  const Json* scaling = r.raw("rope_scaling");
  const Json* parameters = r.raw("rope_parameters");
  // One block for each kind of layer: the caller sees to the others.
  if (parameters && parameters->is_object() && parameters->contains("full_attention"))
    parameters = &(*parameters)["full_attention"];
  if (scaling) read_scaling(c, *scaling, r.where() + ": rope_scaling", partial);
  if (parameters) read_scaling(c, *parameters, r.where() + ": rope_parameters", partial);
  r.check(c.theta > 0, "'rope_theta' must be more than 0");
  r.check(c.max_positions > 0, "'max_position_embeddings' must be more than 0");
  r.check(partial > 0 && partial <= 1, "'partial_rotary_factor' must be above 0 and at most 1");
  c.width = static_cast<int>(static_cast<float>(head_dim) * partial);
  r.check(c.width >= 2 && c.width % 2 == 0,
          fmt::format("{} elements of a head turn, expected an even number", c.width));
  const auto check_factors = [&](const char* key, const std::vector<float>& factors) {
    const auto half = static_cast<size_t>(c.width / 2);
    r.check(factors.size() == half,
            fmt::format("rope has {} numbers in '{}', expected {}", factors.size(), key, half));
    for (float f : factors) r.check(f > 0, fmt::format("'{}' must hold numbers above 0", key));
  };
  if (c.type == "longrope") {
    check_factors("short_factor", c.short_factor);
    check_factors("long_factor", c.long_factor);
  }
  if (c.type == "factors") check_factors("factors", c.factors);
  if (c.type == "llama3") {
    if (c.original_positions == 0) c.original_positions = 8192;
    r.check(c.low_freq_factor > 0 && c.high_freq_factor > c.low_freq_factor,
            "llama3 rope needs 0 < low_freq_factor < high_freq_factor");
  }
  if (c.type == "dynamic") r.check(c.width > 2, "dynamic rope needs more than 2 turning elements");
  return c;
}

}  // namespace ominix::models::shared
