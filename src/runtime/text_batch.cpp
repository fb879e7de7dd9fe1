#include "runtime/text_batch.h"

#include <algorithm>

#include "kernels/eval.h"
#include "mlx/ops.h"

namespace mx = mlx::core;

namespace ominix::runtime {

std::vector<kernels::KvSpec> state_specs(const models::TextModel& model, int kv_bits) {
  std::vector<kernels::KvSpec> specs = model.state_spec();
  for (kernels::KvSpec& spec : specs) spec.quantized = kv_bits == 8;
  return specs;
}

Sequence::Sequence(std::span<const kernels::KvSpec> specs, std::vector<int32_t> prompt,
                   const Sampling& sampling, sampling::Context context)
    : ids(std::move(prompt)),
      rope_length(static_cast<int64_t>(ids.size())),
      sampler(sampling, std::move(context)) {
  for (const kernels::KvSpec& spec : specs) states.emplace_back(spec);
}

TextBatch::TextBatch(const models::TextModel& model, int prefill_chunk)
    : model_(model), prefill_chunk_(std::max(prefill_chunk, 1)) {}

void TextBatch::add(std::unique_ptr<Sequence> sequence) {
  sequences_.push_back(std::move(sequence));
}

void TextBatch::cancel_all() {
  for (const auto& s : sequences_) s->on_cancel();
  sequences_.clear();
}

void TextBatch::remove(const Sequence* sequence) {
  std::erase_if(sequences_, [&](const auto& s) { return s.get() == sequence; });
}

std::vector<TextBatch::Part> TextBatch::plan() const {
  std::vector<Part> parts;
  int budget = prefill_chunk_;
  for (const auto& s : sequences_) {
    const auto left = static_cast<int>(s->ids.size() - s->done);
    // A running text always gets its token; prompts share what the step has room for.
    const int length = left == 1 ? 1 : std::min(left, budget);
    if (length == 0) continue;
    if (left > 1) budget -= length;
    parts.push_back({s.get(), length, length == left});
  }
  return parts;
}

void TextBatch::step() {
  std::erase_if(sequences_, [](const auto& s) {
    if (!s->cancelled()) return false;
    s->on_cancel();
    return true;
  });
  const std::vector<Part> parts = plan();
  if (parts.empty()) return;
  try {
    run(parts);
  } catch (...) {
    // Whose fault it was shows when each runs alone, from where it stood before.
    run_each(parts);
  }
}

void TextBatch::run_each(const std::vector<Part>& parts) {
  for (const Part& part : parts) {
    Sequence& s = *part.sequence;
    try {
      for (kernels::KvState& state : s.states) state.truncate(static_cast<int64_t>(s.done));
      run({part});
    } catch (...) {
      s.on_error(std::current_exception());
      remove(&s);
    }
  }
}

void TextBatch::run(const std::vector<Part>& parts) {
  std::vector<int32_t> ids;
  std::vector<nn::Row> rows;
  std::vector<int32_t> last;  // of each complete part, its last row
  for (const Part& part : parts) {
    Sequence& s = *part.sequence;
    const auto first = s.ids.begin() + static_cast<std::ptrdiff_t>(s.done);
    ids.insert(ids.end(), first, first + part.length);
    rows.push_back({part.length, static_cast<int64_t>(s.done), s.rope_length, &s.states});
    if (part.complete) last.push_back(static_cast<int32_t>(ids.size()) - 1);
  }
  nn::Pass pass(std::move(rows));
  const auto count = static_cast<int>(ids.size());
  mx::array hidden = model_.forward(mx::array(ids.data(), {count}, mx::int32), pass);
  // One row for each complete part. Nobody else holds them, so the samplers may change them.
  std::span<float> logits;
  mx::array all = hidden;
  if (last.empty()) {
    kernels::eval({hidden});
  } else {
    if (last.size() < ids.size()) {
      hidden =
          mx::take(hidden, mx::array(last.data(), {static_cast<int>(last.size())}, mx::int32), 0);
    }
    all = mx::contiguous(mx::astype(model_.logits(hidden), mx::float32));
    kernels::eval({all});
    logits = {all.data<float>(), all.size()};
  }

  // From here on the step counts: choose the next tokens.
  const size_t vocabulary = logits.size() / std::max<size_t>(last.size(), 1);
  for (const Part& part : parts) {
    Sequence& s = *part.sequence;
    s.done += static_cast<size_t>(part.length);
    if (!part.complete) {
      if (s.on_read()) continue;
      s.on_cancel();
      remove(&s);
      continue;
    }
    const std::span<float> row = logits.first(vocabulary);
    logits = logits.subspan(vocabulary);
    bool goes_on = false;
    try {
      const auto choice = s.sampler.sample(row, s.ids, static_cast<int64_t>(s.ids.size()));
      s.ids.push_back(choice.id);
      goes_on = s.on_token(choice);
    } catch (...) {
      s.on_error(std::current_exception());
    }
    if (!goes_on) remove(&s);
  }
}

}  // namespace ominix::runtime
