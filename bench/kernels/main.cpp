// Speed of the kernels beside what the machine can do, measured in the same run.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "kernels/device.h"
#include "kernels/kernels.h"
#include "kernels/parallel.h"
#include "mlx/mlx.h"

namespace {

namespace mx = mlx::core;
namespace k = ominix::kernels;
using k::array;
using ominix::DType;

struct Rooflines {
  double read, f32, int8;  // GB/s, GFLOP/s, GOP/s
};

struct Row {
  std::string op, shape, dtype;
  double bytes, operations, peak;  // peak of the instruction used, in 1e9 a second
  double seconds = 0;
};

double median_seconds(const std::function<array()>& build) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> runs;
  double total = 0;
  for (int i = 0; i < 3; i++) build().eval();
  while ((runs.size() < 7 || total < 0.3) && runs.size() < 2000) {
    array y = build();
    const auto begin = Clock::now();
    y.eval();
    runs.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
    total += runs.back();
  }
  std::nth_element(runs.begin(), runs.begin() + runs.size() / 2, runs.end());
  return runs[runs.size() / 2];
}

k::Matrix random_matrix(k::Encoding encoding, int64_t rows, int64_t cols) {
  k::MatrixSource source{.encoding = encoding, .rows = rows, .cols = cols};
  source.read = [&](int plane, int64_t first, int64_t count, std::byte* out) {
    std::minstd_rand generator(static_cast<unsigned>(first * 3 + plane + 1));
    const uint64_t bytes = source.row_bytes(plane) * count;
    for (uint64_t i = 0; i < bytes; i++) out[i] = static_cast<std::byte>(generator() >> 8 & 0x2f);
  };
  return k::Matrix::pack(source);
}

bool matches(std::string_view glob, std::string_view text) {
  if (glob.empty()) return text.empty();
  if (glob[0] == '*') {
    for (size_t i = 0; i <= text.size(); i++) {
      if (matches(glob.substr(1), text.substr(i))) return true;
    }
    return false;
  }
  return !text.empty() && (glob[0] == '?' || glob[0] == text[0]) &&
         matches(glob.substr(1), text.substr(1));
}

class Bench {
 public:
  Bench(std::string filter, bool json) : filter_(std::move(filter)), json_(json) {
    roof_ = {k::measure_bandwidth(), k::measure_f32_peak(), 0};
    roof_.int8 = 4 * roof_.f32;  // one instruction does four times the operations
    if (json_) {
      fmt::print("{}\n", nlohmann::json{{"read_gbps", roof_.read},
                                        {"f32_gflops", roof_.f32},
                                        {"int8_gops", roof_.int8},
                                        {"isa", k::to_string(k::isa())},
                                        {"threads", k::threads()}}
                             .dump());
    } else {
      fmt::print("read {:.1f} GB/s, float32 {:.0f} GFLOP/s, int8 {:.0f} GOP/s, {} threads, {}\n",
                 roof_.read, roof_.f32, roof_.int8, k::threads(), k::to_string(k::isa()));
    }
  }

  const Rooflines& roof() const { return roof_; }

  void run(Row row, const std::function<array()>& build) {
    if (!matches(filter_, row.op)) return;
    row.seconds = median_seconds(build);
    const double memory = row.bytes / roof_.read * 1e-9;
    const double compute = row.operations > 0 ? row.operations / row.peak * 1e-9 : 0;
    const bool bound_by_memory = memory >= compute;
    const double achieved = (bound_by_memory ? row.bytes : row.operations) / row.seconds * 1e-9;
    const double roofline = bound_by_memory ? roof_.read : row.peak;
    const char* unit = bound_by_memory ? "GB/s" : "GFLOP/s";
    if (json_) {
      fmt::print("{}\n", nlohmann::json{{"op", row.op},
                                        {"shape", row.shape},
                                        {"dtype", row.dtype},
                                        {"threads", k::threads()},
                                        {"seconds", row.seconds},
                                        {"achieved", achieved},
                                        {"unit", unit},
                                        {"roofline", roofline},
                                        {"share", achieved / roofline}}
                             .dump());
    } else {
      fmt::print("{:18} {:18} {:12} {:10.1f} us {:8.1f} {:8} {:5.1f} %\n", row.op, row.shape,
                 row.dtype, row.seconds * 1e6, achieved, unit, 100 * achieved / roofline);
    }
  }

 private:
  std::string filter_;
  bool json_;
  Rooflines roof_{};
};

