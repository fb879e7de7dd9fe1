#include "runtime/text_stream.h"

#include <utility>

namespace ominix {

void TextStream::Impl::push(Piece piece) {
  const std::lock_guard lock(mutex);
  pieces.push_back(std::move(piece));
  ready.notify_one();
}

void TextStream::Impl::finish(FinishReason why, const TextStats& figures) {
  const std::lock_guard lock(mutex);
  if (done) return;
  done = true;
  reason = why;
  stats = figures;
  ready.notify_one();
}

void TextStream::Impl::fail(std::exception_ptr e) {
  const std::lock_guard lock(mutex);
  if (done) return;
  done = true;
  error = std::move(e);
  ready.notify_one();
}

std::optional<TextStream::Piece> TextStream::Impl::next() {
  std::unique_lock lock(mutex);
  ready.wait(lock, [&] { return done || !pieces.empty(); });
  if (!pieces.empty()) {
    Piece piece = std::move(pieces.front());
    pieces.pop_front();
    return piece;
  }
  if (error) std::rethrow_exception(error);
  return std::nullopt;
}

TextStream::~TextStream() {
  if (impl_) impl_->cancelled = true;
}

std::optional<TextStream::Piece> TextStream::next() { return impl_->next(); }

void TextStream::cancel() { impl_->cancelled = true; }

FinishReason TextStream::finish_reason() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->reason;
}

TextStats TextStream::stats() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->stats;
}

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::stop:
      return "stop";
    case FinishReason::length:
      return "length";
    case FinishReason::cancelled:
      return "cancelled";
  }
  return "cancelled";
}

}  // namespace ominix
