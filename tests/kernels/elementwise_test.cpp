#include <functional>

#include "support.h"
#include "support/expect_error.h"

namespace ominix::kernels {
namespace {

constexpr int kWidths[] = {1, 15, 16, 17, 64, 100, 576, 4099};

// Applies f to each row of (rows, width), in double.
using RowFunction = std::function<void(const std::vector<double>&, std::vector<double>&)>;
std::vector<float> by_row(const array& x, const RowFunction& f) {
  const auto v = values(x);
  const size_t width = x.shape(-1);
  std::vector<float> out;
  for (size_t at = 0; at < v.size(); at += width) {
    std::vector<double> row(v.begin() + at, v.begin() + at + width), y(width);
    f(row, y);
    out.insert(out.end(), y.begin(), y.end());
  }
  return out;
}

double mean_square(const std::vector<double>& row) {
  double sum = 0;
  for (const double v : row) sum += v * v;
  return sum / row.size();
}

TEST(Elementwise, Norms) {
  for_each_isa([] {
    for (const int width : kWidths) {
      const array x = random_array({7, width}, width, 3.0f), w = random_array({width}, 2);
      const array b = random_array({width}, 3), r = random_array({7, width}, 4);
      const auto vw = values(w), vb = values(b);
      const RowFunction rms = [&](const auto& row, auto& y) {
        const double scale = 1 / std::sqrt(mean_square(row) + 1e-5);
        for (int i = 0; i < width; i++) y[i] = row[i] * scale * vw[i];
      };
      EXPECT_LT(relative_error(values(rms_norm(x, w, 1e-5f)), by_row(x, rms)), 1e-6);
      const auto [sum, normed] = add_rms_norm(x, r, w, 1e-5f);
      EXPECT_TRUE(same_bytes(values(sum), values(mx::add(x, r))));
      EXPECT_LT(relative_error(values(normed), by_row(mx::add(x, r), rms)), 1e-6);
      if (width == 1) continue;  // layer norm of one value is noise
      const RowFunction layer = [&](const auto& row, auto& y) {
        double mean = 0, var = 0;
        for (const double v : row) mean += v / width;
        for (const double v : row) var += (v - mean) * (v - mean) / width;
        for (int i = 0; i < width; i++) {
          y[i] = (row[i] - mean) / std::sqrt(var + 1e-5) * vw[i] + vb[i];
        }
      };
      EXPECT_LT(relative_error(values(layer_norm(x, w, b, 1e-5f)), by_row(x, layer)), 3e-6);
    }
  });
}

TEST(Elementwise, LayerNormWithoutParameters) {
  const array x = random_array({3, 20}, 1);
  const auto plain = values(layer_norm(x, {}, {}, 1e-5f));
  EXPECT_TRUE(same_bytes(plain, values(layer_norm(x, mx::ones({20}), mx::zeros({20}), 1e-5f))));
}

TEST(Elementwise, Activations) {
  const auto each = [](double (*f)(double)) {
    return RowFunction([f](const auto& row, auto& y) {
      for (size_t i = 0; i < row.size(); i++) y[i] = f(row[i]);
    });
  };
  const auto silu_of = [](double v) { return v / (1 + std::exp(-v)); };
  const auto gelu_of = [](double v) { return 0.5 * v * (1 + std::erf(v * M_SQRT1_2)); };
  const auto tanh_of = [](double v) {
    return 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
  };
  for_each_isa([&] {
    for (const int width : kWidths) {
      const array x = random_array({3, width}, width, 4.0f), up = random_array({3, width}, 1);
      EXPECT_LT(relative_error(values(silu(x)), by_row(x, each(silu_of))), 1e-6);
      EXPECT_LT(relative_error(values(gelu(x)), by_row(x, each(gelu_of))), 1e-6);
      EXPECT_LT(relative_error(values(gelu_tanh(x)), by_row(x, each(tanh_of))), 1e-6);
      EXPECT_LT(relative_error(values(swiglu(x, up)),
                               values(mx::multiply(mx::multiply(x, mx::sigmoid(x)), up))),
                1e-6);
    }
  });
}

TEST(Elementwise, ActivationsAtTheEdges) {
  const float inf = INFINITY;
  const array x = array({-inf, -1e30f, -200.0f, -88.5f, 0.0f, -0.0f, 88.5f, 200.0f, 1e30f, inf});
  for_each_isa([&] {
    for (const auto& y : {values(silu(x)), values(gelu(x)), values(gelu_tanh(x))}) {
      EXPECT_EQ(y[4], 0.0f);
      for (size_t i = 1; i < 4; i++) EXPECT_NEAR(y[i], 0.0f, 1e-30);
      for (size_t i = 7; i < 9; i++) EXPECT_EQ(y[i], values(x)[i]);
      EXPECT_EQ(y[9], inf);
    }
    EXPECT_TRUE(std::isnan(values(silu(array({NAN})))[0]));
    EXPECT_TRUE(std::isnan(values(gelu(array({NAN})))[0]));
  });
}

TEST(Elementwise, Softmax) {
  for_each_isa([] {
    for (const int width : kWidths) {
      const array x = random_array({5, width}, width, 10.0f);
      const RowFunction f = [](const auto& row, auto& y) {
        double sum = 0;
        const double max = *std::max_element(row.begin(), row.end());
        for (const double v : row) sum += std::exp(v - max);
        for (size_t i = 0; i < row.size(); i++) y[i] = std::exp(row[i] - max) / sum;
      };
      EXPECT_LT(relative_error(values(kernels::softmax(x)), by_row(x, f)), 2e-6);
    }
    const auto masked = values(kernels::softmax(array({-INFINITY, 0.0f, -INFINITY, 0.0f})));
    EXPECT_EQ(masked, (std::vector<float>{0, 0.5f, 0, 0.5f}));
  });
}

TEST(Elementwise, RopeTurnsPairs) {
  for_each_isa([] {
    for (const auto& [dim, n] : {std::pair{8, 4}, {64, 32}, {80, 10}, {13, 3}}) {
      const array x = random_array({5, 3, dim}, 1), angle = random_array({5, n}, 2, 10.0f);
      const auto vx = values(x), va = values(angle);
      for (const RopePairs pairs : {RopePairs::half, RopePairs::interleaved}) {
        std::vector<float> want = vx;
        for (int r = 0; r < 15; r++) {
          for (int i = 0; i < n; i++) {
            const int first = pairs == RopePairs::half ? i : 2 * i;
            const int second = pairs == RopePairs::half ? i + n : 2 * i + 1;
            const double a = vx[r * dim + first], b = vx[r * dim + second];
            const double t = va[r / 3 * n + i];
            want[r * dim + first] = static_cast<float>(a * std::cos(t) - b * std::sin(t));
            want[r * dim + second] = static_cast<float>(b * std::cos(t) + a * std::sin(t));
          }
        }
        EXPECT_LT(relative_error(values(rope(x, mx::cos(angle), mx::sin(angle), pairs)), want),
                  1e-6);
      }
    }
    EXPECT_ERROR(rope(random_array({5, 3, 4}, 1), random_array({5, 3}, 1), random_array({5, 3}, 1),
                      RopePairs::half),
                 ErrorCode::invalid_argument, "2n <= D");
  });
}

TEST(Elementwise, ArgmaxTakesTheFirstLargest) {
  for_each_isa([] {
    for (const int width : kWidths) {
      const array x = mx::round(random_array({6, width}, width, 2.0f));
      const auto v = values(x);
      array y = kernels::argmax(x);
      y.eval();
      EXPECT_EQ(y.dtype(), mx::int32);
      for (int r = 0; r < 6; r++) {
        const auto row = v.begin() + r * width;
        EXPECT_EQ(y.data<int32_t>()[r], std::max_element(row, row + width) - row);
      }
    }
  });
}

TEST(Elementwise, RowsDoNotDependOnTheirNeighbours) {
  for_each_isa([] {
    const array x = random_array({33, 200}, 1, 3.0f), w = random_array({200}, 2);
    const auto all = [&](const array& x) {
      return std::vector{rms_norm(x, w, 1e-5f),
                         layer_norm(x, w, w, 1e-5f),
                         kernels::softmax(x),
                         silu(x),
                         gelu(x),
                         gelu_tanh(x),
                         swiglu(x, x)};
    };
    start({.threads = 1});
    std::vector<std::vector<float>> want;
    for (const array& y : all(x)) want.push_back(values(y));
    for (const int threads : {1, 2}) {
      start({.threads = threads});
      for (int row = 0; row < 33; row += 8) {
        const auto got = all(mx::slice(x, {row, 0}, {row + 1, 200}));
        for (size_t i = 0; i < got.size(); i++) {
          const auto from = want[i].begin() + row * 200;
          EXPECT_TRUE(same_bytes(values(got[i]), {from, from + 200})) << i;
        }
      }
    }
  });
}

}  // namespace
}  // namespace ominix::kernels
