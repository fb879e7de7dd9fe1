#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ominix::runtime {

// Cuts a growing text at the first stop text. Holds back an end that may be the start of one.
class StopTexts {
 public:
  explicit StopTexts(std::vector<std::string> stops);

  // More text; returns what is certain to belong to the answer.
  std::string push(std::string_view text);
  // The rest, when no more text comes.
  std::string finish();
  bool found() const { return found_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool found_ = false;
};

}  // namespace ominix::runtime
