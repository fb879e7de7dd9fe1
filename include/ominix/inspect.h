#pragma once

#include <ominix/error.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace ominix {

struct TensorSummary {
  std::string name;  // as the model calls it
  std::string type;  // "f16", "q4_k", …
  std::vector<int64_t> shape;
  uint64_t bytes = 0;
};

struct ModelSummary {
  std::string family, task;
  uint64_t parameters = 0;
  uint64_t bytes = 0;
  std::string quantization;  // "none", "q4_1", "4-bit affine, groups of 64", …
  int64_t context = 0;       // tokens the model was made for
  bool tokenizer = false, chat_template = false;
  std::vector<TensorSummary> tensors;
};

// What a model's files hold, read without loading it. Errors: those of Engine::load.
ModelSummary inspect(const std::filesystem::path& model);

}  // namespace ominix
