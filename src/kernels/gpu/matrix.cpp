#include <atomic>
#include <vector>

#include "kernels/bit_writer.h"
#include "kernels/decode.h"
#include "kernels/gpu/gpu.h"
#include "kernels/host_op.h"
#include "kernels/matrix_data.h"
#include "mlx/ops.h"
#include "mlx/transforms.h"

namespace mx = mlx::core;

namespace ominix::kernels::gpu {
namespace {

std::atomic<bool> g_in_use{false};

mx::Dtype to_mlx(DType type) {
  return type == DType::f16 ? mx::float16 : type == DType::bf16 ? mx::bfloat16 : mx::float32;
}

mx::Shape shape(int64_t rows, int64_t cols) {
  return {static_cast<int>(rows), static_cast<int>(cols)};
}

// A plane of the source as MLX's array of `type`.
array plane(const MatrixSource& source, int index, mx::Dtype type) {
  const uint64_t row = source.row_bytes(index);
  std::vector<std::byte> bytes(row * source.rows);
  source.read(index, 0, source.rows, bytes.data());
  const mx::Shape whole = shape(source.rows, static_cast<int64_t>(row) / type.size());
  switch (type.size()) {
    case 1:
      return mx::view(array(reinterpret_cast<const uint8_t*>(bytes.data()), whole), type);
    case 2:
      return mx::view(array(reinterpret_cast<const uint16_t*>(bytes.data()), whole), type);
    default:
      return mx::view(array(reinterpret_cast<const uint32_t*>(bytes.data()), whole), type);
  }
}

// Every value in float32, by the format's formula.
array values_of(const MatrixSource& source) {
  const int64_t cols = source.cols;
  std::vector<float> values(source.rows * cols);
  read_rows(source, [&](int64_t row, const std::byte* const planes[3]) {
    decode_values(source.encoding, planes, cols, &values[row * cols]);
  });
  return array(values.data(), shape(source.rows, cols));
}

// Whole numbers with scales, as MLX's affine form: value = scale · q + bias, q in a stream of bits.
Weights affine_of(const MatrixSource& source, const Grading& g) {
  const int64_t rows = source.rows, cols = source.cols, groups = cols / g.group;
  const int64_t words = cols * g.bits / 32;
  std::vector<uint32_t> packed(rows * words);
  std::vector<float> scales(rows * groups), biases(rows * groups);
  read_rows(source, [&](int64_t row, const std::byte* const planes[3]) {
    std::vector<uint8_t> q(cols);
    float* scale = &scales[row * groups];
    float* bias = &biases[row * groups];
    decode_row(source.encoding, planes, cols, {q.data(), scale, bias});
    for (int64_t i = 0; i < groups; i++) {
      bias[i] = (g.has_min ? bias[i] : 0.0f) - scale[i] * static_cast<float>(g.zero);
    }
    BitWriter writer(reinterpret_cast<std::byte*>(&packed[row * words]), g.bits);
    for (const uint8_t value : q) writer.put(value);
  });
  const auto half = [&](const std::vector<float>& values) {
    return mx::astype(array(values.data(), shape(rows, groups)), mx::float16);
  };
  return {array(packed.data(), shape(rows, words)), half(scales), half(biases), g.bits, g.group};
}

Weights choose(const MatrixSource& source) {
  const Encoding& e = source.encoding;
  if (current_arithmetic() == Arithmetic::exact) return {values_of(source)};
  if (e.mode == Encoding::Mode::block) {
    if (!is_quantized(e.type)) return {plane(source, 0, to_mlx(e.type))};
    if (is_graded(e)) {
      const Grading g = grading(e);
      if (g.group == 32 && !g.table) return affine_of(source, g);
    }
    return {mx::astype(values_of(source), mx::float16)};
  }
  Weights w{plane(source, 0, mx::uint32)};
  switch (e.mode) {
    case Encoding::Mode::mxfp4:
      w.bits = 4, w.group_size = 32, w.mode = "mxfp4";
      break;
    case Encoding::Mode::mxfp8:
      w.bits = 8, w.group_size = 32, w.mode = "mxfp8";
      break;
    case Encoding::Mode::nvfp4:
      w.bits = 4, w.group_size = 16, w.mode = "nvfp4";
      break;
    default:
      w.bits = e.bits, w.group_size = e.group_size;
      w.scales = plane(source, 1, to_mlx(e.type));
      w.biases = plane(source, 2, to_mlx(e.type));
      return w;
  }
  w.scales = plane(source, 1, mx::uint8);
  return w;
}

}  // namespace

bool in_use() { return g_in_use.load(std::memory_order_relaxed); }
void use(bool on) { g_in_use.store(on, std::memory_order_relaxed); }

uint64_t Weights::bytes() const {
  return values.nbytes() + (scales ? scales->nbytes() : 0) + (biases ? biases->nbytes() : 0);
}

Weights pack(const MatrixSource& source) {
  Weights w = choose(source);
  std::vector<array> all{w.values};
  if (w.scales) all.push_back(*w.scales);
  if (w.biases) all.push_back(*w.biases);
  mx::eval(all);
  return w;
}

Weights dense(const array& weight) {
  array values = mx::contiguous(weight);
  values.eval();
  return {values};
}

array dequantize(const Weights& w) {
  if (!w.packed()) return as_float(w.values);
  // MLX computes affine values in the type of their scales.
  const bool affine = w.biases.has_value();
  const array scales = affine ? as_float(*w.scales) : *w.scales;
  const auto biases = affine ? std::optional(as_float(*w.biases)) : std::nullopt;
  return mx::dequantize(w.values, scales, biases, w.group_size, w.bits, w.mode, std::nullopt,
                        mx::float32);
}

}  // namespace ominix::kernels::gpu
