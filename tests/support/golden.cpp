#include "support/golden.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "support/eval_ids.h"
#include "support/temp_dir.h"

namespace ominix::testing {

Values read_values(const formats::Safetensors& file, const std::string& name) {
  const formats::TensorInfo* info = file.find(name);
  if (!info) throw fail(ErrorCode::not_found, "golden: no tensor '{}'", name);
  Values out{info->shape, {}, {}};
  if (info->type == DType::f32) {
    out.floats.resize(info->bytes / 4);
    file.read(*info, 0, std::as_writable_bytes(std::span(out.floats)));
  } else if (info->type == DType::i32) {
    out.ints.resize(info->bytes / 4);
    file.read(*info, 0, std::as_writable_bytes(std::span(out.ints)));
  } else {
    throw fail(ErrorCode::unsupported, "golden: tensor '{}' is neither f32 nor i32", name);
  }
  return out;
}

double relative_error(const std::vector<float>& a, const std::vector<float>& b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a.size() != b.size()) return kInfinity;
  double difference = 0, size = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return kInfinity;
    difference = std::max(difference, std::abs(static_cast<double>(a[i]) - b[i]));
    size = std::max(size, std::abs(static_cast<double>(b[i])));
  }
  return size > 0 ? difference / size : difference;
}

Golden::Golden(const std::string& name)
    : folder_(std::filesystem::path(OMINIX_TEST_DATA) / "goldens" / name),
      file_(folder_ / "golden.safetensors") {}

std::vector<std::string> Golden::names() const {
  std::vector<std::string> out;
  for (const auto& info : file_.tensors()) out.push_back(info.name);
  return out;
}

std::map<std::string, Values> Golden::eval(Engine& engine,
                                           const std::shared_ptr<const Model>& model, Input input,
                                           const EvalOptions& options) const {
  const TempDir dir;
  std::vector<formats::SafetensorsEntry> entries;
  std::vector<Values> values;
  const auto add = [&](const std::string& from, const std::string& to) {
    values.push_back((*this)[from]);
    entries.push_back({to, DType::i32, values.back().shape});
  };
  if (input == Input::batch) {
    add("input_ids", "input_ids");
    add("attention_mask", "attention_mask");
  } else {
    add("input_ids_single", "input_ids");
  }
  formats::SafetensorsWriter writer(dir / "in", entries);
  for (const Values& v : values) writer.append(std::as_bytes(std::span(v.ints)));
  writer.commit();
  eval_files(engine, model, dir / "in", dir / "out", options);
  const formats::Safetensors results(dir / "out");
  std::map<std::string, Values> out;
  for (const auto& info : results.tensors()) out[info.name] = read_values(results, info.name);
  return out;
}

std::vector<float> eval_ids(Engine& engine, const std::shared_ptr<const Model>& model,
                            const std::vector<int32_t>& ids, int prefill_chunk) {
  const TempDir dir;
  const formats::SafetensorsEntry entry{
      "input_ids", DType::i32, {1, static_cast<int64_t>(ids.size())}};
  formats::SafetensorsWriter writer(dir / "in", std::span(&entry, 1));
  writer.append(std::as_bytes(std::span(ids)));
  writer.commit();
  eval_files(engine, model, dir / "in", dir / "out", {.prefill_chunk = prefill_chunk});
  return read_values(formats::Safetensors(dir / "out"), "logits").floats;
}

}  // namespace ominix::testing
