#include <ominix/store.h>

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/error.h"
#include "base/system.h"
#include "formats/shown.h"
#include "store/disk.h"
#include "store/download.h"
#include "store/hub.h"
#include "store/lock.h"
#include "store/names.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;
using formats::shown;
using store::Manifest;

constexpr uint64_t kSpare = 64u << 20;  // bytes left free on the disk

// Files of an older pull that the hub still publishes stay, though they are not asked for now.
void add_kept(std::vector<StoreFile>& wanted, const std::vector<StoreFile>& listing,
              const Manifest& old) {
  for (const StoreFile& file : old.files) {
    if (std::find(listing.begin(), listing.end(), file) != listing.end() &&
        std::find(wanted.begin(), wanted.end(), file) == wanted.end()) {
      wanted.push_back(file);
    }
  }
  std::sort(wanted.begin(), wanted.end(),
            [](const StoreFile& a, const StoreFile& b) { return a.name < b.name; });
}

// A second name for the same bytes; a copy where the file system has no such thing.
void link_or_copy(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_hard_link(from, to, error);
  if (!error || error == std::errc::file_exists) return;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  if (error) store::throw_io("write", to, error);
  store::sync_file(to);
}

// What an older revision and the Hugging Face cache (`blobs`, by the same hashes) have of `wanted`.
// Download::fetch checks it before it is used.
void reuse(const fs::path& folder, const std::vector<StoreFile>& wanted, const fs::path& model,
           const std::vector<StoreFile>& old, const fs::path& blobs) {
  std::error_code error;
  for (const StoreFile& file : wanted) {
    const auto same = std::find_if(old.begin(), old.end(),
                                   [&](const StoreFile& f) { return f.hash == file.hash; });
    for (const fs::path& here : {same == old.end() ? fs::path() : model / same->name,
                                 blobs.empty() ? fs::path() : blobs / file.hash}) {
      if (!here.empty() && fs::is_regular_file(fs::symlink_status(here, error)) &&
          !fs::exists(folder / file.hash, error)) {
        link_or_copy(here, folder / file.hash);
      }
    }
  }
}

void check_space(const fs::path& folder, const std::vector<StoreFile>& files) {
  uint64_t missing = 0;
  for (const StoreFile& file : files) {
    std::error_code error;
    if (fs::exists(folder / file.hash, error)) continue;
    const uint64_t part = fs::file_size(folder / (file.hash + ".part"), error);
    missing += file.size - (error ? 0 : std::min(part, file.size));
  }
  const uint64_t free = free_disk(folder);
  if (free > 0 && missing + kSpare > free) {
    throw fail(ErrorCode::io, "pull: needs {:.1f} GB in '{}', but {:.1f} GB are free",
               static_cast<double>(missing) / 1e9, shown(folder.string()),
               static_cast<double>(free) / 1e9);
  }
}

// Fetches all files, several at a time; the calling thread reports. The first failure stops the
// rest and is thrown.
class Crew {
 public:
  Crew(const PullOptions& options, const fs::path& folder, std::string_view id,
       const std::string& revision, const std::vector<StoreFile>& files)
      : options_(options), folder_(folder), id_(id), revision_(revision) {
    std::set<std::string_view> hashes;  // the same bytes under two names come once
    for (const StoreFile& file : files) {
      if (hashes.insert(file.hash).second) {
        queue_.push_back(&file);
        total_ += file.size;
      }
    }
  }

  void work(std::atomic<bool>& stop, store::Traffic& traffic) {
    const auto count =
        std::min<size_t>(static_cast<size_t>(std::clamp(options_.parallel, 1, 16)), queue_.size());
    std::vector<std::jthread> threads;
    threads.reserve(count);
    running_ = count;
    for (size_t i = 0; i < count; ++i) {
      threads.emplace_back([&] { run(stop, traffic); });
    }
    std::unique_lock lock(mutex_);
    while (running_ > 0) {
      changed_.wait_for(lock, std::chrono::milliseconds(100), [&] { return running_ == 0; });
      if (!options_.progress || stop) continue;
      lock.unlock();
      if (!options_.progress(std::min(traffic.done.load(), total_), total_)) stop = true;
      lock.lock();
    }
    lock.unlock();
    threads.clear();
    if (error_) std::rethrow_exception(error_);
    if (stop) throw fail(ErrorCode::cancelled, "pull: stopped");
  }

