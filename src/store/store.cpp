#include <fcntl.h>
#include <ominix/store.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "formats/checkpoint_files.h"
#include "formats/shown.h"
#include "store/sha256.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;
using formats::shown;

constexpr std::string_view kManifest = "ominix-manifest.json";

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_part(std::string_view part) {
  return !part.empty() && part.size() <= 96 && is_alnum(part.front()) && part.back() != '-' &&
         part.back() != '.' && part.find("--") == part.npos && part.find("..") == part.npos &&
         std::all_of(part.begin(), part.end(),
                     [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_hex(std::string_view text, size_t size) {
  return text.size() == size && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool is_revision(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](char c) {
    return is_alnum(c) || c == '.' || c == '_' || c == '-';
  });
}

// "ORG/NAME" -> "ORG--NAME": one folder name, the other way round as well.
std::string folder_name(std::string_view id) {
  if (!is_model_id(id)) {
    throw fail(ErrorCode::invalid_argument, "store: '{}' is no model id, expected ORG/NAME",
               shown(id));
  }
  const size_t slash = id.find('/');
  if (slash == id.npos) return std::string(id);
  return fmt::format("{}--{}", id.substr(0, slash), id.substr(slash + 1));
}

std::string id_of(std::string_view name) {
  const size_t at = name.find("--");
  if (at == name.npos) return std::string(name);
  return fmt::format("{}/{}", name.substr(0, at), name.substr(at + 2));
}

[[noreturn]] void throw_io(std::string_view doing, const fs::path& path,
                           const std::error_code& error) {
  throw fail(ErrorCode::io, "store: cannot {} '{}': {}", doing, shown(path.string()),
             error.message());
}

void sync(const fs::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  const bool done = fd >= 0 && ::fsync(fd) == 0;
  const std::error_code error(errno, std::generic_category());
  if (fd >= 0) ::close(fd);
  if (!done) throw_io("write", path, error);
}

void move_synced(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) throw_io("move", from, error);
  sync(to.parent_path(), O_RDONLY | O_DIRECTORY);
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw_io("create", path, error);
}

struct Manifest {
  std::string revision;
  std::vector<StoreFile> files;
};

Manifest read_manifest(const fs::path& folder) {
  const std::string where = fmt::format("store: '{}'", shown(folder.string()));
  const Json json = parse_json(read_text(folder / kManifest, 1u << 20), where);
  try {
    Manifest out{.revision = json.at("revision").get<std::string>()};
    for (const Json& f : json.at("files")) {
      out.files.push_back({f.at("name").get<std::string>(), f.at("size").get<uint64_t>(),
                           f.at("sha256").get<std::string>()});
      if (!formats::is_plain_name(out.files.back().name)) {
        throw fail(ErrorCode::corrupt_data, "{}: its list names '{}'", where,
                   shown(out.files.back().name));
      }
    }
    return out;
  } catch (const Json::exception&) {
    throw fail(ErrorCode::corrupt_data, "{}: {} is not what the store wrote", where, kManifest);
  }
}

// What is wrong with one file, or nothing.
std::string complaint(const fs::path& folder, const StoreFile& file) {
  try {
    const fs::path path = folder / file.name;
    std::error_code error;
    if (!fs::is_regular_file(fs::symlink_status(path, error))) {
      return fmt::format("'{}' is missing", shown(file.name));
    }
    const uint64_t size = fs::file_size(path);
    if (size != file.size) {
      return fmt::format("'{}' has {} bytes, expected {}", shown(file.name), size, file.size);
    }
    const std::string hash = store::sha256_of(path);
    if (hash != file.sha256) {
      return fmt::format("'{}' has sha256 {}, expected {}", shown(file.name), hash, file.sha256);
    }
    return {};
  } catch (const std::exception& e) {
    return e.what();
  }
}

// A model of the store, if its folder is whole by name and size.
std::optional<StoredModel> stored(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder / kManifest, error)) return std::nullopt;
  try {
    const Manifest manifest = read_manifest(folder);
    StoredModel model{id_of(folder.filename().string()), manifest.revision, folder};
    for (const StoreFile& file : manifest.files) {
      const uint64_t size = fs::file_size(folder / file.name, error);
      if (error || size != file.size) return std::nullopt;
      model.bytes += size;
    }
    return model;
  } catch (const Error& e) {
    log::warning("{}", e.what());
    return std::nullopt;
  }
}

// The snapshot that refs/main of a Hugging Face cache names, if its weights are all there.
std::optional<StoredModel> cached(const fs::path& repository) {
  try {
    std::string revision = read_text(repository / "refs" / "main", 256);
    while (!revision.empty() && revision.back() == '\n') revision.pop_back();
    if (!is_revision(revision)) return std::nullopt;
    const fs::path folder = repository / "snapshots" / revision;
    (void)formats::find_checkpoint(folder);
    StoredModel model{id_of(repository.filename().string().substr(8)), revision, folder};
    model.in_hugging_face_cache = true;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.is_regular_file()) model.bytes += entry.file_size();
    }
    return model;
  } catch (const std::exception&) {
    return std::nullopt;  // half a download is no model
  }
}

std::vector<std::string> folders_in(const fs::path& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  return names;
}

