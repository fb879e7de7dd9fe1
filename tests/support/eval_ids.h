#pragma once

#include <ominix/engine.h>

#include <vector>

namespace ominix::testing {

// The logits (L · V) of one row of ids, by eval_files.
std::vector<float> eval_ids(Engine& engine, const std::shared_ptr<const Model>& model,
                            const std::vector<int32_t>& ids, int prefill_chunk = 0);

}  // namespace ominix::testing
