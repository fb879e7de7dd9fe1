#pragma once

#include <ominix/tokenizer.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace ominix::runtime {

// Which tokens have one of some texts in theirs. Looking through a vocabulary takes a while, so the
// answers to the last few questions are kept. Thread-safe.
class BreakerIds {
 public:
  // Ascending ids below `vocabulary`.
  std::vector<int32_t> of(const std::vector<std::string>& texts, const Tokenizer& tokenizer,
                          int vocabulary);

 private:
  std::mutex mutex_;
  std::map<std::vector<std::string>, std::vector<int32_t>> known_;
};

}  // namespace ominix::runtime
