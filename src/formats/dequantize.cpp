#include "formats/dequantize.h"

#include <array>
#include <cstdint>
#include <cstring>

#include "base/error.h"
#include "base/floats.h"

namespace ominix::formats {
namespace {

// Block layouts: https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h
// Each function turns one block at `b` into its elements at `y`.

template <class T>
T load(const uint8_t* b) {
  T value;
  std::memcpy(&value, b, sizeof value);
  return value;
}

float half(const uint8_t* b) { return f16_to_float(load<uint16_t>(b)); }

int as_signed(uint8_t byte) { return static_cast<int8_t>(byte); }

void q4_0(const uint8_t* b, float* y) {
  const float d = half(b);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>((b[2 + j] & 15) - 8);
    y[j + 16] = d * static_cast<float>((b[2 + j] >> 4) - 8);
  }
}

void q4_1(const uint8_t* b, float* y) {
  const float d = half(b), m = half(b + 2);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(b[4 + j] & 15) + m;
    y[j + 16] = d * static_cast<float>(b[4 + j] >> 4) + m;
  }
}

// The 5-bit values of Q5_0 and Q5_1: nibbles at qs, bit j of qh on top of element j.
std::array<int, 32> five_bits(uint32_t qh, const uint8_t* qs) {
  std::array<int, 32> q;
  for (int j = 0; j < 16; ++j) {
    q[j] = (qs[j] & 15) | static_cast<int>(qh >> j & 1) << 4;
    q[j + 16] = (qs[j] >> 4) | static_cast<int>(qh >> (j + 16) & 1) << 4;
  }
  return q;
}

void q5_0(const uint8_t* b, float* y) {
  const float d = half(b);
  const auto q = five_bits(load<uint32_t>(b + 2), b + 6);
  for (int j = 0; j < 32; ++j) y[j] = d * static_cast<float>(q[j] - 16);
}

void q5_1(const uint8_t* b, float* y) {
  const float d = half(b), m = half(b + 2);
  const auto q = five_bits(load<uint32_t>(b + 4), b + 8);
  for (int j = 0; j < 32; ++j) y[j] = d * static_cast<float>(q[j]) + m;
}

void q8_0(const uint8_t* b, float* y) {
  const float d = half(b);
  for (int j = 0; j < 32; ++j) y[j] = static_cast<float>(as_signed(b[2 + j])) * d;
}

// Q2_K and Q3_K keep 2-bit values alike: each half of 128 has 32 bytes, and shift 0, 2, 4, 6 of
// those bytes gives 32 elements each.
int two_bits(const uint8_t* qs, int i) {
  return qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
}

void q2_k(const uint8_t* b, float* y) {
  const uint8_t* qs = b + 16;
  const float d = half(b + 80), dmin = half(b + 82);
  for (int i = 0; i < 256; ++i) {
    const float scale = d * static_cast<float>(b[i / 16] & 15);
    const float low = dmin * static_cast<float>(b[i / 16] >> 4);
    y[i] = scale * static_cast<float>(two_bits(qs, i)) - low;
  }
}

void q3_k(const uint8_t* b, float* y) {
  const uint8_t *hmask = b, *qs = b + 32, *s = b + 96;
  const float d = half(b + 108);
  for (int i = 0; i < 256; ++i) {
    const int j = i / 16;
    const int low = j < 8 ? s[j] & 15 : s[j - 8] >> 4;
    const int scale = low | (s[8 + j % 4] >> (2 * (j / 4)) & 3) << 4;
    const int high = hmask[i % 32] >> (i / 32) & 1;
    const int q = two_bits(qs, i) - (high ? 0 : 4);
    y[i] = d * static_cast<float>(scale - 32) * static_cast<float>(q);
  }
}

