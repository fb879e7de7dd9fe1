#include <ominix/store.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/system.h"
#include "formats/checkpoint_files.h"
#include "formats/shown.h"
#include "store/disk.h"
#include "store/hash.h"
#include "store/lock.h"
#include "store/names.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;
using formats::shown;
using store::folder_name;
using store::id_of;
using store::kManifest;

constexpr auto kKeepDownloads = std::chrono::hours(24 * 7);
constexpr std::string_view kCachePrefix = "models--";

// A model of the store, if its folder is whole by name and size.
std::optional<StoredModel> stored(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder / kManifest, error)) return std::nullopt;
  try {
    const store::Manifest manifest = store::read_manifest(folder);
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
    if (!store::is_revision(revision) || !formats::is_plain_name(revision)) return std::nullopt;
    const fs::path folder = repository / "snapshots" / revision;
    (void)formats::find_checkpoint(folder);
    StoredModel model{id_of(repository.filename().string().substr(kCachePrefix.size())), revision,
                      folder};
    model.in_hugging_face_cache = true;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) model.bytes += entry.file_size();
    }
    return model;
  } catch (const std::exception&) {
    return std::nullopt;  // half a download is no model
  }
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

fs::path Store::default_root() {
  if (auto path = environment("OMINIX_HOME")) return *path;
  if (const fs::path path = cache_folder(); !path.empty()) return path;
  return home(".cache/ominix");  // an Error that says what to set
}

fs::path Store::default_hugging_face_cache() {
  if (auto path = environment("HF_HUB_CACHE")) return *path;
  if (auto path = environment("HF_HOME")) return *path / "hub";
  return home(".cache/huggingface/hub");
}

Store::Store(fs::path root, fs::path hugging_face_cache)
    : root_(std::move(root)), cache_(std::move(hugging_face_cache)) {
  try {
    recover();
  } catch (const Error& e) {  // a read-only store can still be read
    log::info("{}", e.what());
  }
}

void Store::recover() {
  std::error_code error;
  for (const std::string& name : store::names_in(trash())) fs::remove_all(trash() / name, error);
  for (const std::string& name : store::names_in(downloads())) {
    const fs::path folder = downloads() / name;
    const auto lock = store::Lock::try_folder(folder, false);
    if (!lock) continue;  // a download is running
    // The last step of a pull on file systems without exchange().
    if (stored(folder / "ready") && !fs::exists(models() / name, error)) {
      publish(folder / "ready", models() / name);
      discard(folder);
      continue;
    }
    fs::remove_all(folder / "ready", error);
    auto newest = fs::last_write_time(folder, error);
    for (const std::string& part : store::names_in(folder)) {
      newest = std::max(newest, fs::last_write_time(folder / part, error));
    }
    if (fs::file_time_type::clock::now() - newest > kKeepDownloads) discard(folder);
  }
}

std::vector<StoredModel> Store::list() const {
  std::vector<StoredModel> out;
  for (const std::string& name : store::names_in(models())) {
    if (!is_model_id(id_of(name))) continue;
    if (auto model = stored(models() / name)) out.push_back(std::move(*model));
  }
  for (const std::string& name :
       cache_.empty() ? std::vector<std::string>{} : store::names_in(cache_)) {
    if (!name.starts_with(kCachePrefix) || !is_model_id(id_of(name.substr(kCachePrefix.size())))) {
      continue;
    }
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
  return cached(cache_ / (std::string(kCachePrefix) + name));
}

fs::path Store::to_trash(const fs::path& folder) {
  static std::atomic<uint64_t> count = 0;
  store::make_folder(trash());
  fs::path gone =
      trash() / fmt::format("{}-{}-{}", folder.filename().string(), ::getpid(), count.fetch_add(1));
  store::move_synced(folder, gone);
  return gone;
}

void Store::discard(const fs::path& folder) {
  const fs::path gone = to_trash(folder);
  std::error_code ignored;
  fs::remove_all(gone, ignored);
}

// One step where something is replaced: the model is there all the time, old or new.
void Store::publish(const fs::path& staged, const fs::path& target) {
  store::make_folder(models());
  fs::path gone;
  std::error_code error;
  {
    const auto lock = store::Lock::of_file(root_ / "lock");
    const bool replaces = fs::exists(target, error);
    const bool exchanged = replaces && store::exchange(staged, target);
    if (replaces) gone = to_trash(exchanged ? staged : target);
    if (exchanged) {
      store::sync_folder(models());
    } else {
      store::move_synced(staged, target);
    }
  }
  if (!gone.empty()) fs::remove_all(gone, error);
}

void Store::install(std::string_view id, std::string_view revision,
                    const std::vector<StoreFile>& files, const fs::path& staged) {
  const fs::path target = models() / folder_name(id);
  if (!store::is_revision(revision)) {
    throw fail(ErrorCode::invalid_argument, "store: '{}' is no revision", shown(revision));
  }
  if (files.empty()) throw fail(ErrorCode::invalid_argument, "store: {} has no files", id);
  try {
    store::check_files(files, fmt::format("store: {}", id));
  } catch (const Error& e) {
    throw Error(ErrorCode::invalid_argument, e.what());
  }
  for (const StoreFile& file : files) {
    if (const std::string what = store::complaint(staged, file); !what.empty()) {
      throw fail(ErrorCode::corrupt_data, "store: {}: {}", id, what);
    }
    store::sync_file(staged / file.name);
  }
  store::write_manifest(staged, id, {std::string(revision), files});
  publish(staged, target);
}

void Store::remove(std::string_view id) {
  const std::string name = folder_name(id);
  std::error_code error;
  bool removed = false;
  if (fs::exists(models() / name, error)) {
    fs::path gone;
    {
      const auto lock = store::Lock::of_file(root_ / "lock");
      if (fs::exists(models() / name, error)) gone = to_trash(models() / name);
    }
    removed = !gone.empty();
    if (removed) fs::remove_all(gone, error);
  }
  if (const auto lock = store::Lock::try_folder(downloads() / name, false)) {
    discard(downloads() / name);
    removed = true;
  }
  if (removed) return;
  if (find(id)) {
    throw fail(ErrorCode::invalid_argument,
               "store: {} lies in the Hugging Face cache, delete it there", id);
  }
  throw fail(ErrorCode::not_found, "store: no model {}", id);
}

std::vector<std::string> Store::verify(std::string_view id) const {
  const fs::path folder = models() / folder_name(id);
  std::error_code error;
  if (!fs::exists(folder / kManifest, error)) {
    throw fail(ErrorCode::not_found, "store: no model {} with published hashes", id);
  }
  std::vector<std::string> out;
  for (const StoreFile& file : store::read_manifest(folder).files) {
    if (std::string what = store::complaint(folder, file); !what.empty()) {
      out.push_back(std::move(what));
    }
  }
  return out;
}

fs::path find_model(const std::string& model) {
  std::error_code error;
  if (fs::exists(model, error)) return model;
  if (is_model_id(model)) {
    const Store store(Store::default_root(), Store::default_hugging_face_cache());
    if (const auto found = store.find(model)) return found->folder;
    throw fail(ErrorCode::not_found,
               "store: no file, folder or model '{}'; `ominix pull {}` fetches a model", model,
               model);
  }
  throw fail(ErrorCode::not_found, "store: no file or folder '{}'", shown(model));
}

}  // namespace ominix
