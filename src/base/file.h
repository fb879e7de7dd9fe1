#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace ominix {

// A file opened for reading. Reads are by offset, complete or an Error: a short read, an I/O error
// or a file that changed since it was opened (size or time) never yields bytes. Thread-safe for
// reading.
class File {
 public:
  // Errors: not_found, io (no permission, a directory, …).
  explicit File(std::filesystem::path path);
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  const std::filesystem::path& path() const { return path_; }
  uint64_t size() const { return size_; }

  // Fills all of `out` from `offset`. Errors: corrupt_data (past the end, changed), io.
  void read_at(uint64_t offset, std::span<std::byte> out) const;

  // Tells the kernel that these bytes are wanted soon, or will not be wanted again.
  void will_need(uint64_t offset, uint64_t size) const;
  void drop_cache(uint64_t offset, uint64_t size) const;

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  uint64_t size_ = 0;
  int64_t modified_ = 0;  // nanoseconds
};

// The whole file as text. Errors: those of File; too_big when it has more than `max_bytes`.
std::string read_text(const std::filesystem::path& path, uint64_t max_bytes = 64u << 20);

// Writes to a temporary name beside `path`, syncs, then renames: the file is whole or not there.
void write_atomic(const std::filesystem::path& path, std::string_view bytes);

// A file that is being written under a temporary name and appears at `path` on commit().
// Without commit() nothing is left behind.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int fd_ = -1;
};

}  // namespace ominix
