#include "weights/source.h"

#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "formats/tensor_file.h"

namespace ominix::weights {
namespace {

using kernels::Encoding;
using kernels::MatrixSource;

class FileSource : public Source {
 public:
  FileSource(TensorMap tensors, std::optional<QuantizationConfig> quantization, std::string where)
      : tensors_(std::move(tensors)),
        quantization_(std::move(quantization)),
        where_(std::move(where)) {}

  std::optional<StoredTensor> tensor(const std::string& name, const Shape&) override {
    const auto found = tensors_.find(name);
    if (found == tensors_.end()) return std::nullopt;
    return found->second;
  }

  std::optional<MatrixSource> matrix(const std::string& path, int64_t rows, int64_t cols,
                                     std::vector<std::string>& used) override {
    const std::string name = path + ".weight";
    const auto weight = tensors_.find(name);
    if (weight == tensors_.end()) return std::nullopt;
    used.push_back(name);
    if (tensors_.contains(path + ".scales")) return packed(path, rows, cols, used);
    const StoredTensor& tensor = weight->second;
    if (tensor.shape != Shape{rows, cols}) throw misshapen(name, tensor.shape, {rows, cols});
    MatrixSource source{.encoding = {.type = tensor.type}, .rows = rows, .cols = cols};
    const uint64_t row_bytes = source.row_bytes(0);
    source.read = [read = tensor.read, row_bytes](int, int64_t first, int64_t count,
                                                  std::byte* out) {
      read(static_cast<uint64_t>(first) * row_bytes, {out, static_cast<size_t>(count) * row_bytes});
    };
    return source;
  }

  bool has(const std::string& name) const override { return tensors_.contains(name); }

  std::vector<std::string> names() const override {
    std::vector<std::string> out;
    for (const auto& [name, tensor] : tensors_) out.push_back(name);
    return out;
  }

  std::string where() const override { return where_; }

 private:
  static Error misshapen(const std::string& name, const Shape& found, const Shape& expected) {
    return fail(ErrorCode::corrupt_data, "weights: tensor '{}' has shape {}, expected {}", name,
                to_string(found), to_string(expected));
  }

  // MLX's packed form: uint32 weight, scales, and biases when affine.
  MatrixSource packed(const std::string& path, int64_t rows, int64_t cols,
                      std::vector<std::string>& used) {
    if (!quantization_) {
      throw fail(ErrorCode::corrupt_data,
                 "weights: '{0}.scales' says that '{0}' is quantized, but config.json has no "
                 "\"quantization\"",
                 path);
    }
    const Quantization q = quantization_->of(path);
    const bool affine = q.mode == Encoding::Mode::affine;
    std::vector<StoredTensor> planes;
    for (const char* plane : {"weight", "scales", "biases"}) {
      const std::string name = fmt::format("{}.{}", path, plane);
      const bool is_weight = planes.empty();
      if (planes.size() == 2 && !affine) break;
      const auto found = tensors_.find(name);
      if (found == tensors_.end()) {
        throw fail(ErrorCode::corrupt_data, "weights: tensor '{}' is missing from {}", name,
                   where_);
      }
      const Shape expected = {rows, is_weight ? cols * q.bits / 32 : cols / q.group_size};
      if (found->second.shape != expected || cols % q.group_size != 0 || cols * q.bits % 32 != 0) {
        throw fail(ErrorCode::corrupt_data,
                   "weights: tensor '{}' has shape {}, expected {} ({} bits, groups of {})", name,
                   to_string(found->second.shape), to_string(expected), q.bits, q.group_size);
      }
      planes.push_back(found->second);
      if (!is_weight) used.push_back(name);
    }
    MatrixSource source{.encoding = {.mode = q.mode,
                                     .type = planes[1].type,
                                     .bits = q.bits,
                                     .group_size = q.group_size},
                        .rows = rows,
                        .cols = cols};
    source.read = [planes](int plane, int64_t first, int64_t count, std::byte* out) {
      const StoredTensor& t = planes.at(static_cast<size_t>(plane));
      const uint64_t row_bytes = t.bytes / static_cast<uint64_t>(t.shape[0]);
      t.read(static_cast<uint64_t>(first) * row_bytes,
             {out, static_cast<size_t>(count) * row_bytes});
    };
    return source;
  }

