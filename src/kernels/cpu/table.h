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

constexpr int kLanes = 16;     // rows of a panel
constexpr int kDepth = 32;     // columns of a block
constexpr int kTileRows = 16;  // activations that meet a panel together
constexpr int kFewRows = 8;    // up to here weights are unpacked into registers

// 32 activations in 8 bits, x ≈ scale · q, with what a format needs of their sums: a dot product
// starts at -zero · Σq, a min is multiplied with scale · Σq. Where 16 columns share a scale, both
// are of the first half, and those of the second follow.
struct ActBlock {
  int8_t q[kDepth];
  float scale;
  float sum;
  int32_t start;
  union {
    int32_t high_start;
    float high_sum;  // formats with mins have no zero
  };
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
  // One row of activations times a panel: acc (16) += the sums.
  void (*row)(const Panel& panel, int64_t blocks, const ActBlock* x, float* acc);
  // Two to kFewRows rows, (blocks, rows), acc (rows, 16). nullptr: unpacking first is as good.
  void (*few)(const Panel& panel, int64_t blocks, const ActBlock* x, int rows, float* acc);
  void (*unpack)(const Panel& panel, int64_t first, int count, Stage& stage);
};

// Up to 16 queries of one key head, and a block of 256 tokens.
struct AttendBlock {
  const float* q;  // (key_dim, rows)
  int rows, key_dim, value_panels;
  const float* keys;     // 16 panels of (key_dim, 16)
  const float* values;   // value_panels of (256, 16)
  int begin, end;        // tokens of the block that some query sees
  const int *from, *to;  // that query r sees
  float scale, soft_cap;
};

struct Table {
  const FormatKernels* formats;  // by Format

  void (*quantize)(const FormatKernels& format, const float* x, int64_t columns, ActBlock* out,
                   int stride);
  // The products of a tile: up to 16 rows of activations, their values (or blocks) of one column
  // side by side, (k, rows).  acc (rows, 16) += activations · weights, columns in order.
  // tile_i8: of several panels, their acc `stride` rows apart.
  void (*tile_i8)(const FormatKernels& format, const Stage* stages, int panels, int blocks,
                  const ActBlock* x, int rows, float* acc, int64_t stride);
  void (*tile_f32)(const float* w, int64_t k, const float* x, int rows, float* acc);
  void (*tile_f16)(const uint16_t* w, int64_t k, const float* x, int rows, float* acc);
  void (*tile_bf16)(const uint16_t* w, int64_t k, const float* x, int rows, float* acc);
  // The staged values in float32, (32 · blocks, 16).
  void (*values)(const FormatKernels& format, const Stage& stage, int blocks, float* out);

  // out (value_panels, rows, 16): weighted values, not yet divided by the sums of weights. A query
  // that sees nothing has a max of -inf.
  void (*attend_block)(const AttendBlock& block, float* out, float* max, float* sum);
  void (*attend_merge)(const float* part, const float* part_max, const float* part_sum, int rows,
                       int value_panels, float* out, float* max, float* sum);

  // Rows of n values; y may be x.
  void (*rms_norm)(const float* x, const float* w, int64_t n, float eps, float* y);
  void (*layer_norm)(const float* x, const float* w, const float* b, int64_t n, float eps,
                     float* y);
  void (*add)(const float* x, const float* r, int64_t n, float* y);
  void (*multiply)(const float* x, const float* r, int64_t n, float* y);
  void (*softmax)(const float* x, int64_t n, float* y);
  void (*silu)(const float* x, int64_t n, float* y);
  void (*gelu)(const float* x, int64_t n, float* y);
  void (*gelu_tanh)(const float* x, int64_t n, float* y);
  void (*swiglu)(const float* gate, const float* up, int64_t n, float* y);
  int32_t (*argmax)(const float* x, int64_t n);
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
