#pragma once

#include "kernels/cpu/attention.h"

// Fills the table of one instruction set.
namespace ominix::kernels::OMINIX_ISA {

// The tables' values, moved up so that none is negative.
inline constexpr uint8_t kFp4Table[16] = {12, 13, 14, 15, 16, 18, 20, 24,
                                          12, 11, 10, 9,  8,  6,  4,  0};
inline constexpr uint8_t kIq4Table[16] = {1,   24,  45,  63,  79,  93,  106, 118,
                                          129, 141, 153, 166, 181, 197, 217, 241};

template <class Q, class S, int kZero, bool kWide = false>
constexpr FormatKernels kernels_of() {
#if defined(__AVX512VNNI__)
  const auto some = few<Q, S, kWide>;
#else
  const auto some = nullptr;
#endif
  return {Q::kBytes, kZero, S::kHalves, S::kMin, kWide, row<Q, S, kWide>, some, unpack<Q, S>};
}

#define OMINIX_AFFINE(Q, wide)                                                             \
  kernels_of<Q, Plain<F16, true>, 0, wide>(), kernels_of<Q, Plain<Bf16, true>, 0, wide>(), \
      kernels_of<Q, Plain<F32, true>, 0, wide>()

constexpr FormatKernels kFormats[] = {
    {},
    {},
    {},
    kernels_of<Q4, Plain<F16, false>, 8>(),
    kernels_of<Q4, Plain<F16, true>, 0>(),
    kernels_of<Q5, Plain<F16, false>, 16>(),
    kernels_of<Q5, Plain<F16, true>, 0>(),
    kernels_of<Q8, Plain<F16, false>, 128, true>(),
    kernels_of<Q2, K16Min, 0>(),
    kernels_of<Q3, KSigned<true>, 4>(),
    kernels_of<Q4, K32Min, 0>(),
    kernels_of<Q5, K32Min, 0>(),
    kernels_of<Q6, KSigned<true>, 32>(),
    kernels_of<Q4Table<kIq4Table>, Plain<F16, false>, 128, true>(),
    kernels_of<Q4Table<kIq4Table>, KSigned<false>, 128, true>(),
    kernels_of<Q4Table<kFp4Table>, Plain<Bf16, false>, 12>(),
    kernels_of<Q4Table<kFp4Table>, PlainHalves, 12>(),
    OMINIX_AFFINE(Q2, false),
    OMINIX_AFFINE(Q3, false),
    OMINIX_AFFINE(Q4, false),
    OMINIX_AFFINE(Q5, false),
    OMINIX_AFFINE(Q6, false),
    OMINIX_AFFINE(Q8, true),
};
static_assert(sizeof kFormats / sizeof *kFormats == static_cast<int>(Format::count));

extern const Table kTable = {
    .formats = kFormats,
    .quantize = quantize,
    .tile_i8 = tile_i8,
    .tile_f32 = dense<DenseF32>,
    .tile_f16 = dense<DenseF16>,
    .tile_bf16 = dense<DenseBf16>,
    .values = values,
    .attend_block = attend_block,
    .attend_merge = attend_merge,
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .add = add,
    .multiply = multiply,
    .softmax = softmax,
    .silu = map<silu>,
    .gelu = map<gelu>,
    .gelu_tanh = map<gelu_tanh>,
    .swiglu = swiglu,
    .argmax = argmax,
};

}  // namespace ominix::kernels::OMINIX_ISA
