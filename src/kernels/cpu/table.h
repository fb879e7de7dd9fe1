#pragma once

#include <cstdint>

// The CPU kernels of one instruction set, as plain functions over plain memory.
namespace ominix::kernels {

// How packed weights lie in memory. A panel holds 16 rows: first the whole numbers of all its
// columns in blocks of 32, then the scales. A dword lane of a 64-byte line belongs to one row.
enum class Format : uint8_t {
  f32,
  f16,
  bf16,  // (K, 16)
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
  fp4_g32,
  fp4_g16,  // E2M1 with bf16 scales
  affine2_f16,
  affine2_bf16,
  affine2_f32,
  affine3_f16,
  affine3_bf16,
  affine3_f32,
  affine4_f16,
  affine4_bf16,
  affine4_f32,
  affine5_f16,
  affine5_bf16,
  affine5_f32,
  affine6_f16,
  affine6_bf16,
  affine6_f32,
  affine8_f16,
  affine8_bf16,
  affine8_f32,
  count
};

constexpr int kLanes = 16;  // rows of a panel
constexpr int kDepth = 32;  // columns of a block

// 32 activations in 8 bits: x ≈ scale · q.
struct ActBlock {
  int8_t q[kDepth];
  float scale;
  float sum;      // scale · Σq
  int32_t total;  // Σq
  int32_t high;   // Σq of the second half
};

struct Panel {
  const uint8_t* quants;
  const uint8_t* scales;
  int group_shift;  // affine: log2 of the blocks that share a scale
};

// Some blocks of a panel, unpacked: bytes ready for dot products, scales in float.
struct Stage {
  static constexpr int kBlocks = 8;
  alignas(64) uint8_t q[kBlocks][8][64];
  alignas(64) float scale[kBlocks][2][kLanes];  // [1]: of the second half
  alignas(64) float min[kBlocks][2][kLanes];
};

struct FormatKernels {
  int quant_bytes;  // of a block of a panel; 0: a dense format
  int zero;         // subtracted from every byte
  bool halves;      // 16 columns share a scale, not 32
  bool has_min;
  bool wide;  // bytes over 128 occur
  // One row of activations times a panel: out[lane] = Σ over `blocks`.
  void (*row)(const Panel& panel, int64_t blocks, const ActBlock* x, float* out);
  void (*unpack)(const Panel& panel, int64_t first, int count, Stage& stage);
};

struct Table {
  const FormatKernels* formats;  // by Format

  void (*quantize)(const float* x, int64_t columns, ActBlock* out);
  // acc (m, 16) += activations (m rows, `stride` blocks apart) · staged blocks.
  void (*tile_i8)(const FormatKernels& format, const Stage& stage, int blocks, const ActBlock* x,
                  int64_t stride, int64_t m, float* acc);
  // The staged values in float32, (32 · blocks, 16).
  void (*values)(const FormatKernels& format, const Stage& stage, int blocks, float* out);
  // acc (m, 16) += x (m, k) · w (k, 16), k in order.
  void (*tile_f32)(const float* w, int64_t k, const float* x, int64_t ldx, int64_t m, float* acc);
  void (*tile_f16)(const uint16_t* w, int64_t k, const float* x, int64_t ldx, int64_t m,
                   float* acc);
  void (*tile_bf16)(const uint16_t* w, int64_t k, const float* x, int64_t ldx, int64_t m,
                    float* acc);
};

const Table& table();  // of the instruction set in use

namespace portable {
extern const Table kTable;
}
#if defined(__x86_64__)
namespace avx2 {
extern const Table kTable;
}
namespace avx512 {
extern const Table kTable;
}
namespace avx512_vnni {
extern const Table kTable;
}
#endif

}  // namespace ominix::kernels
