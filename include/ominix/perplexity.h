#pragma once

#include <ominix/engine.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace ominix {

struct PerplexityOptions {
  int context = 512;  // ids of one window
  int windows = 0;    // only the first ones; 0: all
  // Asked after each window; false ends the measurement with Error cancelled.
  std::function<bool(int done, int windows)> go_on;
};

struct PerplexityResult {
  double perplexity = 0;    // exp(nll)
  double nll = 0;           // mean of -log p over the scored ids
  int64_t tokens = 0;       // scored ids
  int64_t text_tokens = 0;  // ids of the whole text
  int windows = 0;
};

// How well a model foresees a text. Its ids (no token of beginning, no special tokens parsed) are
// cut into windows of N = context ids without overlap, each read from an empty cache; the ids at
// positions N/2 + 1 … N - 1 of each window are scored. Comparable with llama.cpp's definition.
// Errors: invalid_argument (context; a text shorter than a window), unsupported (no tokenizer),
// cancelled.
PerplexityResult perplexity(Engine& engine, const std::shared_ptr<const Model>& model,
                            std::string_view text, const PerplexityOptions& options = {});

}  // namespace ominix
