#include "support.h"
#include "support/expect_error.h"

namespace ominix::kernels {
namespace {

struct Shape {
  int heads, kv_heads, dim, value_dim;
};
struct Sequence {
  array q, k, v;
};

Sequence random_sequence(const Shape& s, int length, uint64_t seed) {
  return {random_array({length, s.heads, s.dim}, seed, 2.0f),
          random_array({length, s.kv_heads, s.dim}, seed + 1),
          random_array({length, s.kv_heads, s.value_dim}, seed + 2)};
}

Sequence part(const Sequence& s, int from, int to) {
  const auto cut = [&](const array& a) {
    return mx::slice(a, {from, 0, 0}, {to, a.shape(1), a.shape(2)});
  };
  return {cut(s.q), cut(s.k), cut(s.v)};
}

KvSpec spec_of(const Shape& s, int window = 0) { return {s.kv_heads, s.dim, s.value_dim, window}; }

std::vector<float> reference(const Sequence& s, const AttendOptions& o, bool causal = true) {
  const int length = s.q.shape(0), heads = s.q.shape(1), dim = s.q.shape(2);
  const int kv_heads = s.k.shape(1), value_dim = s.v.shape(2);
  const auto q = values(s.q), k = values(s.k), v = values(s.v);
  const auto sinks = o.sinks ? values(*o.sinks) : std::vector<float>();
  std::vector<float> out(length * heads * value_dim);
  for (int i = 0; i < length; i++) {
    for (int h = 0; h < heads; h++) {
      const int g = h / (heads / kv_heads);
      const int begin = o.window ? std::max(0, i - o.window + 1) : 0, end = causal ? i + 1 : length;
      std::vector<double> p;
      double max = -INFINITY, sum = 0;
      for (int j = begin; j < end; j++) {
        double score = 0;
        for (int d = 0; d < dim; d++) {
          score +=
              static_cast<double>(q[(i * heads + h) * dim + d]) * k[(j * kv_heads + g) * dim + d];
        }
        score *= o.scale;
        if (o.soft_cap > 0) score = o.soft_cap * std::tanh(score / o.soft_cap);
        p.push_back(score);
        max = std::max(max, score);
      }
      if (!sinks.empty()) sum = std::exp(sinks[h] - max);
      for (double& x : p) sum += x = std::exp(x - max);
      for (int d = 0; d < value_dim; d++) {
        double y = 0;
        for (int j = begin; j < end; j++) y += p[j - begin] * v[(j * kv_heads + g) * value_dim + d];
        out[(i * heads + h) * value_dim + d] = static_cast<float>(y / sum);
      }
    }
  }
  return out;
}

std::vector<float> in_pieces(const Sequence& s, const Shape& shape, const AttendOptions& o,
                             const std::vector<int>& pieces, bool quantized = false) {
  KvSpec spec = spec_of(shape, o.window);
  spec.quantized = quantized;
  KvState state(spec);
  std::vector<float> out;
  int at = 0;
  for (const int n : pieces) {
    const Sequence p = part(s, at, at + n);
    const AttendRow row{&state, n};
    const auto y = values(attend(p.q, p.k, p.v, {&row, 1}, o));
    out.insert(out.end(), y.begin(), y.end());
    at += n;
  }
  return out;
}

TEST(Attend, MatchesTheDefinition) {
  for (const Shape& shape :
       {Shape{4, 2, 64, 64}, {3, 3, 16, 16}, {9, 3, 20, 13}, {8, 1, 128, 128}}) {
    for (const int length : {1, 5, 17, 300}) {
      for (const AttendOptions& o : {AttendOptions{0.125f}, {0.125f, 40}, {0.3f, 0, 5.0f}}) {
        const Sequence s = random_sequence(shape, length, length);
        const auto want = reference(s, o);
        for_each_isa([&] {
          EXPECT_LT(relative_error(in_pieces(s, shape, o, {length}), want), 3e-6)
              << shape.dim << " wide, " << length << " tokens, window " << o.window;
        });
      }
    }
  }
}

TEST(Attend, SinksTakeWeight) {
  const Shape shape{6, 2, 32, 32};
  AttendOptions o{.scale = 0.2f};
  o.sinks = mx::multiply(random_array({6}, 4), array(4.0f));
  for (const int length : {1, 20, 300}) {
    const Sequence s = random_sequence(shape, length, length);
    const auto want = reference(s, o);
    for_each_isa([&] {
      const auto whole = in_pieces(s, shape, o, {length});
      EXPECT_LT(relative_error(whole, want), 3e-6) << length;
      if (length == 300) {
        EXPECT_TRUE(same_bytes(in_pieces(s, shape, o, {1, 258, 41}), whole));
      }
    });
  }
  o.sinks = random_array({5}, 4);
  const Sequence s = random_sequence(shape, 1, 1);
  EXPECT_ERROR(in_pieces(s, shape, o, {1}), ErrorCode::invalid_argument, "6 sinks");
}

TEST(Attend, HeadsOfAllSizes) {
  for (const Shape& shape :
       {Shape{4, 2, 80, 80}, {2, 1, 96, 96}, {2, 2, 192, 128}, {4, 1, 256, 256}}) {
    const Sequence s = random_sequence(shape, 40, 3);
    const AttendOptions o{.scale = 0.1f};
    const auto want = reference(s, o);
    for_each_isa(
        [&] { EXPECT_LT(relative_error(in_pieces(s, shape, o, {40}), want), 3e-6) << shape.dim; });
  }
}

// What 8 bits make of (tokens, heads, width): groups of 64 channels share a scale.
array rounded(const array& x) {
  auto v = values(x);
  const auto width = static_cast<size_t>(x.shape(2));
  for (size_t row = 0; row < v.size(); row += width) {
    for (size_t g = 0; g < width; g += 64) {
      const size_t end = std::min(width, g + 64);
      float most = 0;
      for (size_t i = g; i < end; i++) most = std::max(most, std::abs(v[row + i]));
      const float scale = most / 127, inverse = scale > 0 ? 1 / scale : 0;
      for (size_t i = g; i < end; i++) v[row + i] = std::nearbyint(v[row + i] * inverse) * scale;
    }
  }
  return array(v.data(), x.shape());
}

TEST(Attend, QuantizedIsThatOfTheRoundedKeysAndValues) {
  for (const Shape& shape : {Shape{4, 2, 64, 64}, {9, 3, 20, 13}, {8, 1, 128, 80}}) {
    for (const AttendOptions& o : {AttendOptions{0.125f}, {0.125f, 300}}) {
      const Sequence s = random_sequence(shape, 600, 3);
      const auto want = reference({s.q, rounded(s.k), rounded(s.v)}, o);
      for_each_isa([&] {
        const auto whole = in_pieces(s, shape, o, {600}, true);
        EXPECT_LT(relative_error(whole, want), 3e-6) << shape.dim << " wide, window " << o.window;
        EXPECT_TRUE(same_bytes(in_pieces(s, shape, o, {1, 5, 250, 1, 343}, true), whole));
      });
    }
  }
}

TEST(Attend, LongSequences) {
  const Shape shape{2, 1, 32, 32};
  for (const int window : {0, 300}) {
    const AttendOptions o{0.125f, window};
    const Sequence s = random_sequence(shape, 800, 1);
    const auto want = reference(s, o);
    for_each_isa([&] { EXPECT_LT(relative_error(in_pieces(s, shape, o, {800}), want), 3e-6); });
  }
}

TEST(Attend, PiecesAndThreadsChangeNothing) {
  for_each_isa([] {
    const Shape shape{6, 2, 24, 40};
    for (const int window : {0, 100}) {
      const AttendOptions o{0.2f, window};
      const Sequence s = random_sequence(shape, 600, 1);
      start({.threads = 1});
      const auto whole = in_pieces(s, shape, o, {600});
      for (const int threads : {1, 2}) {
        start({.threads = threads});
        EXPECT_TRUE(same_bytes(in_pieces(s, shape, o, {600}), whole));
        EXPECT_TRUE(same_bytes(in_pieces(s, shape, o, {1, 5, 64, 190, 1, 1, 250, 88}), whole));
        std::vector<int> ones(40, 1);
        ones.insert(ones.begin(), 560);
        EXPECT_TRUE(same_bytes(in_pieces(s, shape, o, ones), whole));
      }
    }
  });
}

TEST(Attend, RowsOfABatchAreAlone) {
  for_each_isa([] {
    const Shape shape{4, 2, 32, 32};
    const AttendOptions o{0.2f};
    const std::vector<int> lengths = {3, 1, 290, 17}, more = {1, 1, 1, 2};
    std::vector<Sequence> sequences;
    std::vector<KvState> states;
    for (int i = 0; i < 4; i++) {
      sequences.push_back(random_sequence(shape, lengths[i] + more[i], 10 * i));
      states.emplace_back(spec_of(shape));
    }
    std::vector<std::vector<float>> got(4);
    const auto step = [&](const std::vector<int>& from, const std::vector<int>& count) {
      std::vector<array> q, k, v;
      std::vector<AttendRow> rows;
      for (int i = 0; i < 4; i++) {
        const Sequence p = part(sequences[i], from[i], from[i] + count[i]);
        q.push_back(p.q), k.push_back(p.k), v.push_back(p.v);
        rows.push_back({&states[i], count[i]});
      }
      const auto y = values(
          attend(mx::concatenate(q, 0), mx::concatenate(k, 0), mx::concatenate(v, 0), rows, o));
      size_t at = 0;
      for (int i = 0; i < 4; i++) {
        const size_t size = size_t(count[i]) * shape.heads * shape.value_dim;
        got[i].insert(got[i].end(), y.begin() + at, y.begin() + at + size);
        at += size;
      }
    };
    step({0, 0, 0, 0}, lengths);
    step(lengths, more);
    for (int i = 0; i < 4; i++) {
      EXPECT_TRUE(same_bytes(got[i], in_pieces(sequences[i], shape, o, {lengths[i], more[i]})));
      EXPECT_LT(relative_error(got[i], reference(sequences[i], o)), 3e-6);
    }
  });
}

TEST(Attend, CopiesGoTheirOwnWay) {
  const Shape shape{2, 1, 16, 16};
  const AttendOptions o{0.25f};
  const Sequence stem = random_sequence(shape, 300, 1), a = random_sequence(shape, 20, 5),
                 b = random_sequence(shape, 20, 9);
  KvState first(spec_of(shape));
  const auto extend = [&](KvState& state, const Sequence& s) {
    const AttendRow row{&state, s.q.shape(0)};
    return attend(s.q, s.k, s.v, {&row, 1}, o);
  };
  const array begin = extend(first, stem);  // not evaluated before the copy is made
  KvState second = first;
  EXPECT_EQ(second.length(), 300);
  const array ya = extend(first, a), yb = extend(second, b);
  values(begin);
  const auto tail = [&](const Sequence& s) {
    const Sequence whole{mx::concatenate({stem.q, s.q}, 0), mx::concatenate({stem.k, s.k}, 0),
                         mx::concatenate({stem.v, s.v}, 0)};
    const auto y = reference(whole, o);
    return std::vector<float>(y.end() - 20 * 32, y.end());
  };
  EXPECT_LT(relative_error(values(ya), tail(a)), 3e-6);
  EXPECT_LT(relative_error(values(yb), tail(b)), 3e-6);
}

TEST(Attend, TruncatedStatesGoOn) {
  const Shape shape{2, 1, 16, 16};
  const AttendOptions o{0.25f};
  const Sequence s = random_sequence(shape, 400, 1), wrong = random_sequence(shape, 120, 3);
  KvState state(spec_of(shape));
  const auto extend = [&](const Sequence& p) {
    const AttendRow row{&state, p.q.shape(0)};
    return values(attend(p.q, p.k, p.v, {&row, 1}, o));
  };
  extend(part(s, 0, 250));
  extend(wrong);
  state.truncate(250);
  const auto want = in_pieces(s, shape, o, {400});
  EXPECT_TRUE(same_bytes(extend(part(s, 250, 400)), {want.begin() + 250 * 32, want.end()}));
}

TEST(Attend, WithoutState) {
  for_each_isa([] {
    for (const Shape& shape : {Shape{4, 2, 64, 64}, {3, 3, 20, 13}}) {
      const std::vector<int> lengths = {1, 40, 300};
      std::vector<array> q, k, v;
      std::vector<float> want;
      for (const int n : lengths) {
        const Sequence s = random_sequence(shape, n, n);
        q.push_back(s.q), k.push_back(s.k), v.push_back(s.v);
        const auto y = reference(s, {0.2f}, false);
        want.insert(want.end(), y.begin(), y.end());
      }
      const auto got = values(attend_all(mx::concatenate(q, 0), mx::concatenate(k, 0),
                                         mx::concatenate(v, 0), lengths, 0.2f));
      EXPECT_LT(relative_error(got, want), 3e-6);
    }
  });
}

TEST(Attend, RefusesWrongShapes) {
  const Shape shape{4, 2, 8, 8};
  KvState state(spec_of(shape));
  const Sequence s = random_sequence(shape, 3, 1);
  const auto call = [&](const array& q, const array& k, int length) {
    const AttendRow row{&state, length};
    attend(q, k, s.v, {&row, 1}, {});
  };
  EXPECT_ERROR(call(s.q, s.k, 2), ErrorCode::invalid_argument, "rows of 2 tokens");
  EXPECT_ERROR(call(s.q, s.k, 0), ErrorCode::invalid_argument, "0 tokens");
  EXPECT_ERROR(call(random_array({3, 4, 9}, 1), s.k, 3), ErrorCode::invalid_argument, "(T, H, 8)");
  EXPECT_ERROR(call(random_array({3, 5, 8}, 1), s.k, 3), ErrorCode::invalid_argument,
               "multiple of 2");
  EXPECT_ERROR(call(s.q, s.q, 3), ErrorCode::invalid_argument, "k (T, 2, 8)");
  EXPECT_EQ(state.length(), 0);
}

}  // namespace
}  // namespace ominix::kernels
