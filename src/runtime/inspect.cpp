#include <fmt/format.h>
#include <ominix/inspect.h>

#include <algorithm>
#include <map>

#include "runtime/model_files.h"

namespace ominix {
namespace {

// The block type that stands for most values names the file.
std::string main_type(const weights::TensorMap& tensors) {
  std::map<DType, uint64_t> values;
  for (const auto& [name, t] : tensors) {
    if (is_quantized(t.type))
      values[t.type] += t.bytes / ominix::info(t.type).bytes * ominix::info(t.type).block;
  }
  const auto most = std::ranges::max_element(values, {}, [](const auto& v) { return v.second; });
  return most == values.end() ? "none" : std::string(to_string(most->first));
}

const char* name_of(kernels::Encoding::Mode mode) {
  using Mode = kernels::Encoding::Mode;
  switch (mode) {
    case Mode::mxfp4:
      return "mxfp4";
    case Mode::mxfp8:
      return "mxfp8";
    case Mode::nvfp4:
      return "nvfp4";
    default:
      return "affine";
  }
}

}  // namespace

ModelSummary inspect(const std::filesystem::path& path) {
  const runtime::ModelFiles files = runtime::open_model(path);
  ModelSummary out;
  out.family = files.family->name;
  out.task = files.family->task;
  out.parameters = files.parameters;
  out.tokenizer = files.tokenizer != nullptr;
  out.chat_template = files.chat_template != nullptr;
  models::ConfigReader config(*files.config, files.config_name);
  config.optional("max_position_embeddings", out.context);
  for (const auto& [name, tensor] : files.tensors) {
    out.tensors.push_back({name, std::string(to_string(tensor.type)), tensor.shape, tensor.bytes});
    out.bytes += tensor.bytes;
  }
  if (files.quantization) {
    const auto& q = files.quantization->fallback;
    out.quantization =
        fmt::format("{}-bit {}, groups of {}", q.bits, name_of(q.mode), q.group_size);
  } else {
    out.quantization = main_type(files.tensors);
  }
  return out;
}

}  // namespace ominix
