#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace ominix {
namespace {

// One read or write call moves at most about 2 GiB on Linux; stay well below.
constexpr size_t kMaxTransfer = 1u << 30;

Error io_error(std::string_view doing, const std::filesystem::path& path, int error) {
  const auto code = error == ENOENT || error == ENOTDIR ? ErrorCode::not_found : ErrorCode::io;
  return fail(code, "file: cannot {} '{}': {}", doing, path.string(), std::strerror(error));
}

void write_all(int fd, const std::filesystem::path& path, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), std::min(bytes.size(), kMaxTransfer));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw io_error("write", path, n < 0 ? errno : ENOSPC);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

int64_t modified_ns(const struct stat& info) {
#ifdef __APPLE__
  const timespec& time = info.st_mtimespec;
#else
  const timespec& time = info.st_mtim;
#endif
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

File::File(std::filesystem::path path) : path_(std::move(path)) {
  fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd_ < 0) throw io_error("open", path_, errno);
  struct stat info{};
  if (::fstat(fd_, &info) != 0 || !S_ISREG(info.st_mode)) {
    const int error = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
    ::close(std::exchange(fd_, -1));
    throw io_error("read", path_, error);
  }
  size_ = static_cast<uint64_t>(info.st_size);
  modified_ = modified_ns(info);
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      modified_(other.modified_) {}

File& File::operator=(File&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(modified_, other.modified_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) ::close(fd_);
}

void File::read_at(uint64_t offset, std::span<std::byte> out) const {
  if (offset > size_ || out.size() > size_ - offset) {
    throw fail(ErrorCode::corrupt_data,
               "file: '{}' has {} bytes, expected at least {}: it is truncated, fetch it again",
               path_.string(), size_, offset + out.size());
  }
  while (!out.empty()) {
    const ssize_t n =
        ::pread(fd_, out.data(), std::min(out.size(), kMaxTransfer), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw io_error("read", path_, errno);
    if (n == 0) {
      throw fail(ErrorCode::corrupt_data, "file: '{}' became shorter while it was being read",
                 path_.string());
    }
    out = out.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  struct stat now{};
  if (::fstat(fd_, &now) != 0) throw io_error("read", path_, errno);
  if (static_cast<uint64_t>(now.st_size) != size_ || modified_ns(now) != modified_) {
    throw fail(ErrorCode::corrupt_data, "file: '{}' changed after it was opened, open it again",
               path_.string());
  }
}

void File::will_need(uint64_t offset, uint64_t size) const {
#ifdef POSIX_FADV_WILLNEED
  (void)::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(size),
                        POSIX_FADV_WILLNEED);
#else
  (void)offset, (void)size;
#endif
}

void File::drop_cache(uint64_t offset, uint64_t size) const {
#ifdef POSIX_FADV_DONTNEED
  (void)::posix_fadvise(fd_, static_cast<off_t>(offset), static_cast<off_t>(size),
                        POSIX_FADV_DONTNEED);
#else
  (void)offset, (void)size;
#endif
}

std::string read_text(const std::filesystem::path& path, uint64_t max_bytes) {
  const File file(path);
  if (file.size() > max_bytes) {
    throw fail(ErrorCode::too_big, "file: '{}' has {} bytes, expected at most {}", path.string(),
               file.size(), max_bytes);
  }
  std::string text(file.size(), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

AtomicFile::AtomicFile(std::filesystem::path path) : path_(std::move(path)) {
  std::string name = path_.string() + ".tmp-XXXXXX";
  fd_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd_ < 0) throw io_error("create", path_, errno);
  temporary_ = name;
  (void)::fchmod(fd_, 0644);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) { write_all(fd_, path_, bytes); }

void AtomicFile::write(std::string_view text) { write(std::as_bytes(std::span(text))); }

void AtomicFile::commit() {
  if (::fsync(fd_) != 0) throw io_error("write", path_, errno);
  if (::close(std::exchange(fd_, -1)) != 0) throw io_error("write", path_, errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) throw io_error("write", path_, errno);
  temporary_.clear();
  // The rename is only safe from a power loss once the folder itself is on disk.
  const auto folder = path_.has_parent_path() ? path_.parent_path() : ".";
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0) {
    (void)::fsync(fd);
    ::close(fd);
  }
}

void write_atomic(const std::filesystem::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace ominix
