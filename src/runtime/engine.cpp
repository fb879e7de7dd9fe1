#include <fmt/format.h>
#include <ominix/engine.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/system.h"
#include "base/utf8.h"
#include "kernels/device.h"
#include "kernels/kernels.h"
#include "runtime/answer_text.h"
#include "runtime/engine_impl.h"
#include "runtime/model_impl.h"
#include "runtime/state_file.h"
#include "runtime/text_memory.h"
#include "runtime/text_stream.h"

namespace ominix {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Everything one request keeps while it runs: turns tokens into pieces of text and ends in time.
class Answer {
 public:
  Answer(std::shared_ptr<const Model::Impl> model, TextRequest request,
         std::shared_ptr<TextStream::Impl> out)
      : model_(std::move(model)),
        request_(std::move(request)),
        out_(std::move(out)),
        stops_(request_.stop),
        started_(Clock::now()) {
    if (model_->tokenizer) detokenizer_.emplace(model_->tokenizer);
    stats_.prompt_tokens = static_cast<int>(request_.prompt.size());
  }

  bool on_token(const sampling::Choice& choice) {
    const int32_t id = choice.id;
    if (stats_.completion_tokens == 0) {
      stats_.prefill_seconds = seconds_since(started_);
      first_token_ = Clock::now();
    }
    const bool ends = std::ranges::count(request_.stop_ids, id) > 0 ||
                      (!request_.ignore_stop_ids && std::ranges::count(model_->stop_ids, id) > 0);
    if (ends) return finish(FinishReason::stop);
    ++stats_.completion_tokens;
    std::string text = detokenizer_ ? stops_.push(detokenizer_->push(id)) : "";
    TextStream::Piece piece{std::move(text), {id}, {}};
    if (request_.logprobs >= 0) piece.logprobs.push_back(choice.logprobs);
    out_->push(std::move(piece));
    if (stops_.found()) return finish(FinishReason::stop);
    if (stats_.completion_tokens >= request_.max_tokens) return finish(FinishReason::length);
    return true;
  }

  void cancel() { finish(FinishReason::cancelled); }

  void fail(std::exception_ptr error) { out_->fail(std::move(error)); }

  std::function<void()> before_end = [] {};  // of an answer that is complete; may throw
  std::function<void()> at_end = [] {};      // of any answer that did not fail

 private:
  bool finish(FinishReason reason) {
    if (detokenizer_ && !stops_.found()) {
      std::string rest = stops_.push(detokenizer_->finish());
      if (!stops_.found()) rest += stops_.finish();
      if (!rest.empty()) out_->push({std::move(rest), {}, {}});
    }
    if (reason != FinishReason::cancelled) before_end();
    at_end();
    if (stats_.completion_tokens > 0) stats_.decode_seconds = seconds_since(first_token_);
    out_->finish(reason, stats_);
    return false;
  }

  std::shared_ptr<const Model::Impl> model_;
  TextRequest request_;
  std::shared_ptr<TextStream::Impl> out_;
  std::optional<Detokenizer> detokenizer_;
  runtime::StopTexts stops_;
  TextStats stats_;
  Clock::time_point started_, first_token_;
};

void check_request(const Model::Impl& model, const TextRequest& request) {
  const ModelInfo& info = model.info;
  if (request.prompt.empty()) {
    throw Error(ErrorCode::invalid_argument,
                "request: the prompt has no tokens, expected at least one");
  }
  for (int32_t id : request.prompt) {
    if (id < 0 || id >= info.vocab_size) {
      throw fail(ErrorCode::invalid_argument,
                 "request: token id {} is outside the vocabulary of {}", id, info.vocab_size);
    }
  }
  if (request.max_tokens < 1) {
    throw fail(ErrorCode::invalid_argument, "request: max_tokens is {}, expected at least 1",
               request.max_tokens);
  }
}

// What the sampler must know of the model. Repetitions that DRY sees end at tokens with a breaker
// in their text.
sampling::Context sampling_context(const Model::Impl& model, const TextRequest& request) {
  sampling::Context out{.prompt_tokens = request.prompt.size(),
                        .stop_ids = model.stop_ids,
                        .logprobs = request.logprobs};
  if (request.sampling.dry_multiplier > 0 && model.tokenizer) {
    out.breakers =
        model.breakers.of(request.sampling.dry_breakers, *model.tokenizer, model.info.vocab_size);
  }
  return out;
}

// Bytes of state that `tokens` tokens of one sequence take.
uint64_t state_bytes(std::span<const kernels::KvSpec> specs, int64_t tokens) {
  uint64_t bytes = 0;
  for (const kernels::KvSpec& spec : specs) bytes += kernels::kv_bytes(spec, tokens);
  return bytes;
}

// Tells states that fit a request from others.
std::string state_name(const Model::Impl& model, size_t prompt_tokens) {
  const ModelInfo& info = model.info;
  std::string out =
      fmt::format("{} of {} parameters in {} bytes", info.family, info.parameters, info.bytes);
  // Keys of such a rope are of use to texts of the same length only.
  if (model.text->info().rope_by_length) out += fmt::format(", {} tokens", prompt_tokens);
  return out;
}

}  // namespace

