#include "kernels/decode.h"

#include <cstring>
#include <vector>

#include "base/error.h"

namespace ominix::kernels {
namespace {

constexpr int8_t kFp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};  // doubled
constexpr int8_t kIq4[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                             1,    13,   25,  38,  53,  69,  89,  113};

uint16_t load16(const uint8_t* p) {
  uint16_t v;
  std::memcpy(&v, p, 2);
  return v;
}
uint32_t load32(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}
float half_at(const uint8_t* p) { return f16_to_float(load16(p)); }

// 16 bytes: low nibbles first, then the high ones.
void nibbles(const uint8_t* p, int count, uint8_t* q) {
  for (int j = 0; j < count; j++) q[j] = p[j] & 15, q[j + count] = p[j] >> 4;
}

void decode_q2_k(const uint8_t* b, uint8_t* q, float* scale, float* min) {
  const float d = half_at(b + 80), dmin = half_at(b + 82);
  for (int g = 0; g < 16; g++) {
    scale[g] = d * static_cast<float>(b[g] & 15);
    min[g] = -(dmin * static_cast<float>(b[g] >> 4));
  }
  for (int i = 0; i < 256; i++) {
    const int half = i / 128, in = i % 128;
    q[i] = b[16 + half * 32 + in % 32] >> (2 * (in / 32)) & 3;
  }
}

void decode_q3_k(const uint8_t* b, uint8_t* q, float* scale) {
  const float d = half_at(b + 108);
  for (int j = 0; j < 16; j++) {
    scale[j] = d * static_cast<float>(static_cast<int8_t>(q3_k_scale(b, j)));
  }
  for (int i = 0; i < 256; i++) {
    const int half = i / 128, in = i % 128, shift = in / 32;
    const int low = b[32 + half * 32 + in % 32] >> (2 * shift) & 3;
    q[i] = static_cast<uint8_t>(low | (b[in % 32] >> (4 * half + shift) & 1) << 2);
  }
}

void decode_q45_k(const uint8_t* b, bool five, uint8_t* q, float* scale, float* min) {
  const float d = half_at(b), dmin = half_at(b + 2);
  const uint8_t *high = b + 16, *low = five ? b + 48 : b + 16;
  for (int j = 0; j < 8; j++) {
    int s, m;
    q4_k_scales(b + 4, j, s, m);
    scale[j] = d * static_cast<float>(s);
    min[j] = -(dmin * static_cast<float>(m));
    for (int l = 0; l < 32; l++) {
      const int nibble = low[j / 2 * 32 + l] >> (4 * (j % 2)) & 15;
      q[j * 32 + l] = static_cast<uint8_t>(five ? nibble | (high[l] >> j & 1) << 4 : nibble);
    }
  }
}

void decode_q6_k(const uint8_t* b, uint8_t* q, float* scale) {
  const float d = half_at(b + 208);
  for (int g = 0; g < 16; g++) {
    scale[g] = d * static_cast<float>(static_cast<int8_t>(b[192 + g]));
  }
  for (int half = 0; half < 2; half++) {
    const uint8_t *ql = b + 64 * half, *qh = b + 128 + 32 * half;
    for (int l = 0; l < 32; l++) {
      uint8_t* out = q + 128 * half + l;
      out[0] = static_cast<uint8_t>((ql[l] & 15) | (qh[l] & 3) << 4);
      out[32] = static_cast<uint8_t>((ql[l + 32] & 15) | (qh[l] >> 2 & 3) << 4);
      out[64] = static_cast<uint8_t>((ql[l] >> 4) | (qh[l] >> 4 & 3) << 4);
      out[96] = static_cast<uint8_t>((ql[l + 32] >> 4) | (qh[l] >> 6) << 4);
    }
  }
}

void decode_block(DType type, const uint8_t* b, uint8_t* q, float* scale, float* min) {
  switch (type) {
    case DType::q4_0:
    case DType::iq4_nl:
      scale[0] = half_at(b);
      return nibbles(b + 2, 16, q);
    case DType::q4_1:
      scale[0] = half_at(b);
      min[0] = half_at(b + 2);
      return nibbles(b + 4, 16, q);
    case DType::q5_0:
    case DType::q5_1: {
      const bool one = type == DType::q5_1;
      scale[0] = half_at(b);
      if (one) min[0] = half_at(b + 2);
      const uint32_t high = load32(b + (one ? 4 : 2));
      nibbles(b + (one ? 8 : 6), 16, q);
      for (int j = 0; j < 32; j++) q[j] |= static_cast<uint8_t>((high >> j & 1) << 4);
      return;
    }
    case DType::q8_0:
      scale[0] = half_at(b);
      for (int j = 0; j < 32; j++) q[j] = b[2 + j] ^ 0x80;
      return;
    case DType::q2_k:
      return decode_q2_k(b, q, scale, min);
    case DType::q3_k:
      return decode_q3_k(b, q, scale);
    case DType::q4_k:
      return decode_q45_k(b, false, q, scale, min);
    case DType::q5_k:
      return decode_q45_k(b, true, q, scale, min);
    case DType::q6_k:
      return decode_q6_k(b, q, scale);
    case DType::iq4_xs: {
      const float d = half_at(b);
      for (int j = 0; j < 8; j++) {
        scale[j] = d * static_cast<float>(static_cast<int8_t>(iq4_xs_scale(b, j)));
        nibbles(b + 8 + 16 * j, 16, q + 32 * j);
      }
      return;
    }
    case DType::mxfp4:
      scale[0] = 0.5f * f8_e8m0_to_float(b[0]);
      return nibbles(b + 1, 16, q);
    case DType::nvfp4:
      for (int j = 0; j < 4; j++) {
        scale[j] = 0.5f * f8_e4m3_to_float(b[j] & 127);
        nibbles(b + 4 + 8 * j, 8, q + 16 * j);
      }
      return;
    default:
      break;
  }
}

float plain(DType type, const std::byte* p, int64_t i) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(p);
  switch (type) {
    case DType::f32:
      return __builtin_bit_cast(float, load32(bytes + 4 * i));
    case DType::f16:
      return f16_to_float(load16(bytes + 2 * i));
    default:
      return bf16_to_float(load16(bytes + 2 * i));
  }
}

