#pragma once

#include <filesystem>
#include <optional>
#include <utility>

namespace ominix::store {

// An advisory lock between processes and threads, given back when the object goes or the process
// ends, however it ends.
class Lock {
 public:
  // Waits for the lock of a file, which is made when it is not there. Errors: io.
  static Lock of_file(const std::filesystem::path& path);
  // The lock of a folder, or nothing when another holds it. Makes the folder on demand; nothing too
  // when it is absent and `create` is false. Errors: io.
  static std::optional<Lock> try_folder(const std::filesystem::path& path, bool create);

  Lock(Lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Lock& operator=(Lock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Lock();

 private:
  explicit Lock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace ominix::store
