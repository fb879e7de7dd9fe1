#pragma once

#include <ominix/engine.h>

#include <memory>
#include <string>
#include <vector>

namespace ominix::cli {

struct Answer {
  std::string text;
  std::vector<int32_t> tokens;
  std::vector<TextStream::Piece::Logprobs> logprobs;
  FinishReason reason = FinishReason::stop;
  TextStats stats;

  double prefill_tps() const;
  double decode_tps() const;
};

// Runs one request to its end; with `show`, the text goes to standard output as it comes. A bar
// shows how much of a long prompt is read. Ctrl-C and a closed pipe end it early (cancelled).
Answer stream_answer(Engine& engine, const std::shared_ptr<const Model>& model, TextRequest request,
                     bool show);

}  // namespace ominix::cli
