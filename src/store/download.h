#pragma once

#include <ominix/store.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "store/http.h"

namespace ominix::store {

// Sums over all files of a pull; read by the thread that reports progress.
struct Traffic {
  std::atomic<uint64_t> done = 0;      // bytes that are here
  std::atomic<uint64_t> received = 0;  // bytes that came over the network
  std::atomic<uint64_t> reused = 0;    // bytes that were here at the start
};

// One published file, in `folder` under the name of its hash: HASH when it is whole and checked,
// HASH.part until then. So a part is continued whatever revision it was begun for, and only with
// bytes of the same content.
class Download {
 public:
  Download(const PullOptions& options, const std::atomic<bool>& stop, Traffic& traffic,
           std::filesystem::path folder);

  // Fetches what is missing, with retries. Errors: those of HttpClient::get; corrupt_data (the
  // bytes are not what was published).
  void fetch(const StoreFile& file, const std::string& url);

 private:
  class Part;
  void receive(Part& part, const std::string& url, bool& again);

  const PullOptions& options_;
  const std::atomic<bool>& stop_;
  Traffic& traffic_;
  std::filesystem::path folder_;
  HttpClient client_;
};

// "bytes FIRST-LAST/TOTAL" or "bytes FIRST-LAST/*", whole numbers that agree with each other.
struct ContentRange {
  uint64_t first = 0, last = 0;
  std::optional<uint64_t> total;
};
std::optional<ContentRange> parse_content_range(std::string_view text);

// Whether `path` is a whole file with that size and hash.
bool is_published(const std::filesystem::path& path, const StoreFile& file);

// Calls `f` until it succeeds, as often and as patiently as `options` say, while it throws
// Transient. `moved` tells whether the last call got further than any before it.
void with_retries(const PullOptions& options, const std::atomic<bool>& stop,
                  const std::function<void()>& f, const std::function<bool()>& moved);

}  // namespace ominix::store
