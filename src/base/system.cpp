#include "base/system.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <system_error>

namespace ominix {
namespace {

constexpr uint64_t kUnlimited = std::numeric_limits<uint64_t>::max();

// A number in kB from a "Name:  123 kB" line of a /proc file.
std::optional<uint64_t> proc_kilobytes(const char* file, const std::string& name) {
  std::ifstream in(file);
  for (std::string key; in >> key;) {
    uint64_t value = 0;
    if (key == name + ":" && in >> value) return value * 1024;
    in.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return std::nullopt;
}

std::optional<uint64_t> number_in(const char* file) {
  std::ifstream in(file);
  uint64_t value = 0;
  if (in >> value) return value;
  return std::nullopt;
}

// What the cgroup (v2, then v1) still allows.
uint64_t cgroup_left() {
  const std::pair<const char*, const char*> places[] = {
      {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes",
       "/sys/fs/cgroup/memory/memory.usage_in_bytes"}};
  for (const auto& [limit_file, used_file] : places) {
    const auto limit = number_in(limit_file), used = number_in(used_file);
    if (limit && used) return *limit > *used ? *limit - *used : 0;
  }
  return kUnlimited;
}

}  // namespace

uint64_t total_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGE_SIZE);
  return pages > 0 && size > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(size) : 0;
}

uint64_t available_memory() {
  const uint64_t machine = proc_kilobytes("/proc/meminfo", "MemAvailable").value_or(total_memory());
  return std::min(machine, cgroup_left());
}

uint64_t peak_memory() {
  struct rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
#ifdef __APPLE__
  return static_cast<uint64_t>(usage.ru_maxrss);
#else
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
#endif
}

uint64_t free_disk(const std::filesystem::path& path) {
  std::error_code error;
  const auto space = std::filesystem::space(path, error);
  return error ? 0 : space.available;
}

std::filesystem::path cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache) return std::filesystem::path(cache) / "ominix";
  const char* home = std::getenv("HOME");
  if (home && *home) return std::filesystem::path(home) / ".cache/ominix";
  return {};
}

}  // namespace ominix
