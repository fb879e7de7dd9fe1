#include <ominix/diff.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "base/error.h"
#include "formats/safetensors.h"
#include "runtime/eval_tensors.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;

std::vector<float> floats(const formats::Safetensors& file, const formats::TensorInfo& info) {
  if (info.type != DType::f32) {
    throw fail(ErrorCode::unsupported, "diff: tensor '{}' of '{}' has type {}, expected f32",
               info.name, file.path().string(), to_string(info.type));
  }
  std::vector<float> out(info.bytes / sizeof(float));
  file.read(info, 0, std::as_writable_bytes(std::span(out)));
  return out;
}

DiffStage compare(std::string name, std::span<const float> ours, const std::vector<float>& theirs) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  DiffStage stage{std::move(name)};
  double largest = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    const double difference = std::abs(double{ours[i]} - theirs[i]);
    stage.max_abs = std::isfinite(difference) ? std::max(stage.max_abs, difference) : kInfinity;
    if (stage.max_abs == kInfinity) break;
    largest = std::max(largest, std::abs(double{theirs[i]}));
  }
  stage.rel = largest > 0 ? stage.max_abs / largest : stage.max_abs;
  return stage;
}

// Sets the rows of padding to zero, as eval writes them.
void clear_padding(const formats::Safetensors& golden, std::vector<float>& logits) {
  const formats::TensorInfo* info = golden.find("attention_mask");
  if (!info || info->type != DType::i32 || info->bytes == 0) return;
  std::vector<int32_t> mask(info->bytes / sizeof(int32_t));
  golden.read(*info, 0, std::as_writable_bytes(std::span(mask)));
  const size_t width = logits.size() / mask.size();
  for (size_t t = 0; t < mask.size(); ++t) {
    if (mask[t] == 0)
      std::fill_n(logits.begin() + static_cast<std::ptrdiff_t>(t * width), width, 0.0f);
  }
}

}  // namespace

std::vector<DiffStage> diff(Engine& engine, const std::shared_ptr<const Model>& model,
                            const fs::path& path, const std::function<bool()>& go_on) {
  const formats::Safetensors golden(fs::is_directory(path) ? path / "golden.safetensors" : path);
  std::vector<DiffStage> stages;
  // `suffix`: of the golden file's names for these ids and their logits.
  const auto run = [&](const std::string& suffix, const std::string& taps) {
    for (const runtime::NamedTensor& mine : runtime::eval_tensors(
             engine, model, golden, {.taps = taps, .go_on = go_on}, "input_ids" + suffix)) {
      const std::string name = mine.name == "logits" ? "logits" + suffix : mine.name;
      const formats::TensorInfo* other = golden.find(name);
      if (!other) continue;
      if (other->shape != mine.shape) {
        throw fail(ErrorCode::corrupt_data, "diff: '{}' differs in shape from '{}' of '{}'",
                   mine.name, name, golden.path().string());
      }
      std::vector<float> expected = floats(golden, *other);
      if (name == "logits") clear_padding(golden, expected);
      const std::span<const float> ours(reinterpret_cast<const float*>(mine.bytes.data()),
                                        expected.size());
      stages.push_back(compare(name, ours, expected));
    }
  };
  const bool single = golden.find("input_ids_single") != nullptr;
  if (single) run("_single", "*");
  if (golden.find("input_ids")) run("", single ? "" : "*");
  if (stages.empty()) {
    throw fail(ErrorCode::corrupt_data,
               "diff: '{}' has no value to compare, expected input_ids with logits or taps",
               golden.path().string());
  }
  return stages;
}

}  // namespace ominix
