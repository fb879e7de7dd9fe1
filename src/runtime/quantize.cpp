#include "kernels/quantize.h"

#include <ominix/quantize.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "formats/safetensors.h"
#include "runtime/engine_impl.h"
#include "runtime/model_files.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;
using kernels::Encoding;

constexpr uint64_t kMaxConfig = 4u << 20;

// The widths that were asked for, or the mode's own, checked by the reader of such folders.
weights::Quantization choose(const QuantizeOptions& o) {
  const bool affine = o.mode == "affine";
  const int bits = o.bits > 0 ? o.bits : o.mode == "mxfp8" ? 8 : 4;
  const int group_size = o.group_size > 0    ? o.group_size
                         : affine            ? 64
                         : o.mode == "nvfp4" ? 16
                                             : 32;
  const Json block = {{"mode", o.mode}, {"bits", bits}, {"group_size", group_size}};
  try {
    return weights::read_quantization({{"quantization", block}})->fallback;
  } catch (const Error&) {
    throw fail(
        ErrorCode::invalid_argument,
        "quantize: mode '{}' with {} bits in groups of {}; expected affine with 2, 3, 4, 5, 6 "
        "or 8 bits in groups of 32, 64 or 128, mxfp4 (4, 32), mxfp8 (8, 32) or nvfp4 (4, 16)",
        o.mode, bits, group_size);
  }
}

// A folder that takes its name on keep(), and goes without it.
class NewFolder {
 public:
  explicit NewFolder(fs::path path) : path_(std::move(path)) {
    if (!path_.has_filename()) path_ = path_.parent_path();
    if (fs::exists(fs::symlink_status(path_))) {
      throw fail(ErrorCode::invalid_argument, "quantize: '{}' is there already; name a new folder",
                 path_.string());
    }
    temporary_ = path_;
    temporary_ += "." + std::to_string(::getpid()) + ".partial";
    std::error_code error;
    fs::create_directory(temporary_, error);
    if (error) {
      throw fail(ErrorCode::io, "quantize: no folder '{}': {}", temporary_.string(),
                 error.message());
    }
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  ~NewFolder() {
    std::error_code ignored;
    if (!kept_) fs::remove_all(temporary_, ignored);
  }
  fs::path operator/(const std::string& name) const { return temporary_ / name; }
  void keep() {
    std::error_code error;
    fs::rename(temporary_, path_, error);
    if (error) {
      throw fail(ErrorCode::io, "quantize: '{}' does not become '{}': {}", temporary_.string(),
                 path_.string(), error.message());
    }
    kept_ = true;
  }

 private:
  fs::path path_, temporary_;
  bool kept_ = false;
};

// One tensor of the source, and what becomes of it.
struct Item {
  std::string name;
  const weights::StoredTensor* tensor;
  bool packed;
};

bool can_pack(const std::string& name, const weights::StoredTensor& t,
              const weights::Quantization& q) {
  const bool is_float = t.type == DType::f32 || t.type == DType::f16 || t.type == DType::bf16;
  return name.ends_with(".weight") && t.shape.size() == 2 && is_float && t.shape[0] > 0 &&
         t.shape[1] > 0 && t.shape[1] % q.group_size == 0 && t.shape[1] * q.bits % 32 == 0;
}

std::vector<formats::SafetensorsEntry> entries_of(const std::vector<Item>& items,
                                                  const weights::Quantization& q) {
  const bool affine = q.mode == Encoding::Mode::affine;
  std::vector<formats::SafetensorsEntry> out;
  for (const auto& [name, tensor, packed] : items) {
    if (!packed) {
      out.push_back({name, tensor->type, tensor->shape});
      continue;
    }
    const int64_t rows = tensor->shape[0], cols = tensor->shape[1];
    const std::string path = name.substr(0, name.size() - std::string_view("weight").size());
    const DType scales = affine ? tensor->type : DType::u8;
    out.push_back({name, DType::u32, {rows, cols * q.bits / 32}});
    out.push_back({path + "scales", scales, {rows, cols / q.group_size}});
    if (affine) out.push_back({path + "biases", scales, {rows, cols / q.group_size}});
  }
  return out;
}

kernels::PackedPlanes pack(const weights::StoredTensor& t, const weights::Quantization& q) {
  kernels::MatrixSource source{
      .encoding = {.type = t.type}, .rows = t.shape[0], .cols = t.shape[1]};
  const uint64_t row_bytes = source.row_bytes(0);
  source.read = [&t, row_bytes](int, int64_t first, int64_t count, std::byte* out) {
    t.read(static_cast<uint64_t>(first) * row_bytes, {out, static_cast<size_t>(count) * row_bytes});
  };
  return kernels::quantize(
      source, {.mode = q.mode, .type = t.type, .bits = q.bits, .group_size = q.group_size});
}

// Writes the bytes of a tensor in pieces.
void copy(const weights::StoredTensor& t, formats::SafetensorsWriter& out) {
  std::vector<std::byte> piece;
  for (uint64_t at = 0; at < t.bytes; at += piece.size()) {
    piece.resize(std::min<uint64_t>(t.bytes - at, 16u << 20));
    t.read(at, piece);
    out.append(piece);
  }
}

// config.json with what tells readers how the matrices are packed.
void write_config(const fs::path& from, const fs::path& to, const std::string& mode,
                  const weights::Quantization& q) {
  OrderedJson config = parse_ordered_json(read_text(from, kMaxConfig), "config.json");
  const OrderedJson block = {{"group_size", q.group_size}, {"bits", q.bits}, {"mode", mode}};
  config["quantization"] = block;
  config["quantization_config"] = block;
  write_atomic(to, config.dump(2) + "\n");
}

// Everything that belongs to a model but its weights: tokenizer, templates, settings, licences.
bool goes_along(const fs::path& file) {
  const std::string name = file.filename().string(), suffix = file.extension().string();
  if (name == "config.json" || name.ends_with(".index.json")) return false;
  for (const char* known : {".json", ".jinja", ".txt", ".model", ".tiktoken"}) {
    if (suffix == known) return true;
  }
  return name.starts_with("LICENSE") || name.starts_with("NOTICE");
}

}  // namespace

