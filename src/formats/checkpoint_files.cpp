#include "formats/checkpoint_files.h"

#include <algorithm>
#include <functional>
#include <system_error>

#include "base/error.h"
#include "formats/shown.h"

namespace ominix::formats {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndexSuffix = ".safetensors.index.json";

std::string quoted(const fs::path& path) { return fmt::format("'{}'", shown(path.string())); }

fs::path real(const fs::path& path) {
  std::error_code error;
  fs::path out = fs::canonical(path, error);
  if (error) {
    throw fail(ErrorCode::not_found, "checkpoint: {}: {}", quoted(path), error.message());
  }
  return out;
}

// The folder that links of a model's files may point into.
fs::path root_of(const fs::path& folder) {
  const fs::path snapshots = folder.parent_path(), repository = snapshots.parent_path();
  const bool cached = snapshots.filename() == "snapshots" &&
                      repository.filename().string().find("--") != std::string::npos;
  return cached ? repository : folder;
}

bool is_inside(const fs::path& path, const fs::path& root) {
  const auto [at, rest] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  (void)rest;
  return at == root.end();
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  if (error) {
    throw fail(ErrorCode::io, "checkpoint: {}: {}", quoted(folder), error.message());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> with_suffix(const std::vector<std::string>& names, std::string_view suffix,
                                     std::string_view prefix = "") {
  std::vector<std::string> out;
  std::copy_if(names.begin(), names.end(), std::back_inserter(out), [&](const std::string& name) {
    return name.size() > suffix.size() && name.ends_with(suffix) && name.starts_with(prefix);
  });
  return out;
}

CheckpointFiles resolved(CheckpointFiles::Kind kind, const fs::path& folder,
                         const std::vector<std::string>& names) {
  CheckpointFiles out{.kind = kind};
  for (const std::string& name : names) out.files.push_back(resolve_inside(folder, name));
  return out;
}

// All parts of the split that `name` belongs to, or `name` itself.
std::vector<std::string> parts_of(const fs::path& folder, const std::string& name) {
  const auto shard = parse_shard_name(name);
  if (!shard) return {name};
  std::vector<std::string> parts;
  for (uint32_t n = 1; n <= shard->count; ++n) {
    parts.push_back(shard->with_number(n));
    if (!fs::exists(folder / parts.back())) {
      throw fail(ErrorCode::corrupt_data, "checkpoint: {} has {} parts, '{}' is missing",
                 quoted(folder / name), shard->count, parts.back());
    }
  }
  return parts;
}

// Several shards of one split, nothing else beside them; or one file.
std::vector<std::string> one_set(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<std::string> parts = parts_of(folder, names.front());
  if (parts != names) {
    throw fail(ErrorCode::invalid_argument,
               "checkpoint: {} holds '{}' and '{}': name the file that you mean", quoted(folder),
               shown(names.front()), shown(names.back()));
  }
  return parts;
}

CheckpointFiles from_index(const fs::path& folder, const std::string& name) {
  const fs::path index = resolve_inside(folder, name);
  const SafetensorsIndex map = read_safetensors_index(index);
  CheckpointFiles out = resolved(CheckpointFiles::Kind::safetensors, folder, map.files);
  out.index = index;
  return out;
}

CheckpointFiles from_folder(const fs::path& folder) {
  using Kind = CheckpointFiles::Kind;
  const auto names = names_in(folder);
  const auto has = [&](std::string_view name) {
    return std::binary_search(names.begin(), names.end(), name, std::less<>());
  };
  if (has("model.safetensors")) return resolved(Kind::safetensors, folder, {"model.safetensors"});
  if (has("model.safetensors.index.json")) {
    return from_index(folder, "model.safetensors.index.json");
  }
  if (const auto indexes = with_suffix(names, kIndexSuffix); indexes.size() == 1) {
    return from_index(folder, indexes.front());
  }
  if (const auto shards = with_suffix(names, ".safetensors", "model"); !shards.empty()) {
    return resolved(Kind::safetensors, folder, one_set(folder, shards));
  }
  if (const auto files = with_suffix(names, ".safetensors"); !files.empty()) {
    return resolved(Kind::safetensors, folder, one_set(folder, files));
  }
  if (const auto files = with_suffix(names, ".gguf"); !files.empty()) {
    return resolved(Kind::gguf, folder, one_set(folder, files));
  }
  throw fail(ErrorCode::not_found,
             "checkpoint: {} has no weights, expected model.safetensors, "
             "model.safetensors.index.json or a .gguf file",
             quoted(folder));
}

}  // namespace

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

fs::path resolve_inside(const fs::path& folder, std::string_view name) {
  if (!is_plain_name(name)) {
    throw fail(ErrorCode::corrupt_data,
               "checkpoint: {} names the file '{}', expected one plain file name", quoted(folder),
               shown(name));
  }
  const fs::path base = real(folder);
  fs::path path = real(base / name);
  if (!is_inside(path, root_of(base))) {
    throw fail(ErrorCode::corrupt_data, "checkpoint: {} is a link that leaves the model's folder",
               quoted(folder / name));
  }
  return path;
}

std::string ShardName::with_number(uint32_t n) const {
  return fmt::format("{}-{:05}-of-{:05}{}", stem, n, count, suffix);
}

std::optional<ShardName> parse_shard_name(std::string_view name) {
  // "-00001-of-00002" before the suffix
  constexpr size_t kLength = 15;
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot <= kLength) return std::nullopt;
  const std::string_view middle = name.substr(dot - kLength, kLength);
  const auto number = [](std::string_view digits) -> uint32_t {
    uint32_t n = 0;
    for (char c : digits) {
      if (c < '0' || c > '9') return 0;
      n = n * 10 + static_cast<uint32_t>(c - '0');
    }
    return n;
  };
  if (middle[0] != '-' || middle.substr(6, 4) != "-of-") return std::nullopt;
  ShardName out{std::string(name.substr(0, dot - kLength)), number(middle.substr(1, 5)),
                number(middle.substr(10, 5)), std::string(name.substr(dot))};
  if (out.number < 1 || out.number > out.count) return std::nullopt;
  return out;
}

CheckpointFiles find_checkpoint(const fs::path& model) {
  using Kind = CheckpointFiles::Kind;
  if (fs::is_directory(real(model))) return from_folder(model);
  // A file named by the user is opened as it is; only the names of its sisters are ours to check.
  const std::string name = model.filename().string();
  const fs::path folder = model.has_parent_path() ? model.parent_path() : fs::path(".");
  const auto kind = model.extension() == ".gguf" ? Kind::gguf : Kind::safetensors;
  if (kind == Kind::safetensors && model.extension() != ".safetensors") {
    throw fail(ErrorCode::unsupported,
               "checkpoint: {} is neither a folder nor a .safetensors or .gguf file",
               quoted(model));
  }
  const auto parts = kind == Kind::gguf ? parts_of(folder, name) : std::vector{name};
  if (parts.size() == 1) return {.kind = kind, .files = {model}};
  return resolved(kind, folder, parts);
}

}  // namespace ominix::formats
