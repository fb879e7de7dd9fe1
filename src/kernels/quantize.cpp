#include "kernels/quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "kernels/bit_writer.h"
#include "kernels/decode.h"
#include "kernels/matrix_data.h"

namespace ominix::kernels {
namespace {

using Mode = Encoding::Mode;

void put_float(DType type, float value, std::byte* out, int64_t i) {
  if (type == DType::f32) {
    std::memcpy(out + 4 * i, &value, 4);
  } else {
    const uint16_t bits = type == DType::f16 ? float_to_f16(value) : float_to_bf16(value);
    std::memcpy(out + 2 * i, &bits, 2);
  }
}

// The end of the range that lies further from zero becomes exact: it is the bias, and the scale
// divides it into whole steps.
void affine(const Encoding& to, const float* x, int64_t cols, std::byte* const out[3]) {
  const auto top = static_cast<float>((1 << to.bits) - 1);
  BitWriter writer(out[0], to.bits);
  for (int64_t g = 0; g < cols / to.group_size; g++, x += to.group_size) {
    float low = std::numeric_limits<float>::infinity(), high = -low;
    for (int i = 0; i < to.group_size; i++) {
      high = std::max(high, x[i]);
      low = std::min(low, x[i]);
    }
    const bool negative = std::abs(low) > std::abs(high);
    const float edge = negative ? low : high;
    float scale = std::max((high - low) / top, 1e-7f), bias = 0;
    if (!negative) scale = -scale;
    const float steps = std::rint(edge / scale);
    if (steps != 0) {
      scale = edge / steps;
      bias = edge;
    }
    for (int i = 0; i < to.group_size; i++) {
      const float q = std::rint((x[i] - bias) / scale);
      writer.put(static_cast<uint32_t>(q > 0 ? std::min(q, top) : 0.0f));
    }
    put_float(to.type, scale, out[1], g);
    put_float(to.type, bias, out[2], g);
  }
}

// Index of the nearest of E2M1's values; the first of two that are equally near.
uint8_t nearest_fp4(float x) {
  constexpr float kValues[] = {0.0f, 0.5f, 1.0f, 1.5f, 2.0f, 3.0f, 4.0f, 6.0f};
  const float size = std::abs(x);
  if (!(size <= std::numeric_limits<float>::max())) return 0;
  int at = 0;
  while (at < 7 && size - kValues[at] > kValues[at + 1] - size) at++;
  return static_cast<uint8_t>(at > 0 && x < 0 ? at + 8 : at);
}

float rounded(DType type, float x) {
  if (type == DType::f16) return f16_to_float(float_to_f16(x));
  if (type == DType::bf16) return bf16_to_float(float_to_bf16(x));
  return x;
}

void floats(const Encoding& to, DType type, const float* x, int64_t cols, std::byte* const out[3]) {
  BitWriter writer(out[0], to.bits);
  for (int64_t g = 0; g < cols / to.group_size; g++, x += to.group_size) {
    float top = 0;
    for (int i = 0; i < to.group_size; i++) top = std::max(top, std::abs(x[i]));
    const float wanted = rounded(type, top / (to.mode == Mode::mxfp8 ? 448.0f : 6.0f));
    float scale;
    if (to.mode == Mode::nvfp4) {
      const uint8_t bits = float_to_f8_e4m3(wanted);
      scale = f8_e4m3_to_float(bits);
      out[1][g] = static_cast<std::byte>(bits);
    } else {
      // A power of two that is large enough.
      const float power = wanted > 0 ? std::ceil(std::log2(wanted)) : 0.0f;
      const int exponent = static_cast<int>(std::clamp(power, -127.0f, 127.0f));
      scale = std::ldexp(1.0f, exponent);
      out[1][g] = static_cast<std::byte>(exponent + 127);
    }
    for (int i = 0; i < to.group_size; i++) {
      const float y = x[i] / scale;
      writer.put(to.mode == Mode::mxfp8 ? float_to_f8_e4m3(y) : nearest_fp4(y));
    }
  }
}

}  // namespace

PackedPlanes quantize(const MatrixSource& source, const Encoding& to) {
  check_source(source);
  if (to.mode == Mode::block) {
    throw fail(ErrorCode::unsupported,
               "kernels: quantize to {}, expected affine, mxfp4, mxfp8 or nvfp4",
               to_string(to.type));
  }
  const int group = to.mode == Mode::affine ? to.group_size : to.mode == Mode::nvfp4 ? 16 : 32;
  const int bits = to.mode == Mode::affine ? to.bits : to.mode == Mode::mxfp8 ? 8 : 4;
  const Encoding form{to.mode, to.type, bits, group};
  if (group > 0 && source.cols % group != 0) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: quantize {} columns in groups of {}, expected whole groups", source.cols,
               group);
  }
  MatrixSource packed{.encoding = form, .rows = source.rows, .cols = source.cols};
  check_source(packed);
  const bool plain = source.encoding.mode == Mode::block;
  const DType arithmetic = plain ? source.encoding.type : DType::f32;
  PackedPlanes out;
  for (int p = 0; p < packed.planes(); p++) {
    out.planes[p].resize(packed.row_bytes(p) * static_cast<uint64_t>(source.rows));
  }
  read_rows(source, [&](int64_t row, const std::byte* const planes[3]) {
    std::vector<float> values(source.cols);
    decode_values(source.encoding, planes, source.cols, values.data());
    std::byte* to_row[3];
    for (int p = 0; p < 3; p++) to_row[p] = out.planes[p].data() + row * packed.row_bytes(p);
    if (form.mode == Mode::affine) {
      affine(form, values.data(), source.cols, to_row);
    } else {
      floats(form, arithmetic, values.data(), source.cols, to_row);
    }
  });
  return out;
}

}  // namespace ominix::kernels
