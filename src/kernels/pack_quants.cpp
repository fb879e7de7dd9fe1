#include <cstring>

#include "kernels/matrix_data.h"

// From a file's order of bits to a panel's, four columns at a time, for the forms that models
// mostly come in. What is not here goes through decode_row().
namespace ominix::kernels {
namespace {

constexpr uint32_t kLow = 0x0f0f0f0f, kHigh = 0xf0f0f0f0;

uint32_t four(const uint8_t* p) {
  uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}
void put(uint8_t* line, int lane, uint32_t v) { std::memcpy(line + 4 * lane, &v, 4); }

// Bits 0 to 3 as the lowest bits of four bytes.
uint32_t spread_bits(uint32_t bits) { return (bits & 15) * 0x00204081 & 0x01010101; }
// Nibbles 0 to 3 as the low nibbles of four bytes.
uint32_t spread_nibbles(uint32_t v) {
  v = (v | v << 8) & 0x00ff00ff;
  return (v | v << 4) & kLow;
}

// 16 bytes: columns 0 to 15 low, 16 to 31 high.
void halves(const uint8_t* s, int lane, uint8_t* out) {
  for (int i = 0; i < 2; i++) {
    const uint32_t a = four(s + 8 * i), b = four(s + 8 * i + 4);
    put(out + 64 * i, lane, (a & kLow) | (b & kLow) << 4);
    put(out + 64 * (i + 2), lane, (a >> 4 & kLow) | (b & kHigh));
  }
}

// 32 bytes: their low nibbles or their high ones.
void low_nibbles(const uint8_t* s, int lane, uint8_t* out) {
  for (int i = 0; i < 4; i++) {
    put(out + 64 * i, lane, (four(s + 8 * i) & kLow) | (four(s + 8 * i + 4) & kLow) << 4);
  }
}
void high_nibbles(const uint8_t* s, int lane, uint8_t* out) {
  for (int i = 0; i < 4; i++) {
    put(out + 64 * i, lane, (four(s + 8 * i) >> 4 & kLow) | (four(s + 8 * i + 4) & kHigh));
  }
}

template <int kBytes, int kQuants>  // of a block, and where its nibbles begin
void q4(const uint8_t* row, int64_t b, int lane, uint8_t* out) {
  halves(row + b * kBytes + kQuants, lane, out);
}

template <int kBytes, int kBits>  // of a block, and where its fifth bits are; nibbles follow
void q5(const uint8_t* row, int64_t b, int lane, uint8_t* out) {
  const uint8_t* s = row + b * kBytes + kBits;
  halves(s + 4, lane, out);
  const uint32_t bits = four(s);
  uint32_t one = 0;
  for (int i = 0; i < 8; i++) one |= spread_bits(bits >> (4 * i)) << i;
  put(out + 256, lane, one);
}

void q8_0(const uint8_t* row, int64_t b, int lane, uint8_t* out) {
  const uint8_t* s = row + b * 34 + 2;
  for (int i = 0; i < 8; i++) put(out + 64 * i, lane, four(s + 4 * i) ^ 0x80808080);
}

void q45_k_nibbles(const uint8_t* quants, int64_t b, int lane, uint8_t* out) {
  const uint8_t* s = quants + b % 8 / 2 * 32;
  if (b % 2 == 0) {
    low_nibbles(s, lane, out);
  } else {
    high_nibbles(s, lane, out);
  }
}

void q4_k(const uint8_t* row, int64_t b, int lane, uint8_t* out) {
  q45_k_nibbles(row + b / 8 * 144 + 16, b, lane, out);
}

void q5_k(const uint8_t* row, int64_t b, int lane, uint8_t* out) {
  const uint8_t* block = row + b / 8 * 176;
  q45_k_nibbles(block + 48, b, lane, out);
  uint32_t one = 0;
  for (int i = 0; i < 8; i++) one |= (four(block + 16 + 4 * i) >> (b % 8) & 0x01010101) << i;
  put(out + 256, lane, one);
}

void q6_k(const uint8_t* row, int64_t b, int lane, uint8_t* out) {
  const uint8_t* block = row + b / 8 * 210;
  const auto half = static_cast<int>(b % 8 / 4), group = static_cast<int>(b % 4);
  const uint8_t *low = block + 64 * half + 32 * (group % 2), *high = block + 128 + 32 * half;
  if (group < 2) {
    low_nibbles(low, lane, out);
  } else {
    high_nibbles(low, lane, out);
  }
  for (int line = 0; line < 2; line++) {
    uint32_t two = 0;
    for (int i = 0; i < 4; i++) {
      two |= (four(high + 16 * line + 4 * i) >> (2 * group) & 0x03030303) << (2 * i);
    }
    put(out + 256 + 64 * line, lane, two);
  }
}

void stream4(const uint8_t* row, int64_t b, int lane, uint8_t* out) {
  for (int i = 0; i < 4; i++) {
    const uint32_t v = four(row + b * 16 + 4 * i);
    put(out + 64 * i, lane, spread_nibbles(v & 0xffff) | spread_nibbles(v >> 16) << 4);
  }
}

void stream8(const uint8_t* row, int64_t b, int lane, uint8_t* out) {
  for (int i = 0; i < 8; i++) put(out + 64 * i, lane, four(row + b * 32 + 4 * i));
}

}  // namespace

PutBlock direct_block(const Encoding& e) {
  if (e.mode == Encoding::Mode::affine) {
    return e.bits == 4 ? stream4 : e.bits == 8 ? stream8 : nullptr;
  }
  if (e.mode == Encoding::Mode::mxfp4) return stream4;
  if (e.mode != Encoding::Mode::block) return nullptr;
  switch (e.type) {
    case DType::q4_0:
    case DType::iq4_nl:
      return q4<18, 2>;
    case DType::q4_1:
      return q4<20, 4>;
    case DType::q5_0:
      return q5<22, 2>;
    case DType::q5_1:
      return q5<24, 4>;
    case DType::q8_0:
      return q8_0;
    case DType::q4_k:
      return q4_k;
    case DType::q5_k:
      return q5_k;
    case DType::q6_k:
      return q6_k;
    case DType::mxfp4:
      return q4<17, 1>;
    default:
      return nullptr;
  }
}

}  // namespace ominix::kernels
