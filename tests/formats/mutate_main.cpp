// ominix-mutate [--count N] [--seed S] [--check PROGRAM | --inspect PROGRAM]
//
// Makes N damaged model files (safetensors, GGUF, index, config; every kind of damage below in
// turn) and checks each in a process of its own: no signal, at most 2 s, at most 64 MiB + 2 x file
// of memory, one line of error where the file is refused. With --check, `PROGRAM check FILE` stands
// for the library; with --inspect, `PROGRAM inspect MODEL`, where MODEL is the damaged file or the
// otherwise good folder that it lies in.
#include <fcntl.h>
#include <ominix/check.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "support/bytes.h"
#include "support/gguf_builder.h"
#include "support/temp_dir.h"

namespace {

using ominix::DType;
using ominix::testing::GgufBuilder;
using Random = std::mt19937_64;

constexpr std::array<uint64_t, 14> kNumbers = {0,
                                               1,
                                               2,
                                               255,
                                               (1ull << 31) - 1,
                                               1ull << 31,
                                               (1ull << 32) - 1,
                                               1ull << 32,
                                               1ull << 61,
                                               1ull << 62,
                                               1ull << 63,
                                               ~0ull,
                                               ~0ull - 31,
                                               100'000'001};
constexpr std::array kWords = {"-1",
                               "0",
                               "1e308",
                               "null",
                               "{}",
                               "[]",
                               "[[[[",
                               "true",
                               "\"\"",
                               "0.5",
                               "\"a\":",
                               "../",
                               "\\u0000",
                               "\\ud800",
                               "9223372036854775808",
                               "18446744073709551616"};

// A good file, and what lies beside it in its model's folder.
struct Sample {
  std::string name;  // decides how the file is read
  std::string bytes;
  std::vector<std::pair<std::string, std::string>> beside = {};

  bool is_folder() const { return !name.ends_with(".gguf"); }
};

constexpr const char* kConfig = R"({"model_type":"llama","hidden_size":64,"num_attention_heads":8,
    "num_key_value_heads":4,"num_hidden_layers":5,"vocab_size":512,"intermediate_size":172,
    "rms_norm_eps":1e-05,"rope_theta":10000.0,"rope_scaling":{"factor":2.0,"type":"linear"},
    "max_position_embeddings":128,"tie_word_embeddings":true})";
constexpr const char* kShard = "model-00001-of-00001.safetensors";

std::vector<Sample> samples() {
  std::vector<Sample> out;
  std::string json = R"({"__metadata__":{"format":"pt"})", data;
  for (int i = 0; i < 40; ++i) {
    json += R"(,"model.layers.)" + std::to_string(i) + R"(.weight":{"dtype":"F32","shape":[4,8],)" +
            R"("data_offsets":[)" + std::to_string(data.size()) + ',' +
            std::to_string(data.size() + 128) + "]}";
    data.append(128, 'x');
  }
  const std::string weights = ominix::testing::safetensors_bytes(json + "}", data);
  out.push_back({"model.safetensors", weights, {{"config.json", kConfig}}});

  GgufBuilder gguf;
  std::vector<std::string> pieces = {"<unk>"};
  for (int i = 0; i < 256; ++i) {
    std::array<char, 8> name{};
    std::snprintf(name.data(), name.size(), "<0x%02X>", i);
    pieces.emplace_back(name.data());
  }
  std::vector<int32_t> types(pieces.size(), 6);
  types[0] = 2;
  for (int i = 0; i < 50; ++i) pieces.push_back("piece" + std::to_string(i));
  types.resize(pieces.size(), 1);
  gguf.key("general.architecture", "llama")
      .key("general.alignment", 32u)
      .key("llama.block_count", 2u)
      .key("llama.context_length", 128u)
      .key("llama.embedding_length", 64u)
      .key("llama.feed_forward_length", 96u)
      .key("llama.attention.head_count", 4u)
      .key("llama.attention.head_count_kv", 2u)
      .key("llama.attention.layer_norm_rms_epsilon", 1e-5f)
      .key("llama.rope.freq_base", 10000.0f)
      .key("tokenizer.ggml.model", "llama")
      .array("tokenizer.ggml.tokens", pieces)
      .array("tokenizer.ggml.scores", std::vector<float>(pieces.size(), -1.0f))
      .array("tokenizer.ggml.token_type", types)
      .array("tokenizer.ggml.merges", std::vector<std::string>{"p i", "e c"})
      .key("tokenizer.ggml.bos_token_id", 3u)
      .tensor("token_embd.weight", DType::f32, {4, 8}, std::string(4 * 8 * 4, 'x'))
      .tensor("b", DType::q4_k, {2, 256}, std::string(288, 'x'))
      .tensor("c", DType::q8_0, {2, 32}, std::string(68, 'x'));
  out.push_back({"model.gguf", gguf.build()});

  std::string map;
  for (int i = 0; i < 40; ++i) {
    if (i > 0) map += ',';
    map.append("\"model.layers.").append(std::to_string(i)).append(".weight\":\"");
    map.append(kShard).append("\"");
  }
  out.push_back({"model.safetensors.index.json",
                 R"({"metadata":{"total_size":1},"weight_map":{)" + map + "}}",
                 {{"config.json", kConfig}, {kShard, weights}}});
  out.push_back({"config.json", kConfig, {{"model.safetensors", weights}}});
  return out;
}