// Scale and minimum j = 0…7 of Q4_K and Q5_K, 6 bits each in 12 bytes.
struct ScaleMin {
  int scale, minimum;
};
ScaleMin scale_min(const uint8_t* s, int j) {
  if (j < 4) return {s[j] & 63, s[j + 4] & 63};
  return {(s[j + 4] & 15) | (s[j - 4] >> 6) << 4, (s[j + 4] >> 4) | (s[j] >> 6) << 4};
}

void q4_k(const uint8_t* b, float* y) {
  const float d = half(b), dmin = half(b + 2);
  const uint8_t* qs = b + 16;
  for (int j = 0; j < 8; ++j) {
    const auto [sc, m] = scale_min(b + 4, j);
    const float scale = d * static_cast<float>(sc), low = dmin * static_cast<float>(m);
    for (int l = 0; l < 32; ++l) {
      const int q = qs[j / 2 * 32 + l] >> (4 * (j % 2)) & 15;
      y[32 * j + l] = scale * static_cast<float>(q) - low;
    }
  }
}

void q5_k(const uint8_t* b, float* y) {
  const float d = half(b), dmin = half(b + 2);
  const uint8_t *qh = b + 16, *qs = b + 48;
  for (int j = 0; j < 8; ++j) {
    const auto [sc, m] = scale_min(b + 4, j);
    const float scale = d * static_cast<float>(sc), low = dmin * static_cast<float>(m);
    for (int l = 0; l < 32; ++l) {
      const int q = (qs[j / 2 * 32 + l] >> (4 * (j % 2)) & 15) | (qh[l] >> j & 1) << 4;
      y[32 * j + l] = scale * static_cast<float>(q) - low;
    }
  }
}

void q6_k(const uint8_t* b, float* y) {
  const uint8_t *ql = b, *qh = b + 128, *scales = b + 192;
  const float d = half(b + 208);
  for (int i = 0; i < 256; ++i) {
    const int half_of = i / 128, part = i % 128 / 32, l = i % 32;
    const int low = ql[half_of * 64 + part % 2 * 32 + l] >> (4 * (part / 2)) & 15;
    const int high = qh[half_of * 32 + l] >> (2 * part) & 3;
    const float scale = d * static_cast<float>(as_signed(scales[i / 16]));
    y[i] = scale * static_cast<float>((low | high << 4) - 32);
  }
}

constexpr std::array<int8_t, 16> kIq4 = {-127, -104, -83, -65, -49, -35, -22, -10,
                                         1,    13,   25,  38,  53,  69,  89,  113};

void iq4_nl(const uint8_t* b, float* y) {
  const float d = half(b);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(kIq4[b[2 + j] & 15]);
    y[j + 16] = d * static_cast<float>(kIq4[b[2 + j] >> 4]);
  }
}

void iq4_xs(const uint8_t* b, float* y) {
  const float d = half(b);
  const auto high = load<uint16_t>(b + 2);
  for (int j = 0; j < 8; ++j) {
    const int scale = (b[4 + j / 2] >> (4 * (j % 2)) & 15) | (high >> (2 * j) & 3) << 4;
    const float dl = d * static_cast<float>(scale - 32);
    const uint8_t* qs = b + 8 + 16 * j;
    for (int l = 0; l < 16; ++l) {
      y[32 * j + l] = dl * static_cast<float>(kIq4[qs[l] & 15]);
      y[32 * j + l + 16] = dl * static_cast<float>(kIq4[qs[l] >> 4]);
    }
  }
}

// E2M1, doubled; the scales below are halved to match.
constexpr std::array<int8_t, 16> kE2m1 = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

void mxfp4(const uint8_t* b, float* y) {
  // 2^(e - 128), subnormal for e below 2.
  const uint32_t bits = b[0] < 2 ? 0x00200000u << b[0] : (b[0] - 1u) << 23;
  const float d = std::bit_cast<float>(bits);
  for (int j = 0; j < 16; ++j) {
    y[j] = d * static_cast<float>(kE2m1[b[1 + j] & 15]);
    y[j + 16] = d * static_cast<float>(kE2m1[b[1 + j] >> 4]);
  }
}

