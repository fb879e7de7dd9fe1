#include <algorithm>
#include <vector>

#include "base/error.h"
#include "kernels/gpu/gpu.h"
#include "kernels/host_op.h"
#include "kernels/kernels.h"
#include "kernels/matrix_data.h"
#include "kernels/parallel.h"
#include "kernels/product.h"

namespace ominix::kernels {
namespace {

namespace mx = mlx::core;

thread_local Arithmetic t_arithmetic = Arithmetic::fast;
thread_local uint64_t t_weight_bytes = 0;

}  // namespace

ArithmeticScope::ArithmeticScope(Arithmetic arithmetic) : before_(t_arithmetic) {
  t_arithmetic = arithmetic;
}
ArithmeticScope::~ArithmeticScope() { t_arithmetic = before_; }
Arithmetic current_arithmetic() { return t_arithmetic; }

uint64_t weight_bytes() { return t_weight_bytes; }

array linear(const array& x, const Matrix& weight, const std::optional<array>& bias) {
  const auto width = static_cast<int>(weight.rows());
  return linear_parts(x, weight, bias, {&width, 1})[0];
}

std::vector<array> linear_parts(const array& x, const Matrix& weight,
                                const std::optional<array>& bias, std::span<const int> widths) {
  const int64_t rows = weight.rows(), cols = weight.cols();
  if (x.ndim() < 1 || x.shape(-1) != cols) {
    throw fail(ErrorCode::invalid_argument, "kernels: linear, expected {} inputs, found {}", cols,
               x.ndim() ? x.shape(-1) : 0);
  }
  if (bias && (bias->ndim() != 1 || bias->shape(0) != rows)) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: linear, expected a bias of {} values, found {}", rows, bias->size());
  }
  std::vector<mx::Shape> shapes;
  std::vector<int64_t> ends;
  shapes.reserve(widths.size());
  ends.reserve(widths.size());
  for (const int width : widths) {
    mx::Shape shape = x.shape();
    shape.back() = width;
    shapes.push_back(std::move(shape));
    ends.push_back((ends.empty() ? 0 : ends.back()) + width);
  }
  const bool negative = std::ranges::any_of(widths, [](int width) { return width < 0; });
  if (negative || ends.empty() || ends.back() != rows) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: linear, expected parts of {} columns, found {}", rows,
               ends.empty() ? 0 : ends.back());
  }
  t_weight_bytes += weight.bytes();
  if (gpu::in_use()) return gpu::linear_parts(x, *weight.data().gpu, bias, ends);
  std::vector<array> inputs{as_float(x)};
  if (bias) inputs.push_back(as_float(*bias));
  const int64_t m = static_cast<int64_t>(x.size()) / cols;
  const std::vector<mx::Dtype> types(widths.size(), mx::float32);
  return host_op("linear", inputs, std::move(shapes), types,
                 [weight, m, arithmetic = t_arithmetic, ends = std::move(ends)](auto in, auto out) {
                   std::vector<ProductPart> parts;
                   parts.reserve(out.size());
                   for (size_t i = 0; i < out.size(); i++) {
                     parts.push_back({static_cast<float*>(out[i]), i ? ends[i - 1] : 0, ends[i]});
                   }
                   const Product product{
                       .w = &weight.data(),
                       .m = m,
                       .x = static_cast<const float*>(in[0]),
                       .bias = in.size() > 1 ? static_cast<const float*>(in[1]) : nullptr,
                       .parts = parts};
                   multiply({&product, 1}, arithmetic);
                 });
}

Experts::Experts(std::vector<Matrix> matrices) {
  for (const Matrix& m : matrices) {
    if (m.rows() != matrices[0].rows() || m.cols() != matrices[0].cols()) {
      throw fail(ErrorCode::invalid_argument,
                 "kernels: experts of ({}, {}) and ({}, {}), expected one shape",
                 matrices[0].rows(), matrices[0].cols(), m.rows(), m.cols());
    }
  }
  if (matrices.empty()) throw fail(ErrorCode::invalid_argument, "kernels: no experts");
  matrices_ = std::make_shared<const std::vector<Matrix>>(std::move(matrices));
}

