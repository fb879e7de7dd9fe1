#pragma once

#include <ominix/engine.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace ominix {

struct BenchOptions {
  int prompt_tokens = 512;  // of each text; ids are drawn at random
  int new_tokens = 128;     // decoded behind the prompt and its first token; 0: prefill alone
  int batch = 1;            // texts side by side
  int repetitions = 3;      // the figures are medians over them
  // Asked between steps; false ends the measurement with Error cancelled.
  std::function<bool(int repetitions_done, int repetitions)> go_on;
};

struct BenchResult {
  double prefill_tps = 0;               // prompt tokens a second, all texts
  double decode_tps = 0;                // new tokens a second, all texts; 0 without new tokens
  std::vector<double> prefill, decode;  // of each repetition
  // What decoding a token must read at least: the weights a step multiplies with, shared by the
  // texts of the batch, and the text's keys and values at the middle of the run.
  uint64_t bytes_per_token = 0;
  double roofline_gbps = 0;        // reading memory, measured in the same run
  double roofline_share = 0;       // bytes_per_token · decode_tps / roofline
  uint64_t peak_memory_bytes = 0;  // of the process, the measurement of the memory aside
  int threads = 0;
  Device device = Device::cpu;  // where it ran
};

// Measures a text model with nothing else running on the engine.
// Errors: invalid_argument (sizes), out_of_memory (the states), cancelled.
BenchResult bench(Engine& engine, const std::shared_ptr<const Model>& model,
                  const BenchOptions& options = {});

}  // namespace ominix
