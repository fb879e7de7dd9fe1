#include "cli/answer.h"

#include <unistd.h>

#include "cli/terminal.h"

namespace ominix::cli {
namespace {

double rate(int count, double seconds) { return seconds > 0 && count > 0 ? count / seconds : 0; }

}  // namespace

double Answer::prefill_tps() const { return rate(stats.prompt_tokens, stats.prefill_seconds); }
double Answer::decode_tps() const {
  return rate(stats.completion_tokens - 1, stats.decode_seconds);
}

Answer stream_answer(Engine& engine, const std::shared_ptr<const Model>& model, TextRequest request,
                     bool show) {
  const InterruptScope interrupt;
  const bool terminal = ::isatty(STDOUT_FILENO) != 0;
  ProgressBar bar("reading the prompt");
  request.progress = [&](int read, int tokens) {
    bar.update(static_cast<uint64_t>(read), static_cast<uint64_t>(tokens));
    return !interrupted();
  };
  Answer out;
  TextStream stream = engine.generate(model, std::move(request));
  while (auto piece = stream.next()) {
    bar.clear();
    out.text += piece->text;
    out.tokens.insert(out.tokens.end(), piece->ids.begin(), piece->ids.end());
    out.logprobs.insert(out.logprobs.end(), piece->logprobs.begin(), piece->logprobs.end());
    if (show && !print(terminal ? printable(piece->text) : piece->text)) stream.cancel();
    if (interrupted()) stream.cancel();
  }
  out.reason = stream.finish_reason();
  out.stats = stream.stats();
  return out;
}

}  // namespace ominix::cli
