#pragma once

#include <ominix/error.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ominix {

class Tokenizer;
class ChatTemplate;

enum class Device { cpu, gpu };

struct EngineOptions {
  Device device = Device::cpu;
  int threads = 0;     // 0: OMINIX_THREADS, else all cores of the process
  bool exact = false;  // float32 activations throughout, instead of int8 inside quantized products
  uint64_t memory_budget = 0;  // bytes for models and their states; 0: what the machine has free
  int prefill_chunk = 512;     // prompt tokens in one step
};

struct LoadOptions {
  // Called from the engine's thread as parameters arrive.
  std::function<void(uint64_t bytes_loaded, uint64_t bytes_total)> progress;
};

struct ModelInfo {
  std::string family, task;
  std::string path;
  uint64_t parameters = 0;
  uint64_t bytes = 0;  // memory of the parameters
  int vocab_size = 0;
  int64_t max_positions = 0;
  double load_seconds = 0;
  std::vector<std::string> warnings;  // configuration keys that nobody read
};

// One turn of a conversation. Roles: "system", "user", "assistant".
struct ChatMessage {
  std::string role, content;
};

// A loaded model. Never changes; use it from any thread.
class Model {
 public:
  const ModelInfo& info() const;
  // Errors: unsupported when the model's folder has none.
  const Tokenizer& tokenizer() const;
  const ChatTemplate& chat_template() const;
  bool has_chat_template() const;
  // The tokens that ask for the next answer in a conversation, by the model's own template. Text of
  // the messages never becomes a control token. Errors: unsupported (no template), invalid_argument
  // (the template refuses these messages).
  std::vector<int32_t> chat_prompt(const std::vector<ChatMessage>& messages) const;
  // Token ids that end a turn or a text.
  const std::vector<int32_t>& stop_ids() const;

  struct Impl;
  explicit Model(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  const Impl& impl() const { return *impl_; }
  const std::shared_ptr<const Impl>& shared() const { return impl_; }

 private:
  std::shared_ptr<const Impl> impl_;
};

// How the next token is chosen from the logits. temperature 0 takes the largest (greedy).
// Order: repetition penalty, temperature, top_k, top_p, min_p. The same seed gives the same text,
// whatever runs beside it.
struct Sampling {
  float temperature = 0.0f;
  int top_k = 0;  // 0: all
  float top_p = 1.0f;
  float min_p = 0.0f;
  float repetition_penalty = 1.0f;  // over the last `repetition_window` tokens, prompt included
  int repetition_window = 64;
  uint64_t seed = 0;
};

struct TextRequest {
  std::vector<int32_t> prompt;  // at least one id
  int max_tokens = 512;
  Sampling sampling;
  std::vector<std::string> stop;  // texts that end the answer; not part of it
  bool ignore_stop_ids = false;   // go on behind an end-of-text token
};

enum class FinishReason { stop, length, cancelled };
std::string_view to_string(FinishReason reason);

struct TextStats {
  int prompt_tokens = 0;
  int completion_tokens = 0;
  double prefill_seconds = 0;  // from the first step to the first token
  double decode_seconds = 0;   // from the first token to the last
};

// An answer as it is made. One reader; destroying it cancels the request.
class TextStream {
 public:
  struct Piece {
    std::string text;          // complete UTF-8, may be empty
    std::vector<int32_t> ids;  // the tokens it came from
  };

  ~TextStream();
  // Waits for the next piece; nothing when the answer is complete. Rethrows the request's Error.
  std::optional<Piece> next();
  void cancel();
  // After next() returned nothing.
  FinishReason finish_reason() const;
  TextStats stats() const;

  struct Impl;
  explicit TextStream(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  TextStream(TextStream&&) = default;

 private:
  std::shared_ptr<Impl> impl_;
};

// Loads models and runs requests. All computing happens on one thread of the process, which every Engine
// shares; all methods may be called from any thread.
class Engine {
 public:
  explicit Engine(const EngineOptions& options = {});
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  // `path`: a folder with config.json and safetensors, or a .gguf file.
  // Errors: not_found, corrupt_data, unsupported, out_of_memory (the budget).
  std::shared_ptr<const Model> load(const std::filesystem::path& path,
                                    const LoadOptions& options = {});

  // Errors: invalid_argument (empty prompt, an id outside the vocabulary, …).
  TextStream generate(const std::shared_ptr<const Model>& model, TextRequest request);

  const EngineOptions& options() const;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace ominix
