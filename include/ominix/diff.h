#pragma once

#include <ominix/engine.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ominix {

struct DiffStage {
  std::string name;    // of the tap or output
  double max_abs = 0;  // largest |ours - theirs|; infinity when a value is not finite
  double rel = 0;      // max_abs / largest |theirs|
};

// Runs a model on the inputs of a golden file and compares every value that both have, in the order
// of the computation: taps, then `logits`.
//   golden: the file, or a folder with golden.safetensors. It holds input_ids (B, L), optional
//           attention_mask, logits and any taps; with input_ids_single (1, L), the taps and
//           logits_single belong to that
//   go_on:  asked between steps; false ends the work with Error cancelled
// Errors: corrupt_data (nothing to compare, shapes that differ), those of eval_files.
std::vector<DiffStage> diff(Engine& engine, const std::shared_ptr<const Model>& model,
                            const std::filesystem::path& golden,
                            const std::function<bool()>& go_on = {});

}  // namespace ominix