namespace {

// The rows of each expert's product: where they come from and where they go, expert by expert.
struct Meetings {
  std::vector<int64_t> first;  // of each expert in `from` and `to`, and the end
  std::vector<int32_t> from, to;

  Meetings(const int32_t* ids, int64_t count, int choices, bool own_rows, size_t experts)
      : first(experts + 1), from(count), to(count) {
    for (int64_t i = 0; i < count; i++) {
      if (ids[i] < 0 || static_cast<size_t>(ids[i]) >= experts) {
        throw fail(ErrorCode::invalid_argument, "kernels: expert {}, expected 0 to {}", ids[i],
                   experts - 1);
      }
      first[ids[i] + 1]++;
    }
    for (size_t e = 0; e < experts; e++) first[e + 1] += first[e];
    std::vector<int64_t> next(first.begin(), first.end() - 1);
    for (int64_t i = 0; i < count; i++) {
      const int64_t at = next[ids[i]]++;
      from[at] = static_cast<int32_t>(own_rows ? i : i / choices);
      to[at] = static_cast<int32_t>(i);
    }
  }
};

}  // namespace

array gather_linear(const array& x, const Experts& experts, const array& ids) {
  const int64_t rows = experts[0].rows(), cols = experts[0].cols();
  const bool own_rows = x.ndim() == 3;
  if (ids.ndim() != 2 || ids.dtype() != mx::int32 || (x.ndim() != 2 && !own_rows) ||
      x.shape(-1) != cols || x.shape(0) != ids.shape(0) ||
      (own_rows && x.shape(1) != ids.shape(1))) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: gather_linear, expected ids (T, J) in int32 with x (T, {}) or (T, J, {})",
               cols, cols);
  }
  if (gpu::in_use()) {
    throw fail(ErrorCode::unsupported,
               "kernels: mixtures of experts on a GPU, expected a dense model; use --device cpu");
  }
  const int tokens = ids.shape(0), choices = ids.shape(1);
  t_weight_bytes += experts[0].bytes() *
                    std::min<uint64_t>(static_cast<uint64_t>(tokens) * choices, experts.size());
  return host_op("gather_linear", {as_float(x), ids}, {tokens, choices, static_cast<int>(rows)},
                 mx::float32, [=, arithmetic = t_arithmetic](auto in, auto out) {
                   const Meetings meetings(static_cast<const int32_t*>(in[1]),
                                           int64_t{tokens} * choices, choices, own_rows,
                                           experts.size());
                   const ProductPart part{static_cast<float*>(out[0]), 0, rows};
                   std::vector<Product> products;
                   for (size_t e = 0; e < experts.size(); e++) {
                     const int64_t first = meetings.first[e], count = meetings.first[e + 1] - first;
                     if (count == 0) continue;
                     products.push_back({.w = &experts[e].data(),
                                         .m = count,
                                         .x = static_cast<const float*>(in[0]),
                                         .parts = {&part, 1},
                                         .from = meetings.from.data() + first,
                                         .to = meetings.to.data() + first});
                   }
                   multiply(products, arithmetic);
                 });
}

array embedding(const array& ids, const Matrix& weight) {
  if (ids.ndim() != 1 || ids.dtype() != mx::int32) {
    throw fail(ErrorCode::invalid_argument, "kernels: embedding, expected ids (T) in int32");
  }
  if (gpu::in_use()) return gpu::embedding(ids, *weight.data().gpu);
  const int64_t cols = weight.cols(), rows = weight.rows();
  const int count = ids.shape(0);
  return host_op("embedding", {ids}, {count, static_cast<int>(cols)}, mx::float32,
                 [weight, count, rows, cols](auto in, auto out) {
                   const auto* id = static_cast<const int32_t*>(in[0]);
                   for (int i = 0; i < count; i++) {
                     if (id[i] < 0 || id[i] >= rows) {
                       throw fail(ErrorCode::invalid_argument,
                                  "kernels: token id {}, expected 0 to {}", id[i], rows - 1);
                     }
                   }
                   parallel(count, 8, [&](int64_t begin, int64_t end, int) {
                     for (int64_t i = begin; i < end; i++) {
                       read_row(weight.data(), id[i], static_cast<float*>(out[0]) + i * cols);
                     }
                   });
                 });
}

}  // namespace ominix::kernels
