// What a decode step costs beside arithmetic: a model of many layers that are next to nothing wide,
// from the step's begin to the chosen token.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "formats/gguf.h"
#include "kernels/device.h"
#include "kernels/parallel.h"
#include "models/family.h"
#include "runtime/text_batch.h"
#include "weights/scope.h"

namespace {

using namespace ominix;

struct Shape {
  int layers = 30, width = 64, rows = 1;
};

std::unique_ptr<models::TextModel> make_model(const Shape& shape) {
  const Json config = {{"model_type", "llama"},
                       {"vocab_size", 256},
                       {"hidden_size", shape.width},
                       {"intermediate_size", 2 * shape.width},
                       {"num_hidden_layers", shape.layers},
                       {"num_attention_heads", shape.width / 16},
                       {"num_key_value_heads", 1},
                       {"tie_word_embeddings", true}};
  weights::Loader loader(weights::make_synthetic_source({.quantization = weights::Quantization{}}));
  models::ConfigReader reader(config, "config");
  return models::family_for(config).load_text(reader, weights::Scope(loader));
}

int run(const Shape& shape) {
  using Clock = std::chrono::steady_clock;
  constexpr int kWarmup = 50, kSteps = 400;
  kernels::start();
  const auto model = make_model(shape);
  const std::vector<kernels::KvSpec> specs = model->state_spec();
  runtime::TextBatch batch(*model, 512);
  for (int i = 0; i < shape.rows; i++) {
    auto sequence =
        std::make_unique<runtime::Sequence>(specs, std::vector<int32_t>{i + 1}, Sampling{});
    sequence->on_token = [](const sampling::Choice&) { return true; };
    sequence->on_error = [](const std::exception_ptr& error) { std::rethrow_exception(error); };
    batch.add(std::move(sequence));
  }
  for (int i = 0; i < kWarmup; i++) batch.step();
  std::vector<double> times;
  for (int i = 0; i < kSteps; i++) {
    const auto begin = Clock::now();
    batch.step();
    times.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  std::ranges::sort(times);
  fmt::print(
      "{} layers, width {}, {} rows, {} threads: {:.3f} ms a step (median of {}; best {:.3f})\n",
      shape.layers, shape.width, shape.rows, kernels::threads(), times[kSteps / 2] * 1e3, kSteps,
      times[0] * 1e3);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Shape shape;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name(argv[i]);
    int* value = name == "--layers"  ? &shape.layers
                 : name == "--width" ? &shape.width
                 : name == "--rows"  ? &shape.rows
                                     : nullptr;
    const std::string_view text(i + 1 < argc ? argv[i + 1] : "");
    if (!value || std::from_chars(text.begin(), text.end(), *value).ec != std::errc{} ||
        *value < 1 || shape.width % 64 != 0) {
      fmt::print(stderr, "usage: ominix-bench-step [--layers 30] [--width 64] [--rows 1]\n");
      return 2;
    }
  }
  try {
    return run(shape);
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
}
