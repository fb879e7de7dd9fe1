#include "kernels/eval.h"
#include "sources.h"
#include "support/expect_error.h"

namespace ominix::kernels {
namespace {

std::vector<float> product(const std::vector<float>& x, const std::vector<float>& w, int64_t m,
                           int64_t n, int64_t k) {
  std::vector<float> y(m * n);
  for (int64_t i = 0; i < m; i++) {
    for (int64_t j = 0; j < n; j++) {
      double sum = 0;
      for (int64_t l = 0; l < k; l++) sum += static_cast<double>(x[i * k + l]) * w[j * k + l];
      y[i * n + j] = static_cast<float>(sum);
    }
  }
  return y;
}

constexpr double kExact = 3e-6;

// Every activation is rounded to half a step of 1/127 of the largest of its 32: no output may be
// further off than that allows. 1.0 is the bound.
double share_of_bound(const std::vector<float>& got, const std::vector<float>& want,
                      const std::vector<float>& x, const std::vector<float>& w, int64_t m,
                      int64_t n, int64_t k) {
  double worst = 0;
  for (int64_t i = 0; i < m; i++) {
    for (int64_t j = 0; j < n; j++) {
      double bound = 1e-6;
      for (int64_t b = 0; b < k; b += 32) {
        double top = 0, weights = 0;
        for (int64_t l = b; l < std::min(k, b + 32); l++) {
          top = std::max(top, std::abs(static_cast<double>(x[i * k + l])));
          weights += std::abs(w[j * k + l]);
        }
        bound += 1.001 * top / 254 * weights;
      }
      worst =
          std::max(worst, std::abs(static_cast<double>(got[i * n + j]) - want[i * n + j]) / bound);
    }
  }
  return worst;
}

TEST(Linear, MatchesTheDefinition) {
  for_each_isa([] {
    for (const Encoding& e : all_encodings()) {
      SCOPED_TRACE(name(e));
      for (const auto& [m, rows, cols] :
           {std::tuple<int, int64_t, int64_t>{1, 1, 32}, {3, 37, 300}, {33, 50, 512}}) {
        const int64_t k = columns(e, cols);
        const RandomMatrix w(e, rows, k, rows);
        const Matrix matrix = Matrix::pack(w.source());
        const array x = random_array({m, static_cast<int>(k)}, 7);
        const auto want = product(values(x), w.values(), m, rows, k);
        {
          ArithmeticScope exact(Arithmetic::exact);
          EXPECT_LT(relative_error(values(linear(x, matrix)), want), kExact);
        }
        EXPECT_LT(
            share_of_bound(values(linear(x, matrix)), want, values(x), w.values(), m, rows, k),
            1.0);
      }
    }
  });
}

TEST(Linear, DenseOddShapes) {
  for_each_isa([] {
    for (const auto& [m, rows, cols] :
         {std::tuple{1, 1, 1}, {2, 15, 3}, {5, 17, 31}, {19, 33, 129}, {64, 100, 77}}) {
      const array w = random_array({rows, cols}, 1), x = random_array({m, cols}, 2);
      const array b = random_array({rows}, 3);
      auto want = product(values(x), values(w), m, rows, cols);
      const auto bias = values(b);
      for (size_t i = 0; i < want.size(); i++) want[i] += bias[i % rows];
      EXPECT_LT(relative_error(values(linear(x, Matrix::dense(w), b)), want), kExact);
    }
  });
}

// The contract that batching, chunked prefill and prefix reuse stand on.
TEST(Linear, RowsDoNotDependOnTheirNeighbours) {
  for_each_isa([] {
    for (const Encoding& e : all_encodings()) {
      SCOPED_TRACE(name(e));
      const int k = static_cast<int>(columns(e, 288)), rows = 75;
      const RandomMatrix w(e, rows, k, 3);
      const Matrix matrix = Matrix::pack(w.source());
      for (const Arithmetic arithmetic : {Arithmetic::fast, Arithmetic::exact}) {
        ArithmeticScope scope(arithmetic);
        const array x = random_array({41, k}, 9);
        start({.threads = 1});
        const auto all = values(linear(x, matrix));
        start({.threads = 2});
        for (const int m : {1, 2, 3, 8, 16, 17, 41}) {
          const int first = 41 - m;
          const auto part = values(linear(mx::slice(x, {first, 0}, {41, k}), matrix));
          EXPECT_TRUE(same_bytes(part, {all.begin() + first * rows, all.end()})) << m << " rows";
        }
      }
    }
  });
}

TEST(Linear, SharesOutItsColumns) {
  const int k = 64, rows = 75;
  const RandomMatrix w({Encoding::Mode::block, DType::q4_1}, rows, k, 3);
  const Matrix matrix = Matrix::pack(w.source());
  const array x = random_array({3, k}, 9), bias = random_array({rows}, 2);
  const array whole = linear(x, matrix, bias);
  const std::vector<int> widths = {32, 1, 0, 20, 22};
  int at = 0;
  for (const array& part : linear_parts(x, matrix, bias, widths)) {
    const int width = part.shape(1);
    EXPECT_TRUE(same_bytes(values(part), values(mx::slice(whole, {0, at}, {3, at + width}))));
    at += width;
  }
  EXPECT_EQ(at, rows);
  for (const std::vector<int>& wrong :
       {std::vector<int>{}, {rows - 1}, {rows, 1}, {-1, rows + 1}}) {
    EXPECT_ERROR(linear_parts(x, matrix, bias, wrong), ErrorCode::invalid_argument, "75 columns");
  }
}

TEST(GatherLinear, GivesTheRowsOfEachExpert) {
  for_each_isa([] {
    constexpr int kTokens = 37, kChoices = 3, kExperts = 5, kRows = 50, kCols = 96;
    std::vector<Matrix> matrices;
    for (int e = 0; e < kExperts; e++) {
      const auto type = e == 1 ? DType::q4_1 : DType::q8_0;
      matrices.push_back(
          Matrix::pack(RandomMatrix({Encoding::Mode::block, type}, kRows, kCols, e).source()));
    }
    const Experts experts(matrices);
    std::vector<int32_t> ids(kTokens * kChoices);
    for (size_t i = 0; i < ids.size(); i++)
      ids[i] = static_cast<int32_t>(i * 7 % 11 % 4);  // 4: none
    const array chosen(ids.data(), {kTokens, kChoices});
    const array x = random_array({kTokens, kCols}, 1);
    const array own = random_array({kTokens, kChoices, kCols}, 2);
    for (const Arithmetic arithmetic : {Arithmetic::fast, Arithmetic::exact}) {
      ArithmeticScope scope(arithmetic);
      const auto shared = values(gather_linear(x, experts, chosen));
      const auto apart = values(gather_linear(own, experts, chosen));
      for (int t = 0; t < kTokens; t++) {
        for (int j = 0; j < kChoices; j++) {
          const int at = t * kChoices + j;
          const Matrix& w = matrices[ids[at]];
          const auto row = [&](const std::vector<float>& y) {
            return std::vector<float>(y.begin() + at * kRows, y.begin() + (at + 1) * kRows);
          };
          EXPECT_TRUE(
              same_bytes(row(shared), values(linear(mx::slice(x, {t, 0}, {t + 1, kCols}), w))));
          EXPECT_TRUE(same_bytes(
              row(apart), values(linear(mx::slice(own, {t, j, 0}, {t + 1, j + 1, kCols}), w))));
        }
      }
    }
  });
}

TEST(GatherLinear, RefusesWhatDoesNotFit) {
  const Matrix w = Matrix::dense(random_array({8, 4}, 1));
  const Experts experts({w, w});
  const array x = random_array({3, 4}, 2);
  const array ids = mx::zeros({3, 2}, mx::int32);
  EXPECT_EQ(gather_linear(mx::zeros({0, 4}), experts, mx::zeros({0, 2}, mx::int32)).size(), 0u);
  EXPECT_ERROR(gather_linear(x, experts, mx::zeros({3, 2})), ErrorCode::invalid_argument, "int32");
  EXPECT_ERROR(gather_linear(x, experts, mx::zeros({2, 2}, mx::int32)), ErrorCode::invalid_argument,
               "(T, 4)");
  EXPECT_ERROR(gather_linear(mx::zeros({3, 3, 4}), experts, ids), ErrorCode::invalid_argument,
               "(T, J, 4)");
  for (const int id : {-1, 2}) {
    EXPECT_ERROR(eval({gather_linear(x, experts, mx::full({3, 2}, id, mx::int32))}),
                 ErrorCode::invalid_argument, "0 to 1");
  }
  EXPECT_ERROR(Experts({}), ErrorCode::invalid_argument, "no experts");
  EXPECT_ERROR(Experts({w, Matrix::dense(x)}), ErrorCode::invalid_argument, "(3, 4)");
}

TEST(Linear, DoesNotHideWhatIsNotFinite) {
  for_each_isa([] {
    const RandomMatrix w({Encoding::Mode::block, DType::q4_0}, 20, 96, 1);
    const Matrix matrix = Matrix::pack(w.source());
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      std::vector<float> x(3 * 96, 1.0f);
      x[100] = bad;
      const auto y = values(linear(array(x.begin(), {3, 96}), matrix));
      for (int i = 0; i < 60; i++) EXPECT_EQ(std::isfinite(y[i]), i / 20 != 1);
    }
    EXPECT_EQ(values(linear(mx::zeros({1, 96}), matrix)), std::vector<float>(20, 0.0f));
  });
}

TEST(Linear, TakesAnyInput) {
  const array w = random_array({20, 32}, 1);
  const Matrix matrix = Matrix::dense(w);
  const array x = random_array({2, 3, 32}, 2);
  const array y = linear(x, matrix);
  EXPECT_EQ(y.shape(), (mx::Shape{2, 3, 20}));
  const array turned = mx::transpose(mx::contiguous(mx::transpose(mx::reshape(x, {6, 32}))));
  EXPECT_TRUE(same_bytes(values(linear(turned, matrix)), values(y)));
  EXPECT_EQ(linear(mx::zeros({0, 32}), matrix).shape(), (mx::Shape{0, 20}));
  EXPECT_TRUE(values(linear(mx::zeros({0, 32}), matrix)).empty());
  EXPECT_ERROR(linear(random_array({2, 31}, 1), matrix), ErrorCode::invalid_argument, "32 inputs");
  EXPECT_ERROR(linear(x, matrix, random_array({19}, 1)), ErrorCode::invalid_argument, "20 values");
}

TEST(Embedding, GivesRows) {
  for_each_isa([] {
    for (const Encoding& e : all_encodings()) {
      SCOPED_TRACE(name(e));
      const int64_t k = columns(e, 90);
      const RandomMatrix w(e, 40, k, 3);
      const Matrix matrix = Matrix::pack(w.source());
      const auto all = w.values();
      std::vector<float> want;
      const std::vector<int32_t> ids = {0, 39, 17, 17, 1};
      for (const int id : ids) want.insert(want.end(), &all[id * k], &all[id * k] + k);
      EXPECT_TRUE(same_bytes(values(embedding(array(ids.begin(), {5}), matrix)), want));
    }
  });
}

TEST(Embedding, RefusesUnknownIds) {
  const Matrix matrix = Matrix::dense(random_array({40, 8}, 1));
  for (const int id : {-1, 40}) {
    EXPECT_ERROR(eval({embedding(array({id}), matrix)}), ErrorCode::invalid_argument, "0 to 39");
    array rows = embedding(array({id}), matrix);
    EXPECT_EVAL_ERROR(rows.eval(), "expected 0 to 39");
  }
  EXPECT_ERROR(embedding(random_array({3}, 1), matrix), ErrorCode::invalid_argument, "int32");
}

}  // namespace
}  // namespace ominix::kernels
