// ominix-test-pull ROOT ENDPOINT ID [loop]
//
// Pulls a model, in a process of its own that tests can kill or whose calls they can let fail:
//   OMINIX_TEST_SPACE=BYTES      regular files take so many bytes, then ENOSPC
//   OMINIX_TEST_FAIL=CALL:N      the Nth CALL (write, fsync, rename, link or mkdir) is EIO
//   OMINIX_TEST_AGAIN=1          after a failure, once more without any of these
// With `loop`, pulls and removes until it is killed.
#include <fcntl.h>
#include <ominix/store.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

std::atomic<bool> g_faults = false;
std::atomic<long> g_space = -1;  // bytes left; below 0: no limit
std::string g_call;
std::atomic<long> g_left = 0;  // calls until it fails

bool fails(const char* call) {
  if (!g_faults || g_call != call || --g_left != 0) return false;
  errno = EIO;
  return true;
}

// How many of `size` bytes the disk takes; 0 sets errno.
size_t room(int fd, size_t size) {
  struct stat info{};
  if (!g_faults || g_space < 0 || ::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return size;
  const long left = g_space.fetch_sub(static_cast<long>(size));
  if (left >= static_cast<long>(size)) return size;
  g_space = 0;
  if (left <= 0) errno = ENOSPC;
  return left <= 0 ? 0 : static_cast<size_t>(left);
}

}  // namespace

// A program's own functions stand before those of the C library, for other libraries too.
#pragma GCC visibility push(default)
extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  if (fails("write")) return -1;
  const size_t n = room(fd, size);
  return n == 0 && size > 0 ? -1 : ::syscall(SYS_write, fd, bytes, n);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  if (fails("write")) return -1;
  const size_t n = room(fd, size);
  return n == 0 && size > 0 ? -1 : ::syscall(SYS_pwrite64, fd, bytes, n, at);
}
int fsync(int fd) { return fails("fsync") ? -1 : static_cast<int>(::syscall(SYS_fsync, fd)); }
int rename(const char* from, const char* to) {
  if (fails("rename")) return -1;
  return static_cast<int>(::syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to));
}
int link(const char* from, const char* to) {
  if (fails("link")) return -1;
  return static_cast<int>(::syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int mkdir(const char* path, mode_t mode) {
  if (fails("mkdir")) return -1;
  return static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}
}
#pragma GCC visibility pop

int main(int argc, char** argv) {
  using namespace ominix;
  if (argc < 4) return 2;
  PullOptions options{.endpoint = argv[2]};
  options.retry_delay = std::chrono::milliseconds(1);
  options.attempts = 2;
  if (const char* space = std::getenv("OMINIX_TEST_SPACE")) g_space = std::atol(space);
  if (const char* fail = std::getenv("OMINIX_TEST_FAIL")) {
    g_call.assign(fail, std::strchr(fail, ':'));
    g_left = std::atol(std::strchr(fail, ':') + 1);
  }
  g_faults = true;
  const bool loop = argc > 4;
  for (int n = 0;; ++n) {
    try {
      Store store(argv[1]);
      const PullResult result = store.pull(argv[3], options);
      if (loop && n % 2 == 1) store.remove(argv[3]);
      if (loop) continue;
      std::printf("%llu %llu\n", static_cast<unsigned long long>(result.received_bytes),
                  static_cast<unsigned long long>(result.reused_bytes));
      return 0;
    } catch (const Error& e) {
      std::fprintf(stderr, "%s: %s\n", std::string(to_string(e.code())).c_str(), e.what());
      if (loop) continue;
      if (n > 0 || !std::getenv("OMINIX_TEST_AGAIN")) return 1;
      g_faults = false;
    }
  }
}
