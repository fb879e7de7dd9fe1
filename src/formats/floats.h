#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace ominix::formats {

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

}  // namespace ominix::formats