  TensorMap tensors_;
  std::optional<QuantizationConfig> quantization_;
  std::string where_;
};

Quantization read_module(const nlohmann::json& entry, Quantization fallback,
                         const std::string& path) {
  Quantization q = fallback;
  const auto integer = [&](const char* key, int value) {
    const auto found = entry.find(key);
    if (found == entry.end()) return value;
    if (!found->is_number_integer()) {
      throw fail(ErrorCode::corrupt_data, "config.json: quantization of '{}': '{}' is not a number",
                 path, key);
    }
    return found->get<int>();
  };
  q.bits = integer("bits", q.bits);
  q.group_size = integer("group_size", q.group_size);
  if (const auto mode = entry.find("mode"); mode != entry.end()) {
    if (*mode == "affine") {
      q.mode = Encoding::Mode::affine;
    } else if (*mode == "mxfp4") {
      q.mode = Encoding::Mode::mxfp4;
    } else if (*mode == "mxfp8") {
      q.mode = Encoding::Mode::mxfp8;
    } else if (*mode == "nvfp4") {
      q.mode = Encoding::Mode::nvfp4;
    } else {
      throw fail(
          ErrorCode::unsupported,
          "config.json: quantization mode {} of '{}', expected affine, mxfp4, mxfp8 or nvfp4",
          mode->dump(), path);
    }
  }
  const bool affine = q.mode == Encoding::Mode::affine;
  const bool known = affine ? (q.bits == 2 || q.bits == 3 || q.bits == 4 || q.bits == 5 ||
                               q.bits == 6 || q.bits == 8) &&
                                  (q.group_size == 32 || q.group_size == 64 || q.group_size == 128)
                            : q.bits == (q.mode == Encoding::Mode::mxfp8 ? 8 : 4) &&
                                  q.group_size == (q.mode == Encoding::Mode::nvfp4 ? 16 : 32);
  if (!known) {
    throw fail(ErrorCode::unsupported,
               "config.json: quantization of '{}' has {} bits in groups of {}, which no mode has",
               path, q.bits, q.group_size);
  }
  return q;
}

}  // namespace

const Quantization& QuantizationConfig::of(const std::string& path) const {
  const auto own = modules.find(path);
  if (own != modules.end()) return own->second;
  // "….gate_proj.3" was a part of the stacked module "….gate_proj".
  const size_t dot = path.rfind('.');
  if (dot != std::string::npos &&
      path.find_first_not_of("0123456789", dot + 1) == std::string::npos) {
    const auto whole = modules.find(path.substr(0, dot));
    if (whole != modules.end()) return whole->second;
  }
  return fallback;
}

std::string to_string(const Shape& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

std::optional<QuantizationConfig> read_quantization(const nlohmann::json& config) {
  auto block = config.find("quantization");
  if (block == config.end()) block = config.find("quantization_config");
  if (block == config.end() || block->is_null()) return std::nullopt;
  if (!block->is_object()) {
    throw Error(ErrorCode::corrupt_data, "config.json: 'quantization' is not an object");
  }
  if (const auto method = block->find("quant_method"); method != block->end()) {
    throw fail(ErrorCode::unsupported,
               "config.json: quantization method {} is not supported; use an MLX, GGUF or "
               "unquantized copy of the model",
               method->dump());
  }
  QuantizationConfig out;
  out.fallback = read_module(*block, {}, "the model");
  for (const auto& [path, entry] : block->items()) {
    if (entry.is_object()) out.modules[path] = read_module(entry, out.fallback, path);
  }
  return out;
}

TensorMap tensors_of(const std::shared_ptr<const formats::TensorFile>& file) {
  TensorMap out;
  for (const formats::TensorInfo& info : file->tensors()) {
    StoredTensor tensor{info.type, info.shape, info.bytes, nullptr};
    // `info` lives as long as the file does.
    tensor.read = [file, &info](uint64_t offset, std::span<std::byte> bytes) {
      file->read(info, offset, bytes);
    };
    out.emplace(info.name, std::move(tensor));
  }
  return out;
}

std::unique_ptr<Source> make_source(TensorMap tensors,
                                    std::optional<QuantizationConfig> quantization,
                                    std::string where) {
  return std::make_unique<FileSource>(std::move(tensors), std::move(quantization),
                                      std::move(where));
}

}  // namespace ominix::weights
