#pragma once

#include "models/config_reader.h"
#include "nn/rope.h"

namespace ominix::models::shared {

// Reads rope_theta, rope_scaling, partial_rotary_factor and max_position_embeddings, or the newer
// rope_parameters that holds them all.
nn::RopeConfig read_rope(ConfigReader& r, int head_dim, float default_theta,
                         int default_max_positions, float default_partial = 1.0f);

}  // namespace ominix::models::shared
