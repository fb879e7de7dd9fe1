#include "store/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "store/disk.h"

namespace ominix::store {
namespace {

std::error_code last_error() { return {errno, std::generic_category()}; }

bool is_same(int fd, const std::filesystem::path& path) {
  struct stat held{}, named{};
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

}  // namespace

Lock::~Lock() {
  if (fd_ >= 0) ::close(fd_);
}

Lock Lock::of_file(const std::filesystem::path& path) {
  Lock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lock.fd_ < 0) throw_io("create", path, last_error());
  while (::flock(lock.fd_, LOCK_EX) != 0) {
    if (errno != EINTR) throw_io("lock", path, last_error());
  }
  return lock;
}

std::optional<Lock> Lock::try_folder(const std::filesystem::path& path, bool create) {
  for (;;) {
    if (create) make_folder(path);
    Lock lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (lock.fd_ < 0) {
      if (errno == ENOENT && create) continue;
      if (errno == ENOENT) return std::nullopt;
      throw_io("open", path, last_error());
    }
    if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      if (errno == EWOULDBLOCK) return std::nullopt;
      throw_io("lock", path, last_error());
    }
    // Its last holder may have moved the folder away in between.
    if (is_same(lock.fd_, path)) return lock;
    if (!create) return std::nullopt;
  }
}

}  // namespace ominix::store
