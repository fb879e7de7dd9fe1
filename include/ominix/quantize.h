#pragma once

#include <ominix/engine.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace ominix {

struct QuantizeOptions {
  std::string mode = "affine";  // or mxfp4, mxfp8, nvfp4
  int bits = 0;                 // affine: 2, 3, 4, 5, 6, 8; 0: what the mode has (affine: 4)
  int group_size = 0;           // affine: 32, 64, 128; 0: what the mode has (affine: 64)
  // Called after each tensor; false ends the work with Error cancelled, and nothing is left.
  std::function<bool(uint64_t bytes_read, uint64_t bytes)> go_on;
};

struct QuantizeResult {
  uint64_t bytes_before = 0, bytes_after = 0;  // of the tensors
  int packed = 0, kept = 0;                    // matrices, other tensors
  int bits = 0, group_size = 0;
};

// Writes the folder `out`: the model of `folder` with its matrices packed as MLX does it, in the
// layout that mlx-lm reads as well. Matrices whose columns do not fill whole groups, norms and
// biases stay as they are. The folder appears whole, by one rename, or not at all.
// Errors: invalid_argument (`out` is there already; a width that the mode does not have),
// unsupported (a GGUF file, a model that is packed already), those of Engine::load, io.
QuantizeResult quantize(Engine& engine, const std::filesystem::path& folder,
                        const std::filesystem::path& out, const QuantizeOptions& options = {});

}  // namespace ominix
