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

  bool on_token(int32_t id) {
    if (stats_.completion_tokens == 0) {
      stats_.prefill_seconds = seconds_since(started_);
      first_token_ = Clock::now();
    }
    const bool ends = !request_.ignore_stop_ids && std::ranges::count(model_->stop_ids, id) > 0;
    if (ends) return finish(FinishReason::stop);
    ++stats_.completion_tokens;
    std::string text = detokenizer_ ? stops_.push(detokenizer_->push(id)) : "";
    out_->push({std::move(text), {id}});
    if (stops_.found()) return finish(FinishReason::stop);
    if (stats_.completion_tokens >= request_.max_tokens) return finish(FinishReason::length);
    return true;
  }

  void cancel() { finish(FinishReason::cancelled); }

  void fail(std::exception_ptr error) { out_->fail(std::move(error)); }

 private:
  bool finish(FinishReason reason) {
    if (detokenizer_ && !stops_.found()) {
      std::string rest = stops_.push(detokenizer_->finish());
      if (!stops_.found()) rest += stops_.finish();
      if (!rest.empty()) out_->push({std::move(rest), {}});
    }
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

// Bytes of state that `tokens` tokens of one sequence take.
uint64_t state_bytes(const models::TextModel& model, int64_t tokens) {
  uint64_t bytes = 0;
  constexpr int64_t block = kernels::KvState::kBlock;
  for (const kernels::KvSpec& spec : model.state_spec()) {
    const int64_t kept = spec.window > 0 ? std::min<int64_t>(tokens, spec.window + block) : tokens;
    const auto blocks = static_cast<uint64_t>((kept + block - 1) / block);
    bytes += blocks * block * static_cast<uint64_t>(spec.kv_heads) *
             static_cast<uint64_t>(spec.key_dim + spec.value_dim) * sizeof(float);
  }
  return bytes;
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
  const kernels::ArithmeticScope arithmetic(options.exact ? kernels::Arithmetic::exact
                                                          : kernels::Arithmetic::fast);
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
  impl_->core = std::make_shared<EngineCore>(options);
  impl_->call([&] {
    kernels::start({.threads = options.threads});
    // Leave a tenth of what is free to everybody else.
    impl_->core->memory_left =
        options.memory_budget > 0 ? options.memory_budget : available_memory() / 10 * 9;
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
  auto out = std::make_shared<TextStream::Impl>();
  auto answer = std::make_shared<Answer>(shared, request, out);
  auto sequence = std::make_shared<std::unique_ptr<runtime::Sequence>>(
      std::make_unique<runtime::Sequence>(*shared->text, request.prompt, request.sampling));
  (*sequence)->on_token = [answer](int32_t id) { return answer->on_token(id); };
  (*sequence)->on_error = [answer](std::exception_ptr e) { answer->fail(std::move(e)); };
  (*sequence)->on_cancel = [answer] { answer->cancel(); };
  (*sequence)->cancelled = [out] { return out->cancelled.load(); };
  const uint64_t bytes =
      state_bytes(*shared->text, static_cast<int64_t>(request.prompt.size()) + request.max_tokens);
  EngineThread::instance().post([core = impl_->core, shared, bytes, answer, sequence] {
    if (bytes > core->memory_left) {
      answer->fail(std::make_exception_ptr(fail(ErrorCode::out_of_memory,
                                                "engine: the request needs up to {} MB of state, "
                                                "{} MB are left; shorten it or lower max_tokens",
                                                bytes >> 20, core->memory_left >> 20)));
      return;
    }
    core->memory_left -= bytes;
    // Not the core itself: its sequences would keep it alive.
    (*sequence)->reservation = std::shared_ptr<const void>(
        nullptr, [core = core.get(), bytes](const void*) { core->memory_left += bytes; });
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