void products(Bench& bench) {
  using Mode = k::Encoding::Mode;
  struct Case {
    const char* name;
    k::Encoding encoding;
  };
  for (const Case& c : {Case{"q4_0", {Mode::block, DType::q4_0}},
                        {"q4_k", {Mode::block, DType::q4_k}},
                        {"q6_k", {Mode::block, DType::q6_k}},
                        {"q8_0", {Mode::block, DType::q8_0}},
                        {"affine4_g64", {Mode::affine, DType::bf16, 4, 64}},
                        {"bf16", {Mode::block, DType::bf16}}}) {
    constexpr int n = 4096, cols = 4096;
    // Several in turn, so that weights come from memory and not from the cache.
    std::vector<k::Matrix> turns;
    turns.reserve(8);
    for (int i = 0; i < 8; i++) turns.push_back(random_matrix(c.encoding, n, cols));
    const k::Matrix& w = turns[0];
    size_t turn = 0;
    const bool dense = c.encoding.mode == Mode::block && c.encoding.type == DType::bf16;
    for (const auto arithmetic : {k::Arithmetic::fast, k::Arithmetic::exact}) {
      if (dense && arithmetic == k::Arithmetic::fast) continue;
      const k::ArithmeticScope scope(arithmetic);
      const bool fast = arithmetic == k::Arithmetic::fast;
      for (const int m : {1, 8, 512}) {
        const array x = mx::random::normal({m, cols}, mx::float32, mx::random::key(1));
        mx::eval(x);
        bench.run({fast ? "linear" : "linear_exact", fmt::format("{}x{}x{}", m, n, cols), c.name,
                   static_cast<double>(w.bytes()) + 4.0 * m * (n + cols), 2.0 * m * n * cols,
                   fast ? bench.roof().int8 : bench.roof().f32},
                  [&] { return k::linear(x, turns[turn++ % turns.size()]); });
      }
    }
  }
}

void attention(Bench& bench) {
  constexpr int heads = 32, kv_heads = 8, dim = 128;
  const auto random = [](const mx::Shape& shape) {
    array a = mx::random::normal(shape, mx::float32, mx::random::key(1));
    a.eval();
    return a;
  };
  const k::AttendOptions options{0.088f};
  for (const int length : {512, 4096}) {
    k::KvState state({kv_heads, dim, dim});
    const array q = random({length, heads, dim}), kv = random({length, kv_heads, dim});
    const k::AttendRow all{&state, length}, one{&state, 1};
    if (length == 512) {
      bench.run({"attend_prefill", fmt::format("{}", length), "f32",
                 4.0 * length * dim * (2 * heads + 2 * kv_heads),
                 2.0 * length * length * dim * heads, bench.roof().f32},
                [&] {
                  state.truncate(0);
                  return k::attend(q, kv, kv, {&all, 1}, options);
                });
    }
    state.truncate(0);
    k::attend(q, kv, kv, {&all, 1}, options).eval();
    state.truncate(length - 1);
    const array q1 = random({1, heads, dim}), kv1 = random({1, kv_heads, dim});
    bench.run({"attend_decode", fmt::format("{}", length), "f32", 8.0 * length * dim * kv_heads,
               4.0 * length * dim * heads, bench.roof().f32},
              [&] {
                state.truncate(length - 1);
                return k::attend(q1, kv1, kv1, {&one, 1}, options);
              });
  }
}

void rows(Bench& bench) {
  constexpr int m = 512, n = 4096;
  const array x = mx::random::normal({m, n}, mx::float32, mx::random::key(1));
  const array w = mx::ones({n});
  const array heads = mx::reshape(x, {m, 32, 128}), turn = mx::ones({m, 64});
  mx::eval(x, w, heads, turn);
  const double pass = 4.0 * m * n;
  const auto row = [&](const char* op, double passes, const std::function<array()>& f) {
    bench.run({op, fmt::format("{}x{}", m, n), "f32", passes * pass, 0, 1}, f);
  };
  row("rms_norm", 2, [&] { return k::rms_norm(x, w, 1e-5f); });
  row("layer_norm", 2, [&] { return k::layer_norm(x, w, w, 1e-5f); });
  row("softmax", 2, [&] { return k::softmax(x); });
  row("silu", 2, [&] { return k::silu(x); });
  row("gelu", 2, [&] { return k::gelu(x); });
  row("gelu_tanh", 2, [&] { return k::gelu_tanh(x); });
  row("swiglu", 3, [&] { return k::swiglu(x, x); });
  row("rope", 2, [&] { return k::rope(heads, turn, turn, k::RopePairs::half); });
  row("argmax", 1, [&] { return k::argmax(x); });
}

}  // namespace

int main(int argc, char** argv) {
  std::string filter = "*";
  bool json = false;
  for (int i = 1; i < argc; i++) {
    const std::string_view arg(argv[i]);
    if (arg == "--json") {
      json = true;
    } else if (arg == "--filter" && i + 1 < argc) {
      filter = argv[++i];
    } else {
      fmt::print(stderr, "usage: ominix-bench-kernels [--filter GLOB] [--json]\n");
      return 2;
    }
  }
  try {
    k::start();
    Bench bench(filter, json);
    products(bench);
    attention(bench);
    rows(bench);
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
  return 0;
}