// E4M3 whose sign bit means nothing, half of its value; 0x7F is 0.
float half_ue4m3(uint8_t bits) {
  if (bits == 0x7F) return 0;
  const int exponent = bits >> 3 & 15;
  const float fraction = static_cast<float>(bits & 7);
  if (exponent == 0) return fraction * 0x1p-10f;
  return std::ldexp(1.0f + fraction / 8.0f, exponent - 8);
}

void nvfp4(const uint8_t* b, float* y) {
  for (int g = 0; g < 4; ++g) {
    const float d = half_ue4m3(b[g]);
    const uint8_t* qs = b + 4 + 8 * g;
    for (int j = 0; j < 8; ++j) {
      y[16 * g + j] = d * static_cast<float>(kE2m1[qs[j] & 15]);
      y[16 * g + j + 8] = d * static_cast<float>(kE2m1[qs[j] >> 4]);
    }
  }
}

template <class T>
void plain(const uint8_t* b, float* y) {
  *y = static_cast<float>(load<T>(b));
}

using Convert = void (*)(const uint8_t* block, float* out);

Convert convert_of(DType type) {
  switch (type) {
    case DType::boolean:
    case DType::u8:
      return plain<uint8_t>;
    case DType::i8:
      return plain<int8_t>;
    case DType::u16:
      return plain<uint16_t>;
    case DType::i16:
      return plain<int16_t>;
    case DType::u32:
      return plain<uint32_t>;
    case DType::i32:
      return plain<int32_t>;
    case DType::u64:
      return plain<uint64_t>;
    case DType::i64:
      return plain<int64_t>;
    case DType::f16:
      return [](const uint8_t* b, float* y) { *y = half(b); };
    case DType::bf16:
      return [](const uint8_t* b, float* y) { *y = bf16_to_float(load<uint16_t>(b)); };
    case DType::f32:
      return plain<float>;
    case DType::f64:
      return plain<double>;
    case DType::c64:
      break;
    case DType::f8_e4m3:
      return [](const uint8_t* b, float* y) { *y = f8_e4m3_to_float(*b); };
    case DType::f8_e5m2:
      return [](const uint8_t* b, float* y) { *y = f8_e5m2_to_float(*b); };
    case DType::f8_e8m0:
      return [](const uint8_t* b, float* y) { *y = f8_e8m0_to_float(*b); };
    case DType::q4_0:
      return q4_0;
    case DType::q4_1:
      return q4_1;
    case DType::q5_0:
      return q5_0;
    case DType::q5_1:
      return q5_1;
    case DType::q8_0:
      return q8_0;
    case DType::q2_k:
      return q2_k;
    case DType::q3_k:
      return q3_k;
    case DType::q4_k:
      return q4_k;
    case DType::q5_k:
      return q5_k;
    case DType::q6_k:
      return q6_k;
    case DType::iq4_nl:
      return iq4_nl;
    case DType::iq4_xs:
      return iq4_xs;
    case DType::mxfp4:
      return mxfp4;
    case DType::nvfp4:
      return nvfp4;
  }
  throw fail(ErrorCode::invalid_argument, "dequantize: type {} has no float32 value",
             to_string(type));
}

}  // namespace

void dequantize(DType type, std::span<const std::byte> in, std::span<float> out) {
  const Convert convert = convert_of(type);
  const auto [name, block, bytes] = info(type);
  if (checked_bytes(type, out.size()) != in.size()) {
    throw fail(ErrorCode::invalid_argument, "dequantize: {} bytes of {} for {} elements", in.size(),
               name, out.size());
  }
  const auto* from = reinterpret_cast<const uint8_t*>(in.data());
  for (size_t at = 0; at < out.size(); at += block, from += bytes) convert(from, &out[at]);
}

}  // namespace ominix::formats