size_t below(Random& random, size_t n) { return n == 0 ? 0 : random() % n; }

template <class T>
void put(std::string& s, size_t at, T value) {
  if (at + sizeof value <= s.size()) std::memcpy(s.data() + at, &value, sizeof value);
}

// Kinds of damage; most aim at numbers and structure, since noise in the data changes nothing.
const std::vector<std::function<void(std::string&, Random&)>> kDamage = {
    [](auto& s, auto& r) { s.resize(below(r, s.size())); },
    [](auto& s, auto& r) { s.resize(s.size() - 1 - below(r, std::min<size_t>(64, s.size() - 1))); },
    [](auto& s, auto& r) { s.append(1 + below(r, 5000), '\0'); },
    [](auto& s, auto& r) { s[below(r, s.size())] ^= static_cast<char>(1 << below(r, 8)); },
    [](auto& s, auto& r) {
      for (int i = 0; i < 16; ++i) s[below(r, s.size())] = static_cast<char>(r());
    },
    [](auto& s, auto& r) { put(s, below(r, s.size()), kNumbers[below(r, kNumbers.size())]); },
    [](auto& s, auto& r) {
      put(s, below(r, s.size()), static_cast<uint32_t>(kNumbers[below(r, kNumbers.size())]));
    },
    [](auto& s, auto& r) { put(s, below(r, 32) & ~7u, kNumbers[below(r, kNumbers.size())]); },
    [](auto& s, auto& r) { s.erase(below(r, s.size()), 1 + below(r, 32)); },
    [](auto& s, auto& r) { s.insert(below(r, s.size()), kWords[below(r, kWords.size())]); },
    [](auto& s, auto& r) {
      const std::string_view word = kWords[below(r, kWords.size())];
      const size_t at = below(r, s.size());
      s.replace(at, std::min(word.size(), s.size() - at), word);
    },
    [](auto& s, auto& r) {  // a piece of the file once more, somewhere else
      const std::string piece = s.substr(below(r, s.size()), 1 + below(r, 200));
      s.insert(below(r, s.size()), piece);
    },
    [](auto& s, auto& r) { s.insert(below(r, s.size()), std::string(1 + below(r, 100'000), '[')); },
    [](auto& s, auto& r) {  // every digit of a number
      const size_t at = s.find_first_of("0123456789", below(r, s.size()));
      if (at != s.npos) s.replace(at, 1, kWords[below(r, kWords.size())]);
    },
    [](auto& s, auto& r) {
      for (size_t at = below(r, s.size()), n = 0; n < 64 && at < s.size(); ++at, ++n)
        s[at] = '\xff';
    },
};

struct Outcome {
  int status = 0;
  double seconds = 0;
  uint64_t memory = 0;
  std::string text;
};

struct Command {
  const char *program = nullptr, *name = nullptr;
};

Outcome check(const std::string& file, const Command& command) {
  int pipe_ends[2];
  if (::pipe2(pipe_ends, O_CLOEXEC) != 0) return {.status = -1};
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(10);
    if (command.program) {  // what it says of a good file is not looked at
      ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), 1);
    } else {
      ::dup2(pipe_ends[1], 1);
    }
    ::dup2(pipe_ends[1], 2);
    if (command.program) {
      ::execl(command.program, command.program, command.name, file.c_str(), nullptr);
      ::_exit(127);
    }
    const auto report = ominix::check_file(file);
    if (!report.ok) ::dprintf(1, "%s\n", report.error.c_str());
    ::_exit(report.ok ? 0 : 1);
  }
  ::close(pipe_ends[1]);
  Outcome out;
  std::array<char, 4096> piece;
  for (ssize_t n; (n = ::read(pipe_ends[0], piece.data(), piece.size())) > 0;) {
    out.text.append(piece.data(), static_cast<size_t>(n));
  }
  ::close(pipe_ends[0]);
  struct rusage usage{};
  ::wait4(child, &out.status, 0, &usage);
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  out.memory = static_cast<uint64_t>(usage.ru_maxrss) * 1024;
  return out;
}

// What is wrong with an outcome, or nothing.
std::string complaint(const Outcome& o, uint64_t size) {
  if (WIFSIGNALED(o.status)) return "signal " + std::to_string(WTERMSIG(o.status));
  const int status = WEXITSTATUS(o.status);
  if (!WIFEXITED(o.status) || status > 1) return "exit status " + std::to_string(status);
  if (o.seconds > 2) return "took " + std::to_string(o.seconds) + " s";
  if (o.memory > (64u << 20) + 2 * size) return "took " + std::to_string(o.memory) + " bytes";
  const size_t first = o.text.find('\n');
  if (status == 1 && (first == o.text.npos || first + 1 != o.text.size() || first == 0)) {
    return "not one line: " + o.text.substr(0, 200);
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t count = 1000, seed = 1;
  Command command;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view option = argv[i];
    if (option == "--count") count = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--seed") seed = std::strtoull(argv[i + 1], nullptr, 10);
    if (option == "--check") command = {argv[i + 1], "check"};
    if (option == "--inspect") command = {argv[i + 1], "inspect"};
  }
  const bool inspects = command.name && std::string_view(command.name) == "inspect";
  const ominix::testing::TempDir dir;
  const auto originals = samples();
  for (size_t n = 0; n < originals.size(); ++n) {  // a folder each
    std::filesystem::create_directory(dir / std::to_string(n));
    for (const auto& [name, bytes] : originals[n].beside) {
      dir.write(std::to_string(n) + '/' + name, bytes);
    }
    const auto path = dir.write(std::to_string(n) + '/' + originals[n].name, originals[n].bytes);
    const bool folder = inspects && originals[n].is_folder();
    const Outcome good = check((folder ? path.parent_path() : path).string(), command);
    if (good.status != 0) {
      std::printf("the good %s is refused: %s", originals[n].name.c_str(), good.text.c_str());
      return 1;
    }
  }
  uint64_t refused = 0, failed = 0, most_memory = 0;
  double longest = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const Sample& sample = originals[i % originals.size()];
    Random random(seed * 1'000'003 + i);
    std::string bytes = sample.bytes;
    kDamage[i / originals.size() % kDamage.size()](bytes, random);
    // Two kinds of damage in every third file.
    if (i % 3 == 0 && !bytes.empty()) kDamage[below(random, kDamage.size())](bytes, random);
    const auto path = dir.write(std::to_string(i % originals.size()) + '/' + sample.name, bytes);
    const bool folder = inspects && sample.is_folder();
    const Outcome outcome = check((folder ? path.parent_path() : path).string(), command);
    longest = std::max(longest, outcome.seconds);
    most_memory = std::max(most_memory, outcome.memory);
    refused += WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 1;
    if (const auto what = complaint(outcome, bytes.size()); !what.empty()) {
      std::printf("file %llu (%s): %s\n", static_cast<unsigned long long>(i), sample.name.c_str(),
                  what.c_str());
      ++failed;
    }
  }
  std::printf("%llu files, %llu refused, %llu failures; longest %.3f s, most memory %.1f MiB\n",
              static_cast<unsigned long long>(count), static_cast<unsigned long long>(refused),
              static_cast<unsigned long long>(failed), longest,
              static_cast<double>(most_memory) / (1 << 20));
  return failed == 0 && refused > count / 4 ? 0 : 1;
}
