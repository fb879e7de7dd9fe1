#pragma once

#include "kernels/cpu/simd.h"
#include "kernels/cpu/table.h"

// How the packed forms are read. Quants: a block's bytes in eight lines; byte j of lane r of line i
// is column 4i + j of row r. Scales: float scales (and mins) of a block.
namespace ominix::kernels::OMINIX_ISA {

struct Q8 {
  static constexpr int kBytes = 512;
  OMINIX_INLINE void load(const uint8_t* p, Vi* w) {
    for (int i = 0; i < 8; i++) w[i] = load_i32(p + 64 * i);
  }
};

// Low nibbles: line 2i, high nibbles: line 2i + 1.
struct Q4 {
  static constexpr int kBytes = 256;
  OMINIX_INLINE void load(const uint8_t* p, Vi* w) {
    const Vi mask = splat_i32(0x0f0f0f0f);
    for (int i = 0; i < 4; i++) {
      const Vi v = load_i32(p + 64 * i);
      w[2 * i] = v & mask;
      w[2 * i + 1] = right<4>(v) & mask;
    }
  }
};

template <const uint8_t* kTable>
struct Q4Table {
  static constexpr int kBytes = 256;
  OMINIX_INLINE void load(const uint8_t* p, Vi* w) {
    Q4::load(p, w);
    for (int i = 0; i < 8; i++) w[i] = lookup(kTable, w[i]);
  }
};

// One bit a value, bit i of byte j for column 4i + j, moved to bit kTo.
template <int kTo>
OMINIX_INLINE void add_bit(const uint8_t* p, Vi* w) {
  const Vi v = load_i32(p), mask = splat_i32(0x01010101 << kTo);
  w[0] = w[0] | (left<kTo>(v) & mask);
  w[1] = w[1] | (left<kTo - 1>(v) & mask);
  w[2] = w[2] | (left<kTo - 2>(v) & mask);
  if constexpr (kTo == 4) {
    w[3] = w[3] | (left<1>(v) & mask);
    w[4] = w[4] | (v & mask);
    w[5] = w[5] | (right<1>(v) & mask);
    w[6] = w[6] | (right<2>(v) & mask);
    w[7] = w[7] | (right<3>(v) & mask);
  } else {
    w[3] = w[3] | (right<1>(v) & mask);
    w[4] = w[4] | (right<2>(v) & mask);
    w[5] = w[5] | (right<3>(v) & mask);
    w[6] = w[6] | (right<4>(v) & mask);
    w[7] = w[7] | (right<5>(v) & mask);
  }
}

struct Q5 {
  static constexpr int kBytes = 320;
  OMINIX_INLINE void load(const uint8_t* p, Vi* w) {
    Q4::load(p, w);
    add_bit<4>(p + 256, w);
  }
};

// Two bits a value, field i % 4 of byte j.
struct Q6 {
  static constexpr int kBytes = 384;
  OMINIX_INLINE void load(const uint8_t* p, Vi* w) {
    Q4::load(p, w);
    const Vi mask = splat_i32(0x30303030);
    for (int i = 0; i < 2; i++) {
      const Vi v = load_i32(p + 256 + 64 * i);
      w[4 * i] = w[4 * i] | (left<4>(v) & mask);
      w[4 * i + 1] = w[4 * i + 1] | (left<2>(v) & mask);
      w[4 * i + 2] = w[4 * i + 2] | (v & mask);
      w[4 * i + 3] = w[4 * i + 3] | (right<2>(v) & mask);
    }
  }
};

struct Q2 {
  static constexpr int kBytes = 128;
  OMINIX_INLINE void load(const uint8_t* p, Vi* w) {
    const Vi mask = splat_i32(0x03030303);
    for (int i = 0; i < 2; i++) {
      const Vi v = load_i32(p + 64 * i);
      w[4 * i] = v & mask;
      w[4 * i + 1] = right<2>(v) & mask;
      w[4 * i + 2] = right<4>(v) & mask;
      w[4 * i + 3] = right<6>(v) & mask;
    }
  }
};

struct Q3 {
  static constexpr int kBytes = 192;
  OMINIX_INLINE void load(const uint8_t* p, Vi* w) {
    Q2::load(p, w);
    add_bit<2>(p + 128, w);
  }
};

struct Scales {
  Vf scale[2], min[2];  // [1]: the second half of the block
};

struct F16 {
  static constexpr int kBytes = 32;
  OMINIX_INLINE Vf load(const uint8_t* p) { return load_f16(reinterpret_cast<const uint16_t*>(p)); }
};
struct Bf16 {
  static constexpr int kBytes = 32;
  OMINIX_INLINE Vf load(const uint8_t* p) {
    return load_bf16(reinterpret_cast<const uint16_t*>(p));
  }
};
struct F32 {
  static constexpr int kBytes = 64;
  OMINIX_INLINE Vf load(const uint8_t* p) {
    return OMINIX_ISA::load(reinterpret_cast<const float*>(p));
  }
};

// One scale, and perhaps a min, for 2^group_shift blocks.
template <class T, bool kHasMin>
struct Plain {
  static constexpr bool kHalves = false, kMin = kHasMin;
  OMINIX_INLINE void load(const Panel& panel, int64_t block, Scales& s) {
    const uint8_t* p =
        panel.scales + (block >> panel.group_shift) * (T::kBytes * (kHasMin ? 2 : 1));
    s.scale[0] = T::load(p);
    if constexpr (kHasMin) s.min[0] = T::load(p + T::kBytes);
  }
};

struct PlainHalves {  // bf16, one for 16 columns
  static constexpr bool kHalves = true, kMin = false;
  OMINIX_INLINE void load(const Panel& panel, int64_t block, Scales& s) {
    s.scale[0] = Bf16::load(panel.scales + block * 64);
    s.scale[1] = Bf16::load(panel.scales + block * 64 + 32);
  }
};

// d and dmin for 256 columns, then a byte each for scale and min of 32.
struct K32Min {
  static constexpr bool kHalves = false, kMin = true;
  static constexpr int kBytes = 64 + 8 * 32;
  OMINIX_INLINE void load(const Panel& panel, int64_t block, Scales& s) {
    const uint8_t* p = panel.scales + block / 8 * kBytes;
    const uint8_t* small = p + 64 + block % 8 * 32;
    s.scale[0] = F16::load(p) * to_float(load_u8(small));
    s.min[0] = splat(-0.0f) - F16::load(p + 32) * to_float(load_u8(small + 16));
  }
};

// d and dmin for 256, then a byte for 16 columns: scale low, min high.
struct K16Min {
  static constexpr bool kHalves = true, kMin = true;
  static constexpr int kBytes = 64 + 16 * 16;
  OMINIX_INLINE void load(const Panel& panel, int64_t block, Scales& s) {
    const uint8_t* p = panel.scales + block / 8 * kBytes;
    const Vf d = F16::load(p), dmin = F16::load(p + 32);
    for (int h = 0; h < 2; h++) {
      const Vi small = load_u8(p + 64 + (block % 8 * 2 + h) * 16);
      s.scale[h] = d * to_float(small & splat_i32(15));
      s.min[h] = splat(-0.0f) - dmin * to_float(right<4>(small));
    }
  }
};

// d for 256, then a signed byte for 16 or 32 columns.
template <bool kSixteen>
struct KSigned {
  static constexpr bool kHalves = kSixteen, kMin = false;
  static constexpr int kBytes = 32 + (kSixteen ? 16 : 8) * 16;
  OMINIX_INLINE void load(const Panel& panel, int64_t block, Scales& s) {
    const uint8_t* p = panel.scales + block / 8 * kBytes;
    const Vf d = F16::load(p);
    if constexpr (kSixteen) {
      s.scale[0] = d * to_float(load_i8(p + 32 + block % 8 * 32));
      s.scale[1] = d * to_float(load_i8(p + 48 + block % 8 * 32));
    } else {
      s.scale[0] = d * to_float(load_i8(p + 32 + block % 8 * 16));
    }
  }
};

}  // namespace ominix::kernels::OMINIX_ISA
