#include <ominix/check.h>

#include <algorithm>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "formats/checkpoint_files.h"
#include "formats/config.h"
#include "formats/gguf.h"
#include "formats/gguf_vocabulary.h"
#include "formats/safetensors.h"
#include "formats/shown.h"

namespace ominix {
namespace formats {
namespace {

namespace fs = std::filesystem;

void read_all(const TensorFile& file) {
  std::vector<std::byte> piece(1u << 20);
  for (const TensorInfo& t : file.tensors()) {
    for (uint64_t at = 0; at < t.bytes; at += piece.size()) {
      file.read(t, at, std::span(piece).first(std::min<uint64_t>(piece.size(), t.bytes - at)));
    }
  }
}

void check_gguf(const fs::path& path) {
  const Gguf file(path);
  check_vocabulary(file.metadata(), fmt::format("gguf: '{}'", shown(path.string())));
  read_all(file);
}

void check_safetensors(const fs::path& path) { read_all(Safetensors(path)); }

// Every tensor of the index must stand in the shard that the index names.
void check_index(const fs::path& path) {
  SafetensorsIndex index = read_safetensors_index(path);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::stable_sort(index.tensors.begin(), index.tensors.end(),
                   [](const auto& a, const auto& b) { return a.second < b.second; });
  auto at = index.tensors.begin();
  for (uint32_t i = 0; i < index.files.size(); ++i) {
    const Safetensors shard(resolve_inside(folder, index.files[i]));
    for (; at != index.tensors.end() && at->second == i; ++at) {
      if (!shard.find(at->first)) {
        throw fail(ErrorCode::corrupt_data, "index: '{}': tensor '{}' is not in '{}'",
                   shown(path.string()), shown(at->first), shown(index.files[i]));
      }
    }
    read_all(shard);
  }
}

void check_folder(const fs::path& folder) {
  std::error_code ignored;
  if (fs::exists(folder / "config.json", ignored)) {
    check_config(read_config(resolve_inside(folder, "config.json")));
  }
  const CheckpointFiles found = find_checkpoint(folder);
  if (!found.index.empty()) return check_index(found.index);
  if (found.kind == CheckpointFiles::Kind::gguf) {
    const auto parts = open_gguf(found.files);
    check_vocabulary(parts.front().metadata(),
                     fmt::format("gguf: '{}'", shown(found.files.front().string())));
    for (const Gguf& part : parts) read_all(part);
    return;
  }
  for (const fs::path& file : found.files) check_safetensors(file);
}

std::string start_of(const fs::path& path) {
  const File file(path);
  std::string start(std::min<uint64_t>(file.size(), 8), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(start)));
  return start;
}

// Containers of other programs: none is opened, whatever stands in it.
void refuse_foreign(const fs::path& path, std::string_view start) {
  const fs::path extension = path.extension();
  const auto refuse = [&](std::string_view kind) {
    throw fail(ErrorCode::unsupported,
               "check: '{}' is {}, expected safetensors or GGUF: convert it first",
               shown(path.string()), kind);
  };
  if (start.starts_with("\x93NUMPY") || extension == ".npy") refuse("a NumPy array");
  if (extension == ".npz") refuse("an archive of NumPy arrays");
  if (start.starts_with("PK\x03\x04") || extension == ".pt" || extension == ".pth" ||
      extension == ".bin" || extension == ".ckpt") {
    refuse("a pickle or a zip archive");
  }
}

void check(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return check_folder(path);
  const std::string name = path.filename().string();
  if (name.ends_with(".index.json")) return check_index(path);
  if (name.ends_with("config.json")) {
    const Config config = read_config(path);
    if (name == "config.json") check_config(config);
    return;
  }
  if (name.ends_with(".json")) {
    const std::string text = read_text(path);
    parse_json(text, fmt::format("json: '{}'", shown(path.string())));
    return;
  }
  const std::string start = start_of(path);
  refuse_foreign(path, start);
  if (start.starts_with("GGUF") || path.extension() == ".gguf") return check_gguf(path);
  check_safetensors(path);
}

std::string_view code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::too_big:
    case ErrorCode::out_of_memory:
      return "too_big";
    case ErrorCode::unsupported:
      return "unsupported";
    case ErrorCode::io:
    case ErrorCode::not_found:
      return "unreadable";
    default:
      return "malformed";
  }
}

}  // namespace
}  // namespace formats

CheckReport check_file(const std::filesystem::path& path) {
  try {
    formats::check(path);
    return {};
  } catch (const Error& e) {
    return {false, formats::code_of(e.code()), e.what()};
  } catch (const std::bad_alloc&) {
    return {
        false, "too_big",
        fmt::format("check: '{}' needs more memory than there is", formats::shown(path.string()))};
  }
}

}  // namespace ominix