QuantizeResult quantize(Engine& engine, const fs::path& folder, const fs::path& out,
                        const QuantizeOptions& options) {
  const weights::Quantization q = choose(options);
  if (!fs::is_directory(folder)) {
    throw fail(ErrorCode::unsupported,
               "quantize: '{}' is no folder; expected config.json with safetensors",
               folder.string());
  }
  const runtime::ModelFiles files = runtime::open_model(folder);
  if (files.config_name != "config.json") {
    throw fail(ErrorCode::unsupported, "quantize: '{}' holds a GGUF file, expected safetensors",
               folder.string());
  }
  if (files.quantization) {
    throw fail(ErrorCode::unsupported,
               "quantize: '{}' is quantized already; start from the original weights",
               folder.string());
  }
  std::vector<Item> items;
  QuantizeResult result{.bits = q.bits, .group_size = q.group_size};
  for (const auto& [name, tensor] : files.tensors) {
    items.push_back({name, &tensor, can_pack(name, tensor, q)});
    ++(items.back().packed ? result.packed : result.kept);
    result.bytes_before += tensor.bytes;
  }
  NewFolder target(out);
  formats::SafetensorsWriter writer(target / "model.safetensors", entries_of(items, q),
                                    {{"format", "mlx"}});
  uint64_t read = 0;
  for (const Item& item : items) {
    if (item.packed) {
      const auto planes = engine.impl().call([&] { return pack(*item.tensor, q); });
      for (const auto& plane : planes.planes) {
        writer.append(plane);
        result.bytes_after += plane.size();
      }
    } else {
      copy(*item.tensor, writer);
      result.bytes_after += item.tensor->bytes;
    }
    read += item.tensor->bytes;
    if (options.go_on && !options.go_on(read, result.bytes_before)) {
      throw Error(ErrorCode::cancelled, "quantize: stopped");
    }
  }
  writer.commit();
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file() && goes_along(entry.path())) {
      fs::copy_file(entry.path(), target / entry.path().filename().string());
    }
  }
  write_config(folder / "config.json", target / "config.json", options.mode, q);
  target.keep();
  return result;
}

}  // namespace ominix
