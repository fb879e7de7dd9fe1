#include "kernels/gpu/gpu.h"

#include "base/error.h"
#include "kernels/kv.h"
#include "sources.h"
#include "support.h"
#include "support/expect_error.h"

// The path that GPUs take, evaluated by MLX on the CPU and held against the kernels there.
namespace ominix::kernels {
namespace {

class GpuPath {
 public:
  GpuPath() { gpu::use(true); }
  GpuPath(const GpuPath&) = delete;
  GpuPath& operator=(const GpuPath&) = delete;
  ~GpuPath() { gpu::use(before_); }

 private:
  bool before_ = gpu::in_use();
};

// What `make` computes on both paths, as {GPU's, CPU's}.
template <class F>
std::pair<std::vector<float>, std::vector<float>> both(F make) {
  const std::vector<float> cpu = values(make());
  const GpuPath path;
  return {values(make()), cpu};
}

TEST(Gpu, ExactProductsOfEveryEncoding) {
  const ArithmeticScope exact(Arithmetic::exact);
  for (const Encoding& e : all_encodings()) {
    const RandomMatrix w(e, 21, columns(e, 96), 1);
    const array x = random_array({5, static_cast<int>(w.source().cols)}, 2);
    const array bias = random_array({21}, 3);
    const auto [gpu, cpu] = both([&] { return linear(x, Matrix::pack(w.source()), bias); });
    EXPECT_LT(relative_error(gpu, cpu), 1e-5) << name(e);
  }
}

TEST(Gpu, FastProductsOfEveryEncoding) {
  for (const Encoding& e : all_encodings()) {
    const RandomMatrix w(e, 64, columns(e, 256), 1);
    const array x = random_array({3, static_cast<int>(w.source().cols)}, 2);
    std::vector<float> want;
    {
      const ArithmeticScope exact(Arithmetic::exact);
      want = values(linear(x, Matrix::pack(w.source())));
    }
    const GpuPath path;
    const Matrix packed = Matrix::pack(w.source());
    // bfloat16 has 8 bits, and sums of products nearly cancel at times.
    const bool coarse = e.type == DType::bf16 || e.mode != Encoding::Mode::block;
    EXPECT_LT(relative_error(values(linear(x, packed)), want), coarse ? 8e-2 : 1e-2) << name(e);
    EXPECT_LT(relative_error(values(packed.dequantize()), w.values()), 2e-3) << name(e);
  }
}

TEST(Gpu, WholeNumbersStayPacked) {
  for (const auto& [type, bits] : {std::pair{DType::q4_0, 4}, {DType::q5_1, 5}, {DType::q8_0, 8}}) {
    const RandomMatrix w({Encoding::Mode::block, type}, 40, 128, 4);
    const GpuPath path;
    const Matrix packed = Matrix::pack(w.source());
    EXPECT_EQ(packed.bytes(), 40u * 128 * bits / 8 + 40u * 128 / 32 * 4) << bits;
    // Scales come in float16 and stay so: the values are those of the file.
    EXPECT_LT(relative_error(values(packed.dequantize()), w.values()), 1e-3) << bits;
  }
}

TEST(Gpu, RowsOfEmbeddings) {
  for (const Encoding& e : all_encodings()) {
    const RandomMatrix w(e, 50, columns(e, 64), 5);
    const array ids({7, 0, 49, 7}, mx::int32);
    const auto [gpu, cpu] = both([&] { return embedding(ids, Matrix::pack(w.source())); });
    EXPECT_LT(relative_error(gpu, cpu), 2e-3) << name(e);
  }
}

TEST(Gpu, Elementwise) {
  const array x = random_array({7, 48}, 1, 3.0f), y = random_array({7, 48}, 2);
  const array w = random_array({48}, 3), b = random_array({48}, 4);
  const std::pair<const char*, std::function<array()>> all[] = {
      {"rms_norm", [&] { return rms_norm(x, w, 1e-5f); }},
      {"layer_norm", [&] { return layer_norm(x, w, b, 1e-5f); }},
      {"plain layer_norm", [&] { return layer_norm(x, {}, {}, 1e-5f); }},
      {"sum", [&] { return add_rms_norm(x, y, w, 1e-5f).first; }},
      {"norm of the sum", [&] { return add_rms_norm(x, y, w, 1e-5f).second; }},
      {"softmax", [&] { return kernels::softmax(x); }},
      {"silu", [&] { return silu(x); }},
      {"gelu", [&] { return gelu(x); }},
      {"gelu_tanh", [&] { return gelu_tanh(x); }},
      {"swiglu", [&] { return swiglu(x, y); }},
      {"argmax", [&] { return kernels::argmax(x); }},
  };
  for (const auto& [name, make] : all) {
    const auto [gpu, cpu] = both(make);
    EXPECT_LT(relative_error(gpu, cpu), 1e-5) << name;
  }
}

TEST(Gpu, Rope) {
  const array x = random_array({5, 3, 20}, 1);
  const array cos = random_array({5, 8}, 2), sin = random_array({5, 8}, 3);
  for (const RopePairs pairs : {RopePairs::half, RopePairs::interleaved}) {
    const auto [gpu, cpu] = both([&] { return rope(x, cos, sin, pairs); });
    EXPECT_LT(relative_error(gpu, cpu), 1e-6);
  }
}

array tokens(const array& x, int from, int to) {
  return mx::slice(x, {from, 0, 0}, {to, x.shape(1), x.shape(2)});
}

// Two sequences side by side, the first read in pieces, past a block's end.
array attend_in_pieces(int window, float soft_cap) {
  constexpr int kLength = 300;
  const array q = random_array({kLength, 4, 16}, 1, 2.0f), k = random_array({kLength, 2, 16}, 2);
  const array v = random_array({kLength, 2, 24}, 3);
  KvState a({2, 16, 24, window}), b({2, 16, 24, window});
  std::vector<array> out;
  const std::pair<int, int> steps[] = {{0, 7}, {7, 255}, {255, 256}, {256, 299}, {299, 300}};
  for (const auto& [from, to] : steps) {
    const AttendRow rows[] = {{&a, to - from}, {&b, 2}};
    const auto joined = [&](const array& x) {
      return mx::concatenate({tokens(x, from, to), tokens(x, 0, 2)}, 0);
    };
    out.push_back(attend(joined(q), joined(k), joined(v), rows,
                         {.scale = 0.25f, .window = window, .soft_cap = soft_cap}));
    out.back().eval();
  }
  return mx::concatenate(out, 0);
}

TEST(Gpu, AttentionOfGrowingStates) {
  const ArithmeticScope exact(Arithmetic::exact);
  for (const auto& [window, cap] :
       {std::pair{0, 0.0f}, {5, 0.0f}, {260, 0.0f}, {0, 3.0f}, {9, 3.0f}}) {
    const auto [gpu, cpu] = both([&] { return attend_in_pieces(window, cap); });
    EXPECT_LT(relative_error(gpu, cpu), 1e-5) << window << " " << cap;
  }
}

TEST(Gpu, AttentionOfEncoders) {
  const ArithmeticScope exact(Arithmetic::exact);
  const array q = random_array({9, 4, 16}, 1), k = random_array({9, 2, 16}, 2);
  const int lengths[] = {4, 5};
  const auto [gpu, cpu] = both([&] { return attend_all(q, k, k, lengths, 0.3f); });
  EXPECT_LT(relative_error(gpu, cpu), 1e-5);
}

TEST(Gpu, StatesShareAndForget) {
  const ArithmeticScope exact(Arithmetic::exact);
  const auto [gpu, cpu] = both([] {
    const array q = random_array({8, 2, 16}, 1), k = random_array({8, 2, 16}, 2);
    KvState a({2, 16, 16});
    const auto step = [&](KvState& state, int from, int to) {
      const AttendRow rows[] = {{&state, to - from}};
      array y =
          attend(tokens(q, from, to), tokens(k, from, to), tokens(k, from, to), rows, {0.25f});
      y.eval();
      return y;
    };
    step(a, 0, 4);
    KvState b = a;
    step(b, 4, 8);
    b.truncate(2);
    return mx::concatenate({step(a, 6, 8), step(b, 4, 6)}, 0);
  });
  EXPECT_LT(relative_error(gpu, cpu), 1e-5);
}

TEST(Gpu, WindowsDropWhatTheyPassed) {
  const GpuPath path;
  KvState state({1, 16, 16, 8});
  const array x = random_array({256, 1, 16}, 1);
  for (int i = 0; i < 6; i++) {
    const AttendRow rows[] = {{&state, 256}};
    attend(x, x, x, rows, {.scale = 1.0f, .window = 8}).eval();
  }
  EXPECT_EQ(state.length(), 6 * 256);
  EXPECT_LE(state.bytes(), 2u * 512 * 16 * 2);
  EXPECT_ERROR(state.truncate(100), ErrorCode::invalid_argument, "dropped");
  state.truncate(6 * 256 - 1);
}

}  // namespace
}  // namespace ominix::kernels