using runtime::EngineCore;
using runtime::EngineThread;

void EngineCore::add(const std::shared_ptr<const Model::Impl>& model,
                     std::unique_ptr<runtime::Sequence> sequence) {
  auto [found, is_new] = running.try_emplace(model.get());
  if (is_new) {
    found->second = {model,
                     std::make_unique<runtime::TextBatch>(*model->text, options.prefill_chunk)};
  }
  found->second.batch->add(std::move(sequence));
  if (!stepping) post_step();
}

void EngineCore::post_step() {
  stepping = true;
  EngineThread::instance().post([core = shared_from_this()] { core->step(); });
}

void EngineCore::step() {
  const kernels::ArithmeticScope scope(arithmetic());
  for (auto& [key, r] : running) r.batch->step();
  std::erase_if(running, [](const auto& r) { return r.second.batch->empty(); });
  stepping = false;
  if (!running.empty()) post_step();
}

Engine::Engine(const EngineOptions& options) : impl_(std::make_unique<Impl>()) {
  if (options.device == Device::gpu) {
    const kernels::GpuInfo gpu = kernels::gpu_info();
    if (!gpu.available) {
      throw fail(ErrorCode::unsupported, "engine: no GPU: {}; use --device cpu", gpu.reason);
    }
  }
  if (options.threads < 0 || options.threads > 1024) {
    throw fail(ErrorCode::invalid_argument, "engine: {} threads, expected 1 to 1024",
               options.threads);
  }
  if (options.kv_bits != 32 && options.kv_bits != 8) {
    throw fail(ErrorCode::invalid_argument, "engine: kv_bits is {}, expected 32 or 8",
               options.kv_bits);
  }
  impl_->core = std::make_shared<EngineCore>(options);
  impl_->call([&] {
    kernels::start({.threads = options.threads, .gpu = options.device != Device::cpu});
    if (kernels::on_gpu() && options.kv_bits != 32) {
      throw fail(ErrorCode::unsupported, "engine: kv_bits is {}, expected 32 on a GPU",
                 options.kv_bits);
    }
    // Leave a tenth of what is free to everybody else.
    const uint64_t free = kernels::on_gpu() ? kernels::gpu_info().memory : available_memory();
    impl_->core->memory_left = options.memory_budget > 0 ? options.memory_budget : free / 10 * 9;
  });
}

Engine::~Engine() {
  // Texts that still run end with it; their readers are told.
  impl_->call([&] {
    for (auto& [key, r] : impl_->core->running) r.batch->cancel_all();
    impl_->core->running.clear();
  });
}

const EngineOptions& Engine::options() const { return impl_->core->options; }

std::shared_ptr<const Model> Engine::load(const std::filesystem::path& path,
                                          const LoadOptions& options) {
  return impl_->call([&] {
    const std::shared_ptr<EngineCore>& core = impl_->core;
    const kernels::ArithmeticScope scope(core->arithmetic());
    auto loaded = runtime::load_model(path, core->memory_left, options);
    const uint64_t bytes = std::min(core->memory_left, loaded->info.bytes);
    core->memory_left -= bytes;
    // The last handle may go on any thread; parameters are freed on the engine's.
    std::shared_ptr<const Model::Impl> shared(loaded.release(),
                                              [core, bytes](const Model::Impl* m) {
                                                const auto free = [core, bytes, m] {
                                                  delete m;
                                                  core->memory_left += bytes;
                                                };
                                                EngineThread& thread = EngineThread::instance();
                                                // At once where possible: nothing may be left to
                                                // free when the process ends.
                                                thread.is_current() ? free() : thread.post(free);
                                              });
    return std::make_shared<const Model>(std::move(shared));
  });
}

