#include "runtime/eval_tensors.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/glob.h"
#include "formats/safetensors.h"
#include "kernels/eval.h"
#include "kernels/kernels.h"
#include "mlx/ops.h"
#include "runtime/engine_impl.h"
#include "runtime/model_impl.h"

namespace mx = mlx::core;

namespace ominix {
namespace {

struct Ids {
  int64_t rows = 0, length = 0;
  std::vector<int32_t> values;
  std::vector<int32_t> padding;  // of each row, on the left
};

std::vector<int32_t> read_int32(const formats::Safetensors& file, const formats::TensorInfo& info) {
  std::vector<int32_t> out(info.bytes / 4);
  if (info.type == DType::i32) {
    file.read(info, 0, std::as_writable_bytes(std::span(out)));
    return out;
  }
  if (info.type != DType::i64) {
    throw fail(ErrorCode::invalid_argument, "eval: tensor '{}' has type {}, expected i32 (B, L)",
               info.name, to_string(info.type));
  }
  std::vector<int64_t> wide(info.bytes / 8);
  file.read(info, 0, std::as_writable_bytes(std::span(wide)));
  return {wide.begin(), wide.end()};
}

Ids read_ids(const formats::Safetensors& file, std::string_view name, int vocabulary) {
  const formats::TensorInfo* info = file.find(name);
  if (!info || info->shape.size() != 2 || info->bytes == 0) {
    throw fail(ErrorCode::invalid_argument, "eval: '{}' has no tensor '{}' of shape (B, L)",
               file.path().string(), name);
  }
  Ids ids{info->shape[0], info->shape[1], read_int32(file, *info), {}};
  ids.padding.assign(static_cast<size_t>(ids.rows), 0);
  const formats::TensorInfo* mask = name == "input_ids" ? file.find("attention_mask") : nullptr;
  if (mask) {
    if (mask->shape != info->shape) {
      throw Error(ErrorCode::invalid_argument,
                  "eval: 'attention_mask' and 'input_ids' differ in shape");
    }
    const std::vector<int32_t> seen = read_int32(file, *mask);
    for (int64_t r = 0; r < ids.rows; ++r) {
      const auto row = std::span(seen).subspan(static_cast<size_t>(r * ids.length),
                                               static_cast<size_t>(ids.length));
      const auto first = std::ranges::find(row, 1);
      ids.padding[static_cast<size_t>(r)] = static_cast<int32_t>(first - row.begin());
      if (first == row.end() || !std::all_of(first, row.end(), [](int32_t v) { return v == 1; })) {
        throw fail(ErrorCode::invalid_argument,
                   "eval: row {} of 'attention_mask' is not zeros, then ones (left padding)", r);
      }
    }
  }
  for (int64_t r = 0; r < ids.rows; ++r) {
    for (int64_t i = ids.padding[static_cast<size_t>(r)]; i < ids.length; ++i) {
      const int32_t id = ids.values[static_cast<size_t>(r * ids.length + i)];
      if (id < 0 || id >= vocabulary) {
        throw fail(ErrorCode::invalid_argument, "eval: token id {} is outside the vocabulary of {}",
                   id, vocabulary);
      }
    }
  }
  return ids;
}

using Results = std::vector<runtime::NamedTensor>;

void add(Results& out, std::string name, std::vector<int64_t> shape, DType type, const void* data) {
  uint64_t bytes = info(type).bytes;
  for (int64_t n : shape) bytes *= static_cast<uint64_t>(n);
  const auto* first = static_cast<const std::byte*>(data);
  out.push_back({std::move(name), type, std::move(shape), {first, first + bytes}});
}

void add(Results& out, std::string_view name, const mx::array& value) {
  const mx::array x = mx::contiguous(mx::astype(value, mx::float32));
  kernels::eval({x});
  add(out, std::string(name), {x.shape().begin(), x.shape().end()}, DType::f32, x.data<float>());
}

void check_wanted(const EvalOptions& options) {
  if (options.go_on && !options.go_on()) throw Error(ErrorCode::cancelled, "eval: stopped");
}

std::vector<kernels::KvState> make_states(const models::TextModel& model) {
  std::vector<kernels::KvState> states;
  for (const auto& spec : model.state_spec()) states.emplace_back(spec);
  return states;
}

// All rows in one pass, or in pieces of `chunk` tokens of each row.
void forward(const models::TextModel& model, const Ids& ids, const EvalOptions& options,
             Results& out) {
  const auto B = static_cast<size_t>(ids.rows);
  const int64_t V = model.info().vocab_size;
  std::vector<float> logits(B * static_cast<size_t>(ids.length * V), 0.0f);
  std::vector<std::vector<kernels::KvState>> states;
  states.reserve(B);
  for (size_t r = 0; r < B; ++r) states.push_back(make_states(model));

  nn::Tap tap;
  if (!options.taps.empty()) {
    tap = [&](std::string_view name, const mx::array& value) {
      if (matches(options.taps, name)) add(out, name, value);
    };
  }
  const int64_t chunk = options.prefill_chunk > 0 ? options.prefill_chunk : ids.length;
  for (int64_t start = 0; start < ids.length; start += chunk) {
    check_wanted(options);
    std::vector<int32_t> tokens;
    std::vector<nn::Row> rows;
    std::vector<float*> targets;  // where each token's logits go
    for (size_t r = 0; r < B; ++r) {
      const int64_t padding = ids.padding[r], real = ids.length - padding;
      const int64_t count = std::min(chunk, real - start);
      if (count <= 0) continue;
      rows.push_back({static_cast<int>(count), start, real, &states[r]});
      for (int64_t i = start; i < start + count; ++i) {
        const auto at = static_cast<size_t>(ids.length) * r + static_cast<size_t>(padding + i);
        tokens.push_back(ids.values[at]);
        targets.push_back(&logits[at * static_cast<size_t>(V)]);
      }
    }
    if (tokens.empty()) break;
    nn::Pass pass(std::move(rows), tap);
    const mx::array x(tokens.data(), {static_cast<int>(tokens.size())}, mx::int32);
    const mx::array y =
        mx::contiguous(mx::astype(model.logits(model.forward(x, pass)), mx::float32));
    kernels::eval({y});
    for (size_t t = 0; t < targets.size(); ++t) {
      std::memcpy(targets[t], y.data<float>() + t * static_cast<size_t>(V),
                  static_cast<size_t>(V) * 4);
    }
  }
  add(out, "logits", {ids.rows, ids.length, V}, DType::f32, logits.data());
}

// Through the same batch that answers requests.
void greedy(const models::TextModel& model, const Ids& ids, const EvalOptions& options,
            Results& out) {
  runtime::TextBatch batch(model, options.prefill_chunk > 0 ? options.prefill_chunk : 1 << 20);
  const auto count = static_cast<size_t>(options.max_tokens);
  std::vector<int32_t> all(static_cast<size_t>(ids.rows) * count);
  std::exception_ptr error;
  for (size_t r = 0; r < static_cast<size_t>(ids.rows); ++r) {
    const auto row = ids.values.begin() + static_cast<std::ptrdiff_t>(r) * ids.length;
    auto s = std::make_unique<runtime::Sequence>(
        model.state_spec(), std::vector<int32_t>(row + ids.padding[r], row + ids.length),
        Sampling{});
    s->on_token = [&all, count, at = r * count,
                   end = (r + 1) * count](const sampling::Choice& c) mutable {
      all[at++] = c.id;
      return at < end;
    };
    s->on_error = [&](std::exception_ptr e) { error = std::move(e); };
    batch.add(std::move(s));
  }
  while (!batch.empty()) {
    check_wanted(options);
    batch.step();
  }
  if (error) std::rethrow_exception(error);
  add(out, "greedy", {ids.rows, options.max_tokens}, DType::i32, all.data());
}

}  // namespace

std::vector<runtime::NamedTensor> runtime::eval_tensors(Engine& engine,
                                                        const std::shared_ptr<const Model>& model,
                                                        const formats::Safetensors& in,
                                                        const EvalOptions& options,
                                                        std::string_view ids_name) {
  if (options.max_tokens < 0 || options.max_tokens > 1 << 20 || options.prefill_chunk < 0) {
    throw Error(ErrorCode::invalid_argument,
                "eval: max tokens must be 0 to 1048576, the prefill chunk at least 1");
  }
  if (!options.taps.empty() && options.prefill_chunk > 0) {
    throw Error(ErrorCode::invalid_argument,
                "eval: taps name whole prompts; leave out either the taps or the prefill chunk");
  }
  const models::TextModel& text = *model->impl().text;
  const Ids ids = read_ids(in, ids_name, text.info().vocab_size);
  Results results;
  engine.impl().call([&] {
    const kernels::ArithmeticScope scope(engine.impl().core->arithmetic());
    forward(text, ids, options, results);
    if (options.max_tokens > 0) greedy(text, ids, options, results);
  });
  check_wanted(options);
  return results;
}

void eval_files(Engine& engine, const std::shared_ptr<const Model>& model,
                const std::filesystem::path& in, const std::filesystem::path& out,
                const EvalOptions& options) {
  const auto results = runtime::eval_tensors(engine, model, formats::Safetensors(in), options);
  std::vector<formats::SafetensorsEntry> entries;
  entries.reserve(results.size());
  for (const runtime::NamedTensor& t : results) entries.push_back({t.name, t.type, t.shape});
  formats::SafetensorsWriter writer(out, entries);
  for (const runtime::NamedTensor& t : results) writer.append(t.bytes);
  writer.commit();
}

}  // namespace ominix
