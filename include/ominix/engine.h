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

// One of a process: the first engine chooses.
enum class Device { best, cpu, gpu };

struct EngineOptions {
  Device device = Device::best;  // the GPU where this build and machine have one
  int threads = 0;               // 0: OMINIX_THREADS, else all cores of the process
  bool exact = false;  // float32 activations throughout, instead of int8 inside quantized products
  uint64_t memory_budget = 0;  // bytes for models and their states; 0: what the machine has free
  int prefill_chunk = 512;     // prompt tokens in one step
  int kv_bits = 32;  // keys and values kept as float32, or in 8 bits: a quarter of the memory
};

// Random weights at the shapes of a config.json: the speed of a model without its files.
struct SyntheticWeights {
  uint64_t seed = 1;
  int bits = 0;  // 2, 3, 4, 5, 6 or 8: packed as MLX does it (affine); 0: bf16
  int group_size = 64;
};

struct LoadOptions {
  // Called from the engine's thread as parameters arrive; the total is 0 where nobody knows it.
  // What it throws ends the loading.
  std::function<void(uint64_t bytes_loaded, uint64_t bytes_total)> progress;
  // The path is then a folder with config.json, or that file; nothing else of it is read.
  std::optional<SyntheticWeights> synthetic;
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

struct LogitBias {
  int32_t id = 0;
  float bias = 0;
};

// How the next token is chosen from the logits. temperature 0 takes the largest (greedy).
//
// The steps, in this order; each is off by default:
//   logit_bias, repetition, presence and frequency penalties, DRY: change logits
//   top_n_sigma, temperature, top_k, typical_p, top_p, min_p, XTC: leave tokens out, each from the
//     shares of what the one before left; mirostat stands in for all of them but temperature
//   a draw from what is left
// Draws depend on (seed, position) alone: the same seed gives the same text, whatever runs beside
// it.
struct Sampling {
  float temperature = 0.0f;
  int top_k = 0;             // the k largest; 0: all
  float top_p = 1.0f;        // the shortest prefix, largest first, whose shares reach p
  float min_p = 0.0f;        // shares of at least min_p times the largest
  float typical_p = 1.0f;    // the shares nearest to the entropy, until they reach p
  float top_n_sigma = 0.0f;  // logits within n standard deviations of the largest; 0: all
  // With this probability, of the tokens whose share is at least the threshold all go but the least
  // likely one (stop tokens stay).
  float xtc_probability = 0.0f, xtc_threshold = 0.1f;
  int mirostat = 0;  // 1 or 2 steer the surprise of each token towards tau bits
  float mirostat_tau = 5.0f, mirostat_eta = 0.1f;

  std::vector<LogitBias> logit_bias;
  float repetition_penalty = 1.0f;  // over the last `repetition_window` tokens, prompt included
  int repetition_window = 64;
  float presence_penalty = 0.0f;   // off each token that the answer has
  float frequency_penalty = 0.0f;  // times how often it has it
  // DRY: a token that would make a repetition of n ≥ dry_allowed_length tokens longer loses
  // multiplier · base^(n - allowed). Looks at the last dry_window tokens, prompt included (0: all);
  // repetitions end at tokens whose text has one of the breakers.
  float dry_multiplier = 0.0f, dry_base = 1.75f;
  int dry_allowed_length = 2, dry_window = 0;
  std::vector<std::string> dry_breakers = {"\n", ":", "\"", "*"};

  uint64_t seed = 0;
};

// What the engine remembers of a text after its answer ends: a later prompt that begins like it is
// computed from where they part. For one text at a time; a model change or a prompt of another kind
// only costs the time.
class TextMemory {
 public:
  TextMemory();
  struct Impl;
  const std::shared_ptr<Impl>& impl() const { return impl_; }

 private:
  std::shared_ptr<Impl> impl_;
};

struct TextRequest {
  std::vector<int32_t> prompt;  // at least one id
  int max_tokens = 512;
  Sampling sampling;
  std::vector<std::string> stop;  // texts that end the answer; not part of it
  std::vector<int32_t> stop_ids;  // tokens that end it, beside the model's own
  bool ignore_stop_ids = false;   // go on behind the model's own
  // Natural logarithms of the probabilities before any step of `sampling`, of each token and of the
  // `logprobs` likeliest; -1: none. At most 100.
  int logprobs = -1;
  // Files that keep what the model remembers of a text. `state_in`: tokens that it shares with the
  // start of the prompt are not computed again; a missing file counts as empty. `state_out` is
  // written when the answer is complete; it may be the same file.
  std::filesystem::path state_in, state_out;
  std::shared_ptr<TextMemory> memory;  // read at the start, written at the end; may be null
  // Called from the engine's thread while a prompt of several steps is read; false cancels.
  std::function<bool(int tokens_read, int tokens)> progress;
};

struct TokenLogprob {
  int32_t id = 0;
  float logprob = 0;
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
    // With TextRequest::logprobs, one entry a token.
    struct Logprobs {
      float logprob = 0;              // of the token
      std::vector<TokenLogprob> top;  // the likeliest, best first
    };
    std::vector<Logprobs> logprobs;
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

// Loads models and runs requests. All computing happens on one thread of the process, which every
// Engine shares; all methods may be called from any thread.
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
