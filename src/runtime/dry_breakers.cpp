#include "runtime/dry_breakers.h"

#include <algorithm>

namespace ominix::runtime {

std::vector<int32_t> BreakerIds::of(const std::vector<std::string>& texts,
                                    const Tokenizer& tokenizer, int vocabulary) {
  constexpr size_t kKept = 8;
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(texts);
  if (known != known_.end()) return known->second;
  std::vector<int32_t> out;
  const auto count = static_cast<int32_t>(
      std::min<size_t>(tokenizer.vocab_size(), static_cast<size_t>(vocabulary)));
  for (int32_t id = 0; id < count; ++id) {
    const std::string text = tokenizer.decode({&id, 1}, false);
    const auto inside = [&](const std::string& t) {
      return !t.empty() && text.find(t) != std::string::npos;
    };
    if (std::ranges::any_of(texts, inside)) out.push_back(id);
  }
  if (known_.size() == kKept) known_.clear();
  known_.emplace(texts, out);
  return out;
}

}  // namespace ominix::runtime
