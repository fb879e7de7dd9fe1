#pragma once

#include <cstdint>
#include <filesystem>

namespace ominix {

// Memory that this process could still take without swapping, within its cgroup. Bytes.
uint64_t available_memory();
uint64_t total_memory();
// The most memory the process has had resident so far. Bytes.
uint64_t peak_memory();
// Free bytes on the file system of `path`; 0 when unknown.
uint64_t free_disk(const std::filesystem::path& path);

// $XDG_CACHE_HOME/ominix or ~/.cache/ominix; empty where neither variable is set.
std::filesystem::path cache_folder();

}  // namespace ominix
