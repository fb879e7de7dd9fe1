#pragma once

#include <array>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"
#include "mlx/array.h"
#include "weights/scope.h"

namespace ominix::nn {

using mlx::core::array;

// y = x · Wᵀ (+ b), dense or quantized as the checkpoint has it. (T, in) -> (T, out)
class Linear {
 public:
  Linear(const weights::Scope& w, int64_t in, int64_t out, bool bias = false);
  array operator()(const array& x) const { return kernels::linear(x, weight_, bias_); }

 private:
  kernels::Matrix weight_;
  std::optional<array> bias_;
};

// Several Linear layers of the same input, multiplied as one matrix where their encodings allow it.
// nn::Joined<3> qkv(w, hidden, {{"q_proj", …}, {"k_proj", …}, {"v_proj", …}}); auto [q, k, v] =
// qkv(x);
struct JoinedPart {
  std::string_view name;
  int64_t out;
};

class JoinedLinear {
 public:
  JoinedLinear(const weights::Scope& w, int64_t in, std::span<const JoinedPart> parts, bool bias);
  std::vector<array> operator()(const array& x) const;

 private:
  struct Group {  // one product, and how wide its parts are
    kernels::Matrix weight;
    std::optional<array> bias;
    std::vector<int> widths;
  };
  std::vector<Group> groups_;
};

template <size_t N>
class Joined {
 public:
  Joined(const weights::Scope& w, int64_t in, const std::array<JoinedPart, N>& parts,
         bool bias = false)
      : joined_(w, in, parts, bias) {}

  std::array<array, N> operator()(const array& x) const {
    return take(joined_(x), std::make_index_sequence<N>());
  }

 private:
  template <size_t... I>
  static std::array<array, N> take(const std::vector<array>& v, std::index_sequence<I...>) {
    return {v[I]...};
  }
  JoinedLinear joined_;
};

// Rows by token id; also the output head of models that tie both.
class Embedding {
 public:
  Embedding(const weights::Scope& w, int64_t count, int64_t width);
  array operator()(const array& ids) const { return kernels::embedding(ids, weight_); }
  array as_linear(const array& x) const { return kernels::linear(x, weight_); }

 private:
  kernels::Matrix weight_;
};

// x / sqrt(mean(x²) + eps) · weight, over the last axis. one_plus: · (1 + weight).
enum class NormWeight : uint8_t { plain, one_plus };

class RmsNorm {
 public:
  RmsNorm(const weights::Scope& w, int64_t width, float eps, NormWeight kind = NormWeight::plain);
  array operator()(const array& x) const { return kernels::rms_norm(x, weight_, eps_); }
  // {x + y, norm(x + y)}: the residual sum and its norm in one operation.
  std::pair<array, array> add(const array& x, const array& y) const {
    return kernels::add_rms_norm(y, x, weight_, eps_);
  }

 private:
  array weight_;
  float eps_;
};

}  // namespace ominix::nn