bool is_plain(DType type) {
  return type == DType::f32 || type == DType::f16 || type == DType::bf16;
}

// Value i of a row that is one little-endian stream of `bits`-bit numbers.
uint8_t stream_value(const std::byte* p, int bits, int64_t i) {
  const int64_t bit = i * bits;
  const auto* b = reinterpret_cast<const uint8_t*>(p) + bit / 8;
  const int shift = static_cast<int>(bit % 8);
  int v = b[0] >> shift;
  if (shift + bits > 8) v |= b[1] << (8 - shift);
  return static_cast<uint8_t>(v & ((1 << bits) - 1));
}

Error no_kernel(const Encoding& e) {
  if (e.mode == Encoding::Mode::block) {
    return fail(ErrorCode::unsupported, "kernels: no kernel for a matrix of type {}",
                to_string(e.type));
  }
  return fail(
      ErrorCode::unsupported,
      "kernels: a quantized matrix of {} bits in groups of {} with scales in {}, expected a "
      "form that MLX writes",
      e.bits, e.group_size, to_string(e.type));
}

}  // namespace

void q4_k_scales(const uint8_t* s, int j, int& scale, int& min) {
  if (j < 4) {
    scale = s[j] & 63;
    min = s[j + 4] & 63;
  } else {
    scale = (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
    min = (s[j + 4] >> 4) | (s[j] >> 6) << 4;
  }
}

uint8_t q3_k_scale(const uint8_t* b, int j) {
  const uint8_t* s = b + 96;
  const int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4;
  const int high = s[8 + j % 4] >> (2 * (j / 4)) & 3;
  return static_cast<uint8_t>((low | high << 4) - 32);
}

uint8_t iq4_xs_scale(const uint8_t* b, int j) {
  const int low = b[4 + j / 2] >> (4 * (j % 2)) & 15, high = load16(b + 2) >> (2 * j) & 3;
  return static_cast<uint8_t>((low | high << 4) - 32);
}

bool is_graded(const Encoding& e) {
  if (e.mode == Encoding::Mode::block) return is_quantized(e.type);
  return e.mode != Encoding::Mode::mxfp8;
}

Grading grading(const Encoding& e) {
  switch (e.mode) {
    case Encoding::Mode::affine:
      return {e.bits, e.group_size, 0, true, nullptr};
    case Encoding::Mode::mxfp4:
      return {4, 32, 0, false, kFp4};
    case Encoding::Mode::nvfp4:
      return {4, 16, 0, false, kFp4};
    case Encoding::Mode::mxfp8:
      break;
    case Encoding::Mode::block:
      switch (e.type) {
        case DType::q4_0:
          return {4, 32, 8, false, nullptr};
        case DType::q4_1:
          return {4, 32, 0, true, nullptr};
        case DType::q5_0:
          return {5, 32, 16, false, nullptr};
        case DType::q5_1:
          return {5, 32, 0, true, nullptr};
        case DType::q8_0:
          return {8, 32, 128, false, nullptr};
        case DType::q2_k:
          return {2, 16, 0, true, nullptr};
        case DType::q3_k:
          return {3, 16, 4, false, nullptr};
        case DType::q4_k:
          return {4, 32, 0, true, nullptr};
        case DType::q5_k:
          return {5, 32, 0, true, nullptr};
        case DType::q6_k:
          return {6, 16, 32, false, nullptr};
        case DType::iq4_nl:
        case DType::iq4_xs:
          return {4, 32, 0, false, kIq4};
        case DType::mxfp4:
          return {4, 32, 0, false, kFp4};
        case DType::nvfp4:
          return {4, 16, 0, false, kFp4};
        default:
          break;
      }
  }
  throw no_kernel(e);
}

void decode_row(const Encoding& e, const std::byte* const planes[3], int64_t cols,
                const DecodedRow& out) {
  const auto* values = reinterpret_cast<const uint8_t*>(planes[0]);
  if (e.mode == Encoding::Mode::block) {
    const DTypeInfo& t = info(e.type);
    const int groups = static_cast<int>(t.block) / grading(e).group;
    for (int64_t i = 0; i < cols / t.block; i++) {
      decode_block(e.type, values + i * t.bytes, out.q + i * t.block, out.scale + i * groups,
                   out.min + i * groups);
    }
    return;
  }
  const Grading g = grading(e);
  for (int64_t i = 0; i < cols; i++) out.q[i] = stream_value(planes[0], g.bits, i);
  const auto* scales = reinterpret_cast<const uint8_t*>(planes[1]);
  for (int64_t i = 0; i < cols / g.group; i++) {
    switch (e.mode) {
      case Encoding::Mode::affine:
        out.scale[i] = plain(e.type, planes[1], i);
        out.min[i] = plain(e.type, planes[2], i);
        break;
      case Encoding::Mode::mxfp4:
        out.scale[i] = 0.5f * f8_e8m0_to_float(scales[i]);
        break;
      default:
        out.scale[i] = 0.5f * f8_e4m3_to_float(scales[i]);
        break;
    }
  }
}

void decode_values(const Encoding& e, const std::byte* const planes[3], int64_t cols, float* out) {
  if (e.mode == Encoding::Mode::block && is_plain(e.type)) {
    for (int64_t i = 0; i < cols; i++) out[i] = plain(e.type, planes[0], i);
    return;
  }
  if (e.mode == Encoding::Mode::mxfp8) {
    for (int64_t i = 0; i < cols; i++) {
      out[i] = f8_e8m0_to_float(static_cast<uint8_t>(planes[1][i / 32])) *
               f8_e4m3_to_float(static_cast<uint8_t>(planes[0][i]));
    }
    return;
  }
  const Grading g = grading(e);
  std::vector<uint8_t> q(cols);
  std::vector<float> scale(cols / g.group), min(cols / g.group);
  decode_row(e, planes, cols, {q.data(), scale.data(), min.data()});
  for (int64_t i = 0; i < cols; i++) {
    const int v = g.table ? g.table[q[i]] : q[i] - g.zero;
    out[i] = scale[i / g.group] * static_cast<float>(v);
    if (g.has_min) out[i] += min[i / g.group];
  }
}

}  // namespace ominix::kernels
