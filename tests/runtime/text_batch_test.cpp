#include "runtime/text_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "kernels/device.h"
#include "mlx/ops.h"
#include "runtime/engine_thread.h"
#include "support/expect_error.h"

// Running texts side by side, with a model that needs no weights: the next token is the last one
// plus 1.
namespace ominix::runtime {
namespace {

namespace mx = mlx::core;

constexpr int kVocabulary = 100;
constexpr int kNotANumber = 50;  // behind it the model computes garbage
constexpr int kThrows = 70;      // it the model refuses

class Counting : public models::TextModel {
 public:
  models::TextInfo info() const override { return {kVocabulary, 1000}; }
  std::vector<kernels::KvSpec> state_spec() const override { return {}; }

  mx::array forward(const mx::array& ids, nn::Pass& pass) const override {
    largest_step = std::max(largest_step, pass.tokens());
    mx::array read = ids;
    read.eval();
    const std::span<const int32_t> all(read.data<int32_t>(), read.size());
    if (std::ranges::count(all, kThrows) > 0)
      throw Error(ErrorCode::unsupported, "model: token 70");
    return mx::reshape(mx::astype(ids, mx::float32), {pass.tokens(), 1});
  }

  mx::array logits(const mx::array& hidden) const override {
    const mx::array nan(std::numeric_limits<float>::quiet_NaN());
    const mx::array scores = mx::negative(mx::abs(
        mx::subtract(mx::arange(0.0, kVocabulary, mx::float32), mx::add(hidden, mx::array(1.0f)))));
    return mx::where(mx::equal(hidden, mx::array(static_cast<float>(kNotANumber))), nan, scores);
  }

  mutable int largest_step = 0;
};

struct Outcome {
  std::vector<int32_t> ids;
  std::exception_ptr error;
  bool cancelled = false;
};

std::unique_ptr<Sequence> sequence(std::vector<int32_t> prompt, size_t count, Outcome& out) {
  auto s =
      std::make_unique<Sequence>(std::vector<kernels::KvSpec>(), std::move(prompt), Sampling{});
  s->on_token = [&out, count](const sampling::Choice& c) {
    out.ids.push_back(c.id);
    return out.ids.size() < count;
  };
  s->on_error = [&out](std::exception_ptr e) { out.error = std::move(e); };
  s->on_cancel = [&out] { out.cancelled = true; };
  return s;
}

std::vector<int32_t> count_from(int32_t first, size_t count) {
  std::vector<int32_t> out(count);
  for (size_t i = 0; i < count; ++i) out[i] = first + static_cast<int32_t>(i);
  return out;
}

void expect_error(const Outcome& outcome, ErrorCode code, const char* text) {
  ASSERT_TRUE(outcome.error);
  EXPECT_ERROR(std::rethrow_exception(outcome.error), code, text);
}

// Every MLX call belongs there.
template <class F>
void on_engine_thread(F test) {
  EngineThread::instance().call([&] {
    kernels::start();
    test();
  });
}

TEST(TextBatch, OneThatFailsEndsAlone) {
  on_engine_thread([] {
    const Counting model;
    TextBatch batch(model, 512);
    Outcome good, garbage, refused, late;
    batch.add(sequence({1}, 20, good));
    batch.add(sequence({45}, 20, garbage));  // 46 … 50, then not a number
    batch.add(sequence({66, 67}, 20, refused));
    for (int i = 0; i < 4; ++i) batch.step();
    batch.add(sequence({10, 11, 12}, 5, late));
    while (!batch.empty()) batch.step();
    EXPECT_EQ(good.ids, count_from(2, 20));
    EXPECT_EQ(late.ids, count_from(13, 5));
    EXPECT_EQ(garbage.ids, count_from(46, 5));
    EXPECT_EQ(refused.ids, count_from(68, 3));
    EXPECT_FALSE(good.error || late.error);
    expect_error(garbage, ErrorCode::internal, "not a number");
    expect_error(refused, ErrorCode::unsupported, "token 70");
  });
}

TEST(TextBatch, APromptIsReadInPiecesAndOthersGoOnMeanwhile) {
  on_engine_thread([] {
    const Counting model;
    TextBatch batch(model, 16);
    Outcome running, reading;
    batch.add(sequence({1}, 8, running));
    batch.step();
    batch.add(sequence(std::vector<int32_t>(50, 3), 2, reading));
    for (int i = 0; i < 3; ++i) batch.step();  // 48 tokens of the prompt
    EXPECT_EQ(running.ids.size(), 4u);
    EXPECT_TRUE(reading.ids.empty());
    EXPECT_EQ(model.largest_step, 17);
    while (!batch.empty()) batch.step();
    EXPECT_EQ(reading.ids, count_from(4, 2));
    EXPECT_EQ(running.ids, count_from(2, 8));
  });
}

TEST(TextBatch, CancelIsAskedBetweenSteps) {
  on_engine_thread([] {
    const Counting model;
    TextBatch batch(model, 4);
    Outcome stays, leaves, reading;
    bool cancel = false;
    batch.add(sequence({1}, 6, stays));
    auto cancelled = sequence({10}, 50, leaves);
    cancelled->cancelled = [&] { return cancel; };
    batch.add(std::move(cancelled));
    auto prompt = sequence(std::vector<int32_t>(100, 3), 50, reading);
    prompt->cancelled = [&] { return cancel; };
    batch.add(std::move(prompt));
    for (int i = 0; i < 3; ++i) batch.step();
    cancel = true;
    batch.step();
    EXPECT_EQ(batch.size(), 1u);
    EXPECT_TRUE(leaves.cancelled && reading.cancelled);
    EXPECT_EQ(leaves.ids.size(), 3u);
    while (!batch.empty()) batch.step();
    EXPECT_EQ(stays.ids, count_from(2, 6));
    EXPECT_FALSE(stays.cancelled);
  });
}

}  // namespace
}  // namespace ominix::runtime
