#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "base/floats.h"
#include "kernels/matrix.h"

// Weights as files hold them, taken apart into whole numbers and scales.
//
// Every encoding is, per group of values, value = scale · (q − zero) + min with q a whole number of
// at most 8 bits, or scale · table[q] for the float-like ones.
namespace ominix::kernels {

// One row of a matrix, cols values.
struct DecodedRow {
  uint8_t* q;    // cols numbers
  float* scale;  // one a group
  float* min;    // one a group; only written when has_min
};

struct Grading {
  int bits;   // of q
  int group;  // values that share a scale
  int zero;   // subtracted from q
  bool has_min;
  // Not null: q is an index here and the value is scale · table[q]. zero is then 0.
  const int8_t* table;
};

// Errors: unsupported for encodings that are not whole numbers with scales (dense, mxfp8).
Grading grading(const Encoding& encoding);
bool is_graded(const Encoding& encoding);

// `planes` are the row's bytes in each plane of the source.
void decode_row(const Encoding& encoding, const std::byte* const planes[3], int64_t cols,
                const DecodedRow& out);

// The row's values, in float32, by the formula of the format's reference.
void decode_values(const Encoding& encoding, const std::byte* const planes[3], int64_t cols,
                   float* out);

// Group j's scale (and min) in the packed numbers of a super block: Q4_K's and Q5_K's from their 12
// bytes, the others from the block, as a signed byte.
void q4_k_scales(const uint8_t* packed, int j, int& scale, int& min);
uint8_t q3_k_scale(const uint8_t* block, int j);
uint8_t iq4_xs_scale(const uint8_t* block, int j);

}  // namespace ominix::kernels
