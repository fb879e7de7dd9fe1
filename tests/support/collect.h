#pragma once

#include <ominix/engine.h>

#include <string>
#include <vector>

namespace ominix::testing {

// A whole answer.
struct Answer {
  std::string text;
  std::vector<int32_t> ids;
  std::vector<TextStream::Piece::Logprobs> logprobs;
  FinishReason reason = FinishReason::cancelled;
};

inline Answer collect(TextStream stream) {
  Answer out;
  while (auto piece = stream.next()) {
    out.text += piece->text;
    out.ids.insert(out.ids.end(), piece->ids.begin(), piece->ids.end());
    out.logprobs.insert(out.logprobs.end(), piece->logprobs.begin(), piece->logprobs.end());
  }
  out.reason = stream.finish_reason();
  return out;
}

}  // namespace ominix::testing
