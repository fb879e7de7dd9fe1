#include "nn/moe.h"

#include <gtest/gtest.h>

#include <cmath>

#include "mlx/transforms.h"
#include "support/expect_error.h"

namespace ominix::nn {
namespace {

namespace mx = mlx::core;

struct Chosen {
  std::vector<int32_t> ids;
  std::vector<float> weights;
};

Chosen read(Routes r) {
  mx::eval(r.ids, r.weights);
  return {{r.ids.data<int32_t>(), r.ids.data<int32_t>() + r.ids.size()},
          {r.weights.data<float>(), r.weights.data<float>() + r.weights.size()}};
}

array row(std::vector<float> values) {
  return array(values.data(), {1, static_cast<int>(values.size())});
}
array vec(std::vector<float> values) {
  return array(values.data(), {static_cast<int>(values.size())});
}

void expect_near(const std::vector<float>& a, const std::vector<float>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-6) << i;
}

TEST(Moe, SoftmaxTakesTheLargestTheLowestAmongEquals) {
  const array logits = row({0.0f, std::log(3.0f), std::log(3.0f), std::log(2.0f)});
  const Chosen plain = read(route_softmax(logits, 2, false));
  EXPECT_EQ(plain.ids, (std::vector<int32_t>{1, 2}));
  expect_near(plain.weights, {3 / 9.0f, 3 / 9.0f});
  const Chosen shares = read(route_softmax(logits, 3, true));
  EXPECT_EQ(shares.ids, (std::vector<int32_t>{1, 2, 3}));
  expect_near(shares.weights, {3 / 8.0f, 3 / 8.0f, 2 / 8.0f});
  EXPECT_ERROR(route_softmax(logits, 5, true), ErrorCode::invalid_argument, "5 of 4 experts");
  EXPECT_ERROR(route_softmax(logits, 0, true), ErrorCode::invalid_argument, "0 of 4 experts");
}

TEST(Moe, SigmoidChoosesByTheBiasedAndWeighsByThePlainScore) {
  const array logits = row({0.0f, 2.0f, -2.0f, 0.0f});  // scores 0.5, 0.88, 0.12, 0.5
  const array bias = vec({0.0f, -1.0f, 1.0f, 0.1f});
  const Chosen r = read(route_sigmoid(logits, bias, {.k = 2, .renormalize = false, .scale = 2.0f}));
  EXPECT_EQ(r.ids, (std::vector<int32_t>{2, 3}));
  expect_near(r.weights, {2 / (1 + std::exp(2.0f)), 1.0f});
  const Chosen shares = read(route_sigmoid(logits, bias, {.k = 2}));
  expect_near({shares.weights[0] + shares.weights[1]}, {1.0f});
}

TEST(Moe, OnlyTheBestGroupsTakePart) {
  // Scores 0.5 each; groups (0, 1), (2, 3), (4, 5) by their two best biased scores: 1.3, 1.4, 1.0.
  const array logits = row({0, 0, 0, 0, 0, 0});
  const array bias = vec({0.3f, 0.0f, 0.2f, 0.2f, 0.0f, 0.0f});
  const Chosen one = read(route_sigmoid(logits, bias, {.k = 2, .groups = 3, .kept_groups = 1}));
  EXPECT_EQ(one.ids, (std::vector<int32_t>{2, 3}));
  const Chosen two = read(route_sigmoid(logits, bias, {.k = 2, .groups = 3, .kept_groups = 2}));
  EXPECT_EQ(two.ids, (std::vector<int32_t>{0, 2}));
  EXPECT_ERROR(route_sigmoid(logits, bias, {.k = 2, .groups = 4}), ErrorCode::invalid_argument,
               "6 experts in 4 groups");
}

}  // namespace
}  // namespace ominix::nn