fs::path home(std::string_view below) {
  const char* home = std::getenv("HOME");
  if (!home || !*home) {
    throw fail(ErrorCode::not_found, "store: HOME is not set; set OMINIX_HOME to a folder");
  }
  return fs::path(home) / below;
}

std::optional<fs::path> environment(const char* name) {
  const char* value = std::getenv(name);
  if (!value || !*value) return std::nullopt;
  return fs::path(value);
}

}  // namespace

bool is_model_id(std::string_view id) {
  const size_t slash = id.find('/');
  if (slash == id.npos) return is_part(id);
  return is_part(id.substr(0, slash)) && is_part(id.substr(slash + 1));
}

fs::path Store::default_root() {
  if (auto path = environment("OMINIX_HOME")) return *path;
  if (auto path = environment("XDG_CACHE_HOME")) return *path / "ominix";
  return home(".cache/ominix");
}

fs::path Store::default_hugging_face_cache() {
  if (auto path = environment("HF_HUB_CACHE")) return *path;
  if (auto path = environment("HF_HOME")) return *path / "hub";
  return home(".cache/huggingface/hub");
}

Store::Store(fs::path root, fs::path hugging_face_cache)
    : root_(std::move(root)), cache_(std::move(hugging_face_cache)) {
  std::error_code ignored;  // a read-only store can still be read
  fs::remove_all(trash(), ignored);
}

std::vector<StoredModel> Store::list() const {
  std::vector<StoredModel> out;
  for (const std::string& name : folders_in(models())) {
    if (!is_model_id(id_of(name))) continue;
    if (auto model = stored(models() / name)) out.push_back(std::move(*model));
  }
  for (const std::string& name : cache_.empty() ? std::vector<std::string>{} : folders_in(cache_)) {
    if (!name.starts_with("models--") || !is_model_id(id_of(name.substr(8)))) continue;
    if (auto model = cached(cache_ / name)) out.push_back(std::move(*model));
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const StoredModel& a, const StoredModel& b) { return a.id < b.id; });
  return out;
}

std::optional<StoredModel> Store::find(std::string_view id) const {
  const std::string name = folder_name(id);
  if (auto model = stored(models() / name)) return model;
  if (cache_.empty()) return std::nullopt;
  return cached(cache_ / fmt::format("models--{}", name));
}

void Store::install(std::string_view id, std::string_view revision,
                    const std::vector<StoreFile>& files, const fs::path& staged) {
  const fs::path target = models() / folder_name(id);
  if (!is_revision(revision)) {
    throw fail(ErrorCode::invalid_argument, "store: '{}' is no revision", shown(revision));
  }
  if (files.empty()) throw fail(ErrorCode::invalid_argument, "store: {} has no files", id);
  Json list = Json::array();
  std::vector<std::string> names = {std::string(kManifest)};
  for (const StoreFile& file : files) {
    if (!formats::is_plain_name(file.name) || !is_hex(file.sha256, 64) ||
        std::find(names.begin(), names.end(), file.name) != names.end()) {
      throw fail(ErrorCode::invalid_argument,
                 "store: {} lists '{}' with sha256 '{}', expected plain names, each once, and 64 "
                 "hex digits",
                 id, shown(file.name), shown(file.sha256));
    }
    names.push_back(file.name);
    if (const std::string what = complaint(staged, file); !what.empty()) {
      throw fail(ErrorCode::corrupt_data, "store: {}: {}", id, what);
    }
    sync(staged / file.name, O_RDONLY);
    list.push_back({{"name", file.name}, {"size", file.size}, {"sha256", file.sha256}});
  }
  const Json manifest = {{"id", id}, {"revision", revision}, {"files", std::move(list)}};
  write_atomic(staged / kManifest, manifest.dump(1) + "\n");
  make_folder(models());
  std::error_code error;
  if (fs::exists(target, error)) {
    make_folder(trash());
    move_synced(target, trash() / fmt::format("{}-{}", target.filename().string(), ::getpid()));
  }
  move_synced(staged, target);
  fs::remove_all(trash(), error);
}

void Store::remove(std::string_view id) {
  const fs::path folder = models() / folder_name(id);
  std::error_code error;
  if (!fs::exists(folder, error)) {
    if (find(id)) {
      throw fail(ErrorCode::invalid_argument,
                 "store: {} lies in the Hugging Face cache, delete it there", id);
    }
    throw fail(ErrorCode::not_found, "store: no model {}", id);
  }
  // Gone from the listing at once; the bytes follow.
  make_folder(trash());
  move_synced(folder, trash() / fmt::format("{}-{}", folder.filename().string(), ::getpid()));
  fs::remove_all(trash(), error);
}

std::vector<std::string> Store::verify(std::string_view id) const {
  const fs::path folder = models() / folder_name(id);
  std::error_code error;
  if (!fs::exists(folder / kManifest, error)) {
    throw fail(ErrorCode::not_found, "store: no model {} with published hashes", id);
  }
  std::vector<std::string> out;
  for (const StoreFile& file : read_manifest(folder).files) {
    if (std::string what = complaint(folder, file); !what.empty()) out.push_back(std::move(what));
  }
  return out;
}

}  // namespace ominix
