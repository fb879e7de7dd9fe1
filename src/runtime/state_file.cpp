#include "runtime/state_file.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "formats/safetensors.h"
#include "weights/source.h"

namespace ominix::runtime {
namespace {

constexpr const char* kFormat = "ominix-state-1";
constexpr int64_t kPiece = kernels::KvState::kBlock;  // tokens at once

std::string plane_name(size_t layer, const kernels::KvPlane& plane) {
  return fmt::format("layers.{}.{}", layer, plane.name);
}

// Calls f(first token, count) over [first, length).
template <class F>
void in_pieces(int64_t first, int64_t length, F f) {
  for (int64_t at = first; at < length; at += kPiece) f(at, std::min(kPiece, length - at));
}

const formats::TensorInfo& tensor(const formats::Safetensors& file, const std::string& name,
                                  DType type, const weights::Shape& shape) {
  const formats::TensorInfo* info = file.find(name);
  if (!info || info->type != type || info->shape != shape) {
    throw fail(ErrorCode::corrupt_data, "state: '{}': tensor '{}' is {}, expected {} {}",
               file.path().string(), name,
               info ? fmt::format("{} {}", to_string(info->type), weights::to_string(info->shape))
                    : std::string("missing"),
               to_string(type), weights::to_string(shape));
  }
  return *info;
}

// Tokens of a plane: 1 to `most`.
int64_t rows_of(const formats::Safetensors& file, const std::string& name, int64_t most) {
  const formats::TensorInfo* info = file.find(name);
  if (!info || info->shape.empty() || info->shape[0] < 1 || info->shape[0] > most) {
    throw fail(ErrorCode::corrupt_data,
               "state: '{}': tensor '{}' is missing or not of 1 to {} tokens", file.path().string(),
               name, most);
  }
  return info->shape[0];
}

}  // namespace

void save_state(const std::filesystem::path& path, const std::string& model,
                std::span<const int32_t> ids, std::span<const kernels::KvState> states) {
  const auto tokens = static_cast<int64_t>(ids.size());
  std::vector<formats::SafetensorsEntry> entries = {{"ids", DType::i32, {tokens}}};
  for (size_t layer = 0; layer < states.size(); ++layer) {
    for (const auto& plane : kernels::kv_planes(states[layer].spec())) {
      entries.push_back({plane_name(layer, plane),
                         plane.type,
                         {tokens - states[layer].first(), plane.heads, plane.width}});
    }
  }
  formats::SafetensorsWriter out(path, entries, {{"format", kFormat}, {"model", model}});
  out.append(std::as_bytes(ids));
  std::vector<std::byte> bytes;
  for (const kernels::KvState& state : states) {
    const auto planes = kernels::kv_planes(state.spec());
    for (size_t p = 0; p < planes.size(); ++p) {
      in_pieces(state.first(), tokens, [&](int64_t first, int64_t count) {
        bytes.resize(static_cast<uint64_t>(count) * planes[p].token_bytes());
        state.read(static_cast<int>(p), first, count, bytes.data());
        out.append(bytes);
      });
    }
  }
  out.commit();
}

std::vector<kernels::KvState> load_state(const std::filesystem::path& path,
                                         const std::string& model,
                                         std::span<const kernels::KvSpec> specs,
                                         std::span<const int32_t> prompt) {
  const formats::Safetensors file(path);
  const auto value = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::string("nothing") : found->second;
  };
  if (value("format") != kFormat) {
    throw fail(ErrorCode::invalid_argument, "state: '{}' has the format '{}', expected '{}'",
               path.string(), value("format"), kFormat);
  }
  if (value("model") != model) {
    throw fail(ErrorCode::invalid_argument, "state: '{}' was made by '{}', expected '{}'",
               path.string(), value("model"), model);
  }
  const formats::TensorInfo* info = file.find("ids");
  if (!info || info->type != DType::i32 || info->shape.size() != 1) {
    throw fail(ErrorCode::corrupt_data, "state: '{}' has no tensor 'ids' of int32 numbers",
               path.string());
  }
  const int64_t saved = info->shape[0];
  std::vector<int32_t> ids(std::min(static_cast<size_t>(saved), prompt.size() - 1));
  file.read(*info, 0, std::as_writable_bytes(std::span(ids)));
  const int64_t shared = std::ranges::mismatch(ids, prompt).in1 - ids.begin();

  std::vector<kernels::KvState> out;
  std::vector<std::byte> bytes;
  for (size_t layer = 0; layer < specs.size() && shared > 0; ++layer) {
    const kernels::KvSpec& spec = specs[layer];
    const auto planes = kernels::kv_planes(spec);
    const int64_t first = saved - rows_of(file, plane_name(layer, planes[0]), saved);
    if (first > std::max<int64_t>(0, spec.window > 0 ? shared - spec.window + 1 : 0)) return {};
    kernels::KvState& state = out.emplace_back(spec);
    state.resize(first, shared);
    for (size_t p = 0; p < planes.size(); ++p) {
      const auto& stored = tensor(file, plane_name(layer, planes[p]), planes[p].type,
                                  {saved - first, planes[p].heads, planes[p].width});
      in_pieces(first, shared, [&](int64_t from, int64_t count) {
        bytes.resize(static_cast<uint64_t>(count) * planes[p].token_bytes());
        file.read(stored, static_cast<uint64_t>(from - first) * planes[p].token_bytes(), bytes);
        state.write(static_cast<int>(p), from, count, bytes.data());
      });
    }
  }
  return out;
}

}  // namespace ominix::runtime