TextStream Engine::generate(const std::shared_ptr<const Model>& model, TextRequest request) {
  const std::shared_ptr<const Model::Impl> shared = model->shared();
  check_request(*shared, request);
  const auto specs = runtime::state_specs(*shared->text, impl_->core->options.kv_bits);
  auto out = std::make_shared<TextStream::Impl>();
  auto sequence =
      std::make_shared<std::unique_ptr<runtime::Sequence>>(std::make_unique<runtime::Sequence>(
          specs, request.prompt, request.sampling, sampling_context(*shared, request)));
  auto answer = std::make_shared<Answer>(shared, request, out);
  (*sequence)->on_token = [answer](const sampling::Choice& c) { return answer->on_token(c); };
  (*sequence)->on_error = [answer](std::exception_ptr e) { answer->fail(std::move(e)); };
  (*sequence)->on_cancel = [answer] { answer->cancel(); };
  (*sequence)->cancelled = [out] { return out->cancelled.load(); };
  if (!request.state_out.empty()) {
    answer->before_end = [path = request.state_out, s = sequence->get(),
                          name = state_name(*shared, request.prompt.size())] {
      runtime::save_state(path, name, std::span(s->ids).first(s->done), s->states);
    };
  }
  if (request.memory) {
    answer->at_end = [memory = request.memory->impl(), shared, s = sequence->get()] {
      runtime::keep(*memory, shared, *s);
    };
  }
  if (request.progress) {
    (*sequence)->on_read = [progress = request.progress, s = sequence->get()] {
      return progress(static_cast<int>(s->done), static_cast<int>(s->ids.size()));
    };
  }
  const uint64_t bytes =
      state_bytes(specs, static_cast<int64_t>(request.prompt.size()) + request.max_tokens);
  EngineThread::instance().post([core = impl_->core, shared, bytes, answer, sequence, specs,
                                 path = request.state_in, memory = request.memory] {
    runtime::Sequence& s = **sequence;
    if (memory) runtime::recall(*memory->impl(), shared, s);
    if (bytes > core->memory_left) {
      answer->fail(std::make_exception_ptr(fail(ErrorCode::out_of_memory,
                                                "engine: the request needs up to {} MB of state, "
                                                "{} MB are left; shorten it or lower max_tokens",
                                                bytes >> 20, core->memory_left >> 20)));
      return;
    }
    core->memory_left -= bytes;
    // Not the core itself: its sequences would keep it alive.
    s.reservation =
        std::shared_ptr<const void>(nullptr, [owner = std::weak_ptr(core), bytes](const void*) {
          if (const auto core = owner.lock()) core->memory_left += bytes;
        });
    if (s.done == 0 && !path.empty() && std::filesystem::exists(path)) {
      try {
        auto states = runtime::load_state(path, state_name(*shared, s.ids.size()), specs, s.ids);
        if (!states.empty()) {
          s.done = static_cast<size_t>(states.front().length());
          s.states = std::move(states);
        }
      } catch (...) {
        answer->fail(std::current_exception());
        return;
      }
    }
    core->add(shared, std::move(*sequence));
  });
  return TextStream(out);
}

const ModelInfo& Model::info() const { return impl_->info; }

const Tokenizer& Model::tokenizer() const {
  if (!impl_->tokenizer) {
    throw fail(ErrorCode::unsupported,
               "model: '{}' has no tokenizer (tokenizer.json, tokenizer.model or GGUF vocabulary)",
               impl_->info.path);
  }
  return *impl_->tokenizer;
}

bool Model::has_chat_template() const { return impl_->chat_template != nullptr; }

const ChatTemplate& Model::chat_template() const {
  if (!impl_->chat_template) {
    throw fail(ErrorCode::unsupported, "model: '{}' has no chat template; use --raw",
               impl_->info.path);
  }
  return *impl_->chat_template;
}

std::vector<int32_t> Model::chat_prompt(const std::vector<ChatMessage>& messages) const {
  const Tokenizer& tokenizer = this->tokenizer();
  OrderedJson list = OrderedJson::array();
  for (const ChatMessage& m : messages) {
    list.push_back({{"role", m.role}, {"content", utf8::sanitize(m.content)}});
  }
  const auto token = [&](std::optional<int32_t> id) {
    return id ? tokenizer.token(*id) : std::string();
  };
  const OrderedJson variables = {{"messages", std::move(list)},
                                 {"add_generation_prompt", true},
                                 {"bos_token", token(tokenizer.bos())},
                                 {"eos_token", token(tokenizer.eos())}};
  return tokenizer.encode(chat_template().render(variables.dump()));
}

const std::vector<int32_t>& Model::stop_ids() const { return impl_->stop_ids; }

}  // namespace ominix
