#include "store/download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <thread>

#include "formats/shown.h"
#include "store/disk.h"
#include "store/hash.h"

namespace ominix::store {
namespace {

namespace fs = std::filesystem;
using formats::shown;

constexpr std::chrono::seconds kLongestWait{60};
constexpr uint64_t kProgress = 64u << 10;  // bytes that count as getting further

// Sleeps in slices, so that a stop is noticed.
void pause(std::chrono::milliseconds wait, const std::atomic<bool>& stop) {
  const auto end = std::chrono::steady_clock::now() + wait;
  while (!stop && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  if (stop) throw fail(ErrorCode::cancelled, "pull: stopped");
}

std::optional<uint64_t> whole_number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const size_t dash = text.find('-'), slash = text.find('/');
  if (dash == text.npos || slash == text.npos || slash < dash) return std::nullopt;
  const auto first = whole_number(text.substr(0, dash));
  const auto last = whole_number(text.substr(dash + 1, slash - dash - 1));
  const std::string_view total = text.substr(slash + 1);
  ContentRange out{first.value_or(0), last.value_or(0), whole_number(total)};
  if (!first || !last || out.last < out.first || (total != "*" && !out.total) ||
      (out.total && out.last >= *out.total)) {
    return std::nullopt;
  }
  return out;
}

bool is_published(const fs::path& path, const StoreFile& file) {
  std::error_code error;
  return fs::is_regular_file(fs::symlink_status(path, error)) &&
         fs::file_size(path, error) == file.size && hash_of(path, file.hash) == file.hash;
}

void with_retries(const PullOptions& options, const std::atomic<bool>& stop,
                  const std::function<void()>& f, const std::function<bool()>& moved) {
  for (int failures = 0;;) {
    try {
      return f();
    } catch (const Transient& e) {
      failures = moved() ? 1 : failures + 1;
      if (failures >= options.attempts) throw;
      if (e.wait() > kLongestWait) {
        throw fail(ErrorCode::io, "{}, asks to wait {} s: try again later", e.what(),
                   e.wait().count());
      }
      const auto own = options.retry_delay * (1 << std::min(failures - 1, 5));
      pause(std::max<std::chrono::milliseconds>(own, e.wait()), stop);
    }
  }
}

// The bytes that are here so far, open for more.
class Download::Part {
 public:
  Part(fs::path path, const StoreFile& file, Traffic& traffic)
      : path_(std::move(path)), file_(file), traffic_(traffic) {
    fd_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    struct stat info{};
    if (fd_ < 0 || ::fstat(fd_, &info) != 0) fail_io("create");
    size_ = static_cast<uint64_t>(info.st_size);
    if (size_ > file.size) clear();
    traffic_.done += size_;
    traffic_.reused += size_;
  }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() {
    if (fd_ >= 0) ::close(fd_);
  }

  const StoreFile& file() const { return file_; }
  const fs::path& path() const { return path_; }
  uint64_t size() const { return size_; }
  std::string etag;  // of the answer that the bytes came from, in this run

  void clear() {
    if (::ftruncate(fd_, 0) != 0) fail_io("write");
    traffic_.done -= std::min(size_, traffic_.done.load());
    size_ = 0;
    etag.clear();
  }

  void append(std::span<const std::byte> bytes) {
    if (bytes.size() > file_.size - size_) {
      throw fail(ErrorCode::corrupt_data, "pull: '{}' has more than the published {} bytes",
                 shown(file_.name), file_.size);
    }
    while (!bytes.empty()) {
      const ssize_t n = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) fail_io("write");
      const auto written = static_cast<size_t>(n);
      bytes = bytes.subspan(written);
      size_ += written;
      traffic_.done += written;
      traffic_.received += written;
    }
  }

  void sync() {
    if (::fsync(fd_) != 0) fail_io("write");
  }

 private:
  [[noreturn]] void fail_io(std::string_view doing) const {
    const std::error_code error(errno, std::generic_category());
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG) {
      throw fail(ErrorCode::io,
                 "pull: no space left for '{}' ({}): make room and pull again, it goes on from "
                 "there",
                 shown(path_.string()), error.message());
    }
    throw_io(doing, path_, error);
  }

  fs::path path_;
  const StoreFile& file_;
  Traffic& traffic_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

Download::Download(const PullOptions& options, const std::atomic<bool>& stop, Traffic& traffic,
                   fs::path folder)
    : options_(options),
      stop_(stop),
      traffic_(traffic),
      folder_(std::move(folder)),
      client_(options, stop) {}

// One request for the bytes from part.size() on. `again`: the answer was to another question than
// ours; the part is empty now, and a request for the whole may still succeed.
void Download::receive(Part& part, const std::string& url, bool& again) {
  const StoreFile& file = part.file();
  const uint64_t from = part.size();
  const auto wrong = [&](std::string_view what) {
    return fail(ErrorCode::corrupt_data, "pull: '{}': the server {}, of {} published bytes",
                shown(file.name), what, file.size);
  };
  const auto on_head = [&](const Response& r) {
    if (r.status != 200) {
      const auto range = parse_content_range(r.content_range);
      const bool good = r.status == 206 && range && range->first == from &&
                        range->total.value_or(file.size) == file.size &&
                        !r.content_type.starts_with("multipart/") &&
                        (part.etag.empty() || r.etag.empty() || part.etag == r.etag);
      if (!good) {
        part.clear();
        again = from > 0;
        throw wrong(
            fmt::format("answers {} ('{}') to bytes {}-", r.status, shown(r.content_range), from));
      }
    }
    // A login page must not cost the bytes that are here.
    const uint64_t expected = r.status == 200 ? file.size : file.size - from;
    if (r.length.value_or(expected) != expected) {
      throw wrong(fmt::format("sends {} bytes of {}", *r.length,
                              r.content_type.empty() ? "data" : shown(r.content_type)));
    }
    if (r.content_type.starts_with("text/html") && !file.name.ends_with(".html")) {
      throw wrong("sends an HTML page");
    }
    if (r.status == 200) part.clear();
    part.etag = r.etag;
  };
  client_.get({.url = url, .from = from}, on_head,
              [&](std::span<const std::byte> bytes) { part.append(bytes); });
  if (part.size() < file.size) {
    throw Transient(fmt::format("pull: '{}' ended after {} of {} bytes", shown(file.name),
                                part.size(), file.size));
  }
}

void Download::fetch(const StoreFile& file, const std::string& url) {
  const fs::path whole = folder_ / file.hash;
  if (is_published(whole, file)) {
    traffic_.done += file.size;
    traffic_.reused += file.size;
    return;
  }
  Part part(folder_ / (file.hash + ".part"), file, traffic_);
  // Bytes of an earlier run, or a server that changes its mind, get one more chance from zero.
  for (int restarts = 0;; ++restarts) {
    bool again = false;
    uint64_t furthest = part.size();
    try {
      if (part.size() < file.size) {
        with_retries(
            options_, stop_, [&] { receive(part, url, again); },
            [&] {
              const bool moved = part.size() >= furthest + kProgress;
              furthest = std::max(furthest, part.size());
              return moved;
            });
      }
      part.sync();
      if (is_published(part.path(), file)) break;
      part.clear();
      if (restarts > 0) {
        throw fail(ErrorCode::corrupt_data,
                   "pull: '{}' came with other bytes than were published (hash {})",
                   shown(file.name), file.hash);
      }
    } catch (const Error& e) {
      if (e.code() != ErrorCode::corrupt_data || !again || restarts > 0) throw;
    }
  }
  move_synced(part.path(), whole);
}

}  // namespace ominix::store