 private:
  void run(std::atomic<bool>& stop, store::Traffic& traffic) {
    try {
      store::Download download(options_, stop, traffic, folder_);
      while (!stop) {
        const size_t i = next_++;
        if (i >= queue_.size()) break;
        download.fetch(*queue_[i], store::file_url(options_, id_, revision_, queue_[i]->name));
      }
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!error_ && !stop.exchange(true)) error_ = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
  }

  const PullOptions& options_;
  const fs::path& folder_;
  std::string_view id_;
  const std::string& revision_;
  std::vector<const StoreFile*> queue_;
  uint64_t total_ = 0;
  std::atomic<size_t> next_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t running_ = 0;
  std::exception_ptr error_;
};

// A pull that did not come to its files leaves nothing.
struct RemoveIfEmpty {
  const fs::path& folder;
  ~RemoveIfEmpty() {
    std::error_code ignored;
    fs::remove(folder, ignored);
  }
};

// The model's folder as it will be, from files named by their hashes.
void assemble(const fs::path& folder, const fs::path& ready, std::string_view id,
              const Manifest& manifest) {
  std::error_code error;
  fs::remove_all(ready, error);
  store::make_folder(ready);
  std::set<fs::path> folders = {ready};
  for (const StoreFile& file : manifest.files) {
    const fs::path path = ready / file.name;
    store::make_folder(path.parent_path());
    for (fs::path p = path.parent_path(); p != ready; p = p.parent_path()) folders.insert(p);
    link_or_copy(folder / file.hash, path);
  }
  for (const fs::path& path : folders) store::sync_folder(path);
  store::write_manifest(ready, id, manifest);
}

}  // namespace

PullResult Store::pull(std::string_view id, const PullOptions& options) {
  const std::string name = store::folder_name(id);
  if (!options.revision.empty() && !store::is_revision(options.revision)) {
    throw fail(ErrorCode::invalid_argument, "pull: '{}' is no revision", shown(options.revision));
  }
  if (!options.token.empty() && store::origin_of(options.endpoint).starts_with("http:") &&
      !store::is_loopback_url(options.endpoint)) {
    throw fail(ErrorCode::invalid_argument,
               "pull: the endpoint '{}' would get the token unencrypted: use https, or unset it",
               shown(options.endpoint));
  }
  std::atomic<bool> stop = false;
  store::HttpClient client(options, stop, [&] {
    if (options.progress && !options.progress(0, 0)) stop = true;
  });
  const fs::path folder = downloads() / name, target = models() / name;
  const auto lock = store::Lock::try_folder(folder, true);
  if (!lock) {
    throw fail(ErrorCode::invalid_argument, "pull: {} is being pulled by another process", id);
  }
  const RemoveIfEmpty clean{folder};
  store::Listing listing;
  store::with_retries(
      options, stop, [&] { listing = store::list_files(client, options, id); },
      [] { return false; });

  Manifest manifest{listing.revision, store::choose_files(listing.files, options.include, id)};
  store::check_files(manifest.files, "pull: the hub's list of files");
  std::error_code error;
  std::optional<Manifest> old;
  if (fs::exists(target / store::kManifest, error)) {
    try {
      old = store::read_manifest(target);
      add_kept(manifest.files, listing.files, *old);
    } catch (const Error&) {
      old.reset();  // a damaged record is replaced
    }
  }
  if (old && old->files == manifest.files && old->revision == manifest.revision) {
    if (auto model = find(id); model && !model->in_hugging_face_cache) {
      discard(folder);
      const uint64_t bytes = model->bytes;
      return {std::move(*model), 0, bytes};
    }
  }
  reuse(folder, manifest.files, target, old ? old->files : std::vector<StoreFile>{},
        cache_.empty() ? fs::path() : cache_ / fmt::format("models--{}", name) / "blobs");
  check_space(folder, manifest.files);
  store::Traffic traffic;
  Crew(options, folder, id, listing.revision, manifest.files).work(stop, traffic);
  assemble(folder, folder / "ready", id, manifest);
  publish(folder / "ready", target);
  discard(folder);

  PullResult result{.received_bytes = traffic.received, .reused_bytes = traffic.reused};
  if (auto model = find(id)) {
    result.model = std::move(*model);
  } else {
    throw fail(ErrorCode::io, "pull: {} was removed while it was being pulled", id);
  }
  return result;
}

}  // namespace ominix
