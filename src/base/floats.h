#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace ominix {

// Small floating-point formats to float32, exactly.

inline float bf16_to_float(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

inline float f16_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
  const uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
  if (exponent == 0) {  // zero and subnormal: fraction * 2^-24
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(value) | sign);
  }
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
}

// OCP 8-bit formats. E4M3 is the "fn" kind: no infinities, NaN at 0x7F and 0xFF.
inline float f8_e4m3_to_float(uint8_t bits) {
  const uint32_t exponent = bits >> 3 & 15, fraction = bits & 7;
  float value = 0;
  if ((bits & 0x7F) == 0x7F) {
    value = std::bit_cast<float>(0x7FC00000u);
  } else if (exponent == 0) {
    value = static_cast<float>(fraction) * 0x1p-9f;
  } else {
    value = std::bit_cast<float>((exponent + 120) << 23 | fraction << 20);
  }
  return bits & 0x80 ? -value : value;
}

inline float f8_e5m2_to_float(uint8_t bits) {
  return f16_to_float(static_cast<uint16_t>(bits << 8));  // the upper byte of an f16
}

// A scale: 2^(bits - 127), NaN at 255.
inline float f8_e8m0_to_float(uint8_t bits) {
  if (bits == 255) return std::bit_cast<float>(0x7FC00000u);
  return std::bit_cast<float>(bits == 0 ? 0x00400000u : static_cast<uint32_t>(bits) << 23);
}

// And back: to the nearest, ties to even.

inline uint16_t float_to_f16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t size = bits & 0x7fffffff, sign = bits >> 16 & 0x8000;
  if (size > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
  if (size >= 0x47800000) return static_cast<uint16_t>(sign | 0x7c00);  // 65536 and more
  if (size < 0x38800000) {  // below 2^-14: adding 1/2 rounds to steps of 2^-24
    const float shifted = std::bit_cast<float>(size) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000));
  }
  const uint32_t rounded = size + 0xfff + (size >> 13 & 1);
  return static_cast<uint16_t>(sign | ((rounded >> 13) - (112 << 10)));
}

inline uint16_t float_to_bf16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fc0;
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// 448 also for all that is larger and for what is not a number.
inline uint8_t float_to_f8_e4m3(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t size = bits & 0x7fffffff, sign = bits >> 24 & 0x80;
  if (size >= 0x43e00000) return static_cast<uint8_t>(sign | 0x7e);  // 448
  if (size < 0x3c800000) {  // below 2^-6: adding 2^14 rounds to steps of 2^-9
    const float shifted = std::bit_cast<float>(size) + 0x1p14f;
    return static_cast<uint8_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x46800000));
  }
  const uint32_t rounded = size + 0x7ffff + (size >> 20 & 1);
  return static_cast<uint8_t>(sign | ((rounded >> 20) - (120 << 3)));
}

}  // namespace ominix
