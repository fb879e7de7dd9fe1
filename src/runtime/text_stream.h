#pragma once

#include <ominix/engine.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>

namespace ominix {

// The channel between the engine thread, which writes, and one reader. It holds at most the answer,
// whose length the request bounds.
struct TextStream::Impl {
  std::atomic<bool> cancelled{false};

  void push(Piece piece);
  void finish(FinishReason reason, const TextStats& stats);
  void fail(std::exception_ptr error);

  std::optional<Piece> next();

  mutable std::mutex mutex;
  std::condition_variable ready;
  std::deque<Piece> pieces;
  bool done = false;
  std::exception_ptr error;
  FinishReason reason = FinishReason::cancelled;
  TextStats stats;
};

}  // namespace ominix
