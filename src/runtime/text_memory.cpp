#include "runtime/text_memory.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "runtime/engine_thread.h"
#include "runtime/model_impl.h"

namespace ominix {

TextMemory::TextMemory()
    : impl_(new Impl, [](Impl* impl) {
        // States are freed where they were made.
        runtime::EngineThread::instance().post([impl] { delete impl; });
      }) {}

namespace runtime {
namespace {

bool same_specs(const std::vector<kernels::KvState>& a, const std::vector<kernels::KvState>& b) {
  return std::ranges::equal(a, b, [](const kernels::KvState& x, const kernels::KvState& y) {
    return x.spec() == y.spec();
  });
}

}  // namespace

void recall(TextMemory::Impl& memory, const std::shared_ptr<const Model::Impl>& model,
            Sequence& sequence) {
  const auto ids = std::exchange(memory.ids, {});
  auto states = std::exchange(memory.states, {});
  memory.reservation.reset();
  // Keys of a rope that goes by the text's length are of use to that length only.
  if (memory.model.lock() != model || model->text->info().rope_by_length ||
      !same_specs(states, sequence.states)) {
    return;
  }
  const auto shared = std::ranges::mismatch(ids, sequence.ids).in1 - ids.begin();
  // The last token of a prompt is always computed: its logits choose the next.
  const auto length = std::min(shared, static_cast<std::ptrdiff_t>(sequence.ids.size()) - 1);
  if (length <= 0) return;
  try {
    for (kernels::KvState& state : states) state.truncate(length);
  } catch (const Error&) {
    return;  // a window has dropped what would be needed
  }
  sequence.states = std::move(states);
  sequence.done = static_cast<size_t>(length);
}

void keep(TextMemory::Impl& memory, const std::shared_ptr<const Model::Impl>& model,
          Sequence& sequence) {
  memory.model = model;
  memory.ids.assign(sequence.ids.begin(),
                    sequence.ids.begin() + static_cast<std::ptrdiff_t>(sequence.done));
  // A step that was interrupted half way may have written further.
  for (kernels::KvState& state : sequence.states) {
    state.truncate(static_cast<int64_t>(sequence.done));
  }
  memory.states = std::move(sequence.states);
  memory.reservation = std::move(sequence.reservation);
}

}  // namespace runtime
}  // namespace ominix
