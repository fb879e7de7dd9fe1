#include "kernels/eval.h"

#include "base/error.h"
#include "kernels/host_op.h"
#include "kernels/parallel.h"
#include "support.h"
#include "support/expect_error.h"

namespace ominix::kernels {
namespace {

std::vector<float> bytes_of(array a) {
  a = mx::contiguous(a);
  eval({a});
  return {a.data<float>(), a.data<float>() + a.size()};
}

// Every kind of node, some reached twice, some with siblings.
TEST(Eval, GivesWhatMlxGives) {
  for_each_isa([] {
    array x = random_array({1, 24}, 1), w = random_array({40, 24}, 2, 0.1f);
    const array one(1.5f);
    const auto build = [&] {
      const auto parts = linear_parts(x, Matrix::dense(w), {}, std::vector<int>{20, 20});
      const auto split = mx::split(mx::concatenate(parts, 1), 2, 1);
      const array turned = mx::transpose(mx::reshape(split[1], {10, 2}));
      const array sum = mx::add(mx::flatten(turned), mx::multiply(mx::flatten(split[0]), one));
      const array square = mx::multiply(sum, sum);
      return mx::add(square, silu(mx::exp(mx::squeeze(mx::expand_dims(sum, 0)))));
    };
    EXPECT_TRUE(same_bytes(bytes_of(build()), values(build())));
  });
}

TEST(Eval, RunsANodeOnce) {
  int runs = 0;
  const auto counted = [&runs](const array& x) {
    return host_op("counted", {x}, x.shape(), mx::float32, [&runs](auto in, auto out) {
      runs++;
      static_cast<float*>(out[0])[0] = static_cast<const float*>(in[0])[0];
    });
  };
  const array a = counted(array({2.0f}));
  const array b = mx::add(a, a), c = mx::exp(a);
  eval({b, c, a});
  EXPECT_EQ(runs, 1);
  eval({mx::add(b, c), b});
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(values(b)[0], 4.0f);
}

TEST(Eval, ReadsWhatRunsAsynchronously) {
  array a = mx::exp(random_array({1000}, 1));
  mx::async_eval(a);
  EXPECT_TRUE(same_bytes(bytes_of(silu(a)), values(silu(mx::exp(random_array({1000}, 1))))));
}

TEST(Eval, KeepsTheCodeOfAnError) {
  const auto failing = [](const array& x) {
    return host_op("failing", {x}, x.shape(), mx::float32, [](auto, auto) {
      throw fail(ErrorCode::out_of_memory, "kernels: a full tank");
    });
  };
  const array x({1.0f});
  EXPECT_ERROR(eval({mx::add(failing(mx::exp(x)), x)}), ErrorCode::out_of_memory, "a full tank");
  const array after = mx::add(x, x);
  eval({after});
  EXPECT_EQ(after.item<float>(), 2.0f);
}

// A long chain holds the memory of one step of it, not of all.
TEST(Eval, GivesBackMemoryOnTheWay) {
  constexpr int kSize = 1 << 20;
  array x = mx::zeros({kSize});
  x.eval();
  mx::reset_peak_memory();
  const size_t before = mx::get_active_memory();
  for (int i = 0; i < 50; i++) x = silu(x);
  eval({x});
  EXPECT_LT(mx::get_peak_memory() - before, 4 * kSize * sizeof(float));
}

TEST(Eval, DeepGraphsNeedNoStack) {
  array x({1.0f});
  for (int i = 0; i < 100'000; i++) x = silu(x);
  eval({x});
  EXPECT_TRUE(std::isfinite(x.item<float>()));
}

TEST(Eval, ListsOperations) {
  const array x = random_array({4, 8}, 1);
  const array y = mx::exp(mx::reshape(mx::add(silu(x), x), {32}));
  std::vector<std::string> names;
  for (const Operation& op : operations({y})) {
    names.emplace_back(op.name);
    EXPECT_EQ(op.own, op.name != "Exp") << op.name;
    if (op.name == "silu") {
      EXPECT_EQ(op.elements, 64);
    }
  }
  EXPECT_EQ(names, (std::vector<std::string>{"silu", "Add", "Reshape", "Exp"}));
}

}  // namespace
}  // namespace ominix::kernels
