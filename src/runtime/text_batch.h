#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "kernels/kv.h"
#include "models/text_model.h"
#include "sampling/sampler.h"

namespace ominix::runtime {

// A running text in the engine: its tokens, its memory, and whom to tell.
struct Sequence {
  std::vector<int32_t> ids;              // prompt, then what was generated
  size_t done = 0;                       // of them, how many the states have seen
  std::vector<kernels::KvState> states;  // one a layer
  int64_t rope_length = 0;
  sampling::Sampler sampler;
  std::shared_ptr<const void> reservation;  // of memory, given back with the sequence

  // A new token was chosen (it is in `ids` already); false ends the sequence.
  std::function<bool(const sampling::Choice&)> on_token;
  // The sequence failed; it is gone after this call.
  std::function<void(std::exception_ptr)> on_error;
  // Asked before every step; true ends the sequence, and on_cancel is told.
  std::function<bool()> cancelled = [] { return false; };
  std::function<void()> on_cancel = [] {};
  // A piece of the prompt is read and more of it is left; false cancels.
  std::function<bool()> on_read = [] { return true; };

  // `specs`: of its states, as TextModel::state_spec() gives them or quantized.
  Sequence(std::span<const kernels::KvSpec> specs, std::vector<int32_t> prompt,
           const Sampling& sampling, sampling::Context context = {});
};

// What the layers remember, in the form that the engine was told.
std::vector<kernels::KvSpec> state_specs(const models::TextModel& model, int kv_bits);

// All running texts of one model. Each step() takes a piece of every prompt that is not read yet
// and one token of every other text, in one forward pass: sequences come and go between steps.
class TextBatch {
 public:
  // `prefill_chunk`: prompt tokens of one step, over all sequences.
  TextBatch(const models::TextModel& model, int prefill_chunk);

  void add(std::unique_ptr<Sequence> sequence);
  bool empty() const { return sequences_.empty(); }
  size_t size() const { return sequences_.size(); }

  void cancel_all();

  // One forward pass. A sequence whose part of it fails is told and leaves; the others go on.
  void step();

 private:
  struct Part {  // what a sequence contributes to a step
    Sequence* sequence;
    int length;
    bool complete;  // its last known token is in: a next one can be chosen
  };
  std::vector<Part> plan() const;
  void run(const std::vector<Part>& parts);
  void run_each(const std::vector<Part>& parts);
  void remove(const Sequence* sequence);

  const models::TextModel& model_;
  int prefill_chunk_;
  std::vector<std::unique_ptr<Sequence>> sequences_;
};

}  // namespace ominix::runtime
