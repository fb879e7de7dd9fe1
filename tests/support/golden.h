#pragma once

#include <ominix/engine.h>
#include <ominix/eval.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "formats/safetensors.h"

namespace ominix::testing {

// A tensor in memory: int32 and float32 values as they are.
struct Values {
  std::vector<int64_t> shape;
  std::vector<float> floats;
  std::vector<int32_t> ints;
};

Values read_values(const formats::Safetensors& file, const std::string& name);

// max |a - b| / max |b|; infinity when sizes differ or a value is not finite.
double relative_error(const std::vector<float>& a, const std::vector<float>& b);

// The committed case tests/goldens/NAME: a tiny checkpoint and what its reference computes from it.
class Golden {
 public:
  explicit Golden(const std::string& name);

  const std::filesystem::path& model() const { return folder_; }
  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  Values operator[](const std::string& name) const { return read_values(file_, name); }
  std::vector<std::string> names() const;

  // eval_files on `input_ids` with its mask (batch), or on `input_ids_single`.
  enum class Input { batch, single };
  std::map<std::string, Values> eval(Engine& engine, const std::shared_ptr<const Model>& model,
                                     Input input, const EvalOptions& options) const;

 private:
  std::filesystem::path folder_;
  formats::Safetensors file_;
};

}  // namespace ominix::testing
