#include <ominix/bench.h>

#include <algorithm>
#include <chrono>
#include <random>

#include "base/error.h"
#include "base/system.h"
#include "kernels/device.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"
#include "runtime/engine_impl.h"
#include "runtime/model_impl.h"
#include "runtime/text_batch.h"

namespace ominix {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::vector<int32_t> random_ids(int count, int vocabulary, uint32_t seed) {
  std::minstd_rand generator(seed);
  std::vector<int32_t> ids(static_cast<size_t>(count));
  for (int32_t& id : ids)
    id = static_cast<int32_t>(generator() % static_cast<uint32_t>(vocabulary));
  return ids;
}

using Specs = std::vector<kernels::KvSpec>;

// Keys and values of one text at this length.
uint64_t history_bytes(const Specs& specs, int64_t length) {
  uint64_t bytes = 0;
  for (const kernels::KvSpec& spec : specs) {
    const int64_t kept = spec.window > 0 ? std::min<int64_t>(length, spec.window) : length;
    for (const kernels::KvPlane& plane : kernels::kv_planes(spec)) {
      bytes += plane.token_bytes() * static_cast<uint64_t>(kept);
    }
  }
  return bytes;
}

struct Rates {
  double prefill = 0, decode = 0;
  uint64_t weight_bytes = 0;  // of one step of decoding
};

// Runs the batch that answers requests, and looks at the clock when every text has its first token
// and when each has all of them.
Rates measure(const models::TextModel& model, const Specs& specs, int chunk,
              const BenchOptions& options, int prompt, int new_tokens,
              const std::function<bool()>& go_on) {
  runtime::TextBatch batch(model, chunk);
  std::exception_ptr error;
  int64_t made = 0;
  int started = 0;
  for (int i = 0; i < options.batch; ++i) {
    auto s = std::make_unique<runtime::Sequence>(
        specs, random_ids(prompt, model.info().vocab_size, static_cast<uint32_t>(i) + 1),
        Sampling{});
    s->on_token = [&, count = 0](const sampling::Choice&) mutable {
      ++made;
      if (count == 0) ++started;
      return ++count <= new_tokens;
    };
    s->on_error = [&](std::exception_ptr e) { error = std::move(e); };
    batch.add(std::move(s));
  }
  Rates rates;
  int64_t made_before = 0;  // when the last prompt was read
  const auto begin = Clock::now();
  Clock::time_point first = begin;
  while (!batch.empty()) {
    if (!go_on()) throw Error(ErrorCode::cancelled, "bench: stopped");
    const bool reading = started < options.batch;
    const uint64_t bytes = kernels::weight_bytes();
    batch.step();
    if (error) std::rethrow_exception(error);
    if (!reading) rates.weight_bytes = kernels::weight_bytes() - bytes;
    if (reading && started == options.batch) {
      first = Clock::now();
      made_before = made;
    }
  }
  rates.prefill = static_cast<double>(prompt) * options.batch / seconds_between(begin, first);
  if (made > made_before) {
    rates.decode = static_cast<double>(made - made_before) / seconds_between(first, Clock::now());
  }
  return rates;
}

void check(const BenchOptions& o) {
  constexpr int kMost = 1 << 24;
  if (o.prompt_tokens < 1 || o.prompt_tokens > kMost || o.new_tokens < 0 || o.new_tokens > kMost ||
      o.batch < 1 || o.batch > 4096 || o.repetitions < 1 || o.repetitions > 1000) {
    throw fail(ErrorCode::invalid_argument,
               "bench: {} + {} tokens, {} texts, {} repetitions; expected 1 to {} prompt tokens, 0 "
               "to {} new tokens, 1 to 4096 texts, 1 to 1000 repetitions",
               o.prompt_tokens, o.new_tokens, o.batch, o.repetitions, kMost, kMost);
  }
}

}  // namespace

BenchResult bench(Engine& engine, const std::shared_ptr<const Model>& model,
                  const BenchOptions& options) {
  check(options);
  const models::TextModel& text = *model->impl().text;
  const Specs specs = runtime::state_specs(text, engine.options().kv_bits);
  const int chunk = engine.options().prefill_chunk;
  BenchResult out;
  engine.impl().call([&] {
    uint64_t states = 0;
    for (const kernels::KvSpec& spec : specs) {
      states += kernels::kv_bytes(spec, int64_t{options.prompt_tokens} + options.new_tokens + 1) *
                static_cast<uint64_t>(options.batch);
    }
    const uint64_t left = engine.impl().core->memory_left;
    if (states > left) {
      throw fail(ErrorCode::out_of_memory,
                 "bench: the texts need {} MB of state, {} MB are left; take fewer or shorter ones",
                 states >> 20, left >> 20);
    }
    const kernels::ArithmeticScope scope(engine.impl().core->arithmetic());
    int done = 0;
    const auto go_on = [&] { return !options.go_on || options.go_on(done, options.repetitions); };
    out.threads = kernels::threads();
    out.device = kernels::on_gpu() ? Device::gpu : Device::cpu;
    // Brings the weights into memory and the buffers into being.
    measure(text, specs, chunk, options, std::min(options.prompt_tokens, 16), 1, go_on);
    uint64_t weight_bytes = 0;
    for (; done < options.repetitions; ++done) {
      const Rates rates =
          measure(text, specs, chunk, options, options.prompt_tokens, options.new_tokens, go_on);
      out.prefill.push_back(rates.prefill);
      if (options.new_tokens > 0) out.decode.push_back(rates.decode);
      weight_bytes = rates.weight_bytes;
    }
    out.bytes_per_token =
        weight_bytes / static_cast<uint64_t>(options.batch) +
        history_bytes(specs, int64_t{options.prompt_tokens} + options.new_tokens / 2);
    out.peak_memory_bytes = peak_memory();
    out.roofline_gbps = kernels::measure_bandwidth();
  });
  out.prefill_tps = median(out.prefill);
  out.decode_tps = median(out.decode);
  out.roofline_share =
      static_cast<double>(out.bytes_per_token) * out.decode_tps / (out.roofline_gbps * 1e9);
  return out;
}

}  // namespace ominix
