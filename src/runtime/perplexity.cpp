#include <ominix/perplexity.h>
#include <ominix/tokenizer.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "kernels/eval.h"
#include "kernels/kernels.h"
#include "mlx/ops.h"
#include "runtime/engine_impl.h"
#include "runtime/model_impl.h"
#include "runtime/text_batch.h"

namespace mx = mlx::core;

namespace ominix {
namespace {

// Rows of logits in memory at a time.
constexpr int kRows = 64;

// -log softmax(logits)[id]
double surprise(std::span<const float> logits, int32_t id) {
  const double largest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - largest);
  return std::log(sum) + largest - logits[static_cast<size_t>(id)];
}

// The sum over the scored ids of one window.
double window_nll(const models::TextModel& model, std::span<const int32_t> ids, int chunk,
                  std::span<const kernels::KvSpec> specs) {
  std::vector<kernels::KvState> states(specs.begin(), specs.end());
  const auto length = static_cast<int>(ids.size());
  const auto vocabulary = static_cast<size_t>(model.info().vocab_size);
  double nll = 0;
  for (int start = 0; start < length; start += chunk) {
    const int count = std::min(chunk, length - start);
    nn::Pass pass({{count, start, length, &states}});
    mx::array hidden = model.forward(mx::array(ids.data() + start, {count}, mx::int32), pass);
    kernels::eval({hidden});
    // Position p foresees id p + 1.
    const int last = std::min(start + count, length - 1);
    for (int from = std::max(start, length / 2); from < last; from += kRows) {
      const int rows = std::min(kRows, last - from);
      std::vector<int32_t> index(static_cast<size_t>(rows));
      std::iota(index.begin(), index.end(), from - start);
      mx::array logits = mx::contiguous(
          mx::astype(model.logits(mx::take(hidden, mx::array(index.data(), {rows}, mx::int32), 0)),
                     mx::float32));
      kernels::eval({logits});
      std::span<const float> values(logits.data<float>(), logits.size());
      for (int r = 0; r < rows; ++r) {
        nll += surprise(values.first(vocabulary),
                        ids[static_cast<size_t>(from) + static_cast<size_t>(r) + 1]);
        values = values.subspan(vocabulary);
      }
    }
  }
  return nll;
}

}  // namespace

PerplexityResult perplexity(Engine& engine, const std::shared_ptr<const Model>& model,
                            std::string_view text, const PerplexityOptions& options) {
  if (options.context < 4 || options.context > 1 << 24 || options.windows < 0) {
    throw fail(ErrorCode::invalid_argument,
               "perplexity: windows of {} ids, expected 4 to {}; {} windows, expected 0 (all) or "
               "more",
               options.context, 1 << 24, options.windows);
  }
  const std::vector<int32_t> ids = model->tokenizer().encode(text, {.add_special = false});
  const auto context = static_cast<size_t>(options.context);
  PerplexityResult out;
  out.text_tokens = static_cast<int64_t>(ids.size());
  out.windows = static_cast<int>(std::min<size_t>(ids.size() / context, 1u << 30));
  if (out.windows == 0) {
    throw fail(ErrorCode::invalid_argument,
               "perplexity: the text has {} ids, expected at least one window of {}", ids.size(),
               context);
  }
  if (options.windows > 0) out.windows = std::min(out.windows, options.windows);
  const models::TextModel& net = *model->impl().text;
  const int32_t largest = *std::ranges::max_element(ids);
  if (largest >= net.info().vocab_size) {
    throw fail(ErrorCode::corrupt_data,
               "perplexity: the tokenizer gives id {}, the model has a vocabulary of {}", largest,
               net.info().vocab_size);
  }
  const auto specs = runtime::state_specs(net, engine.options().kv_bits);
  double sum = 0;
  for (int w = 0; w < out.windows; ++w) {
    const auto window = std::span(ids).subspan(static_cast<size_t>(w) * context, context);
    sum += engine.impl().call([&] {
      const kernels::ArithmeticScope scope(engine.impl().core->arithmetic());
      return window_nll(net, window, engine.options().prefill_chunk, specs);
    });
    if (options.go_on && !options.go_on(w + 1, out.windows)) {
      throw Error(ErrorCode::cancelled, "perplexity: stopped");
    }
  }
  out.tokens = int64_t{out.windows} * (options.context - 1 - options.context / 2);
  out.nll = sum / static_cast<double>(out.tokens);
  out.perplexity = std::exp(out.nll);
  return out;
}

}  // namespace ominix
