#pragma once

// Sixteen lanes of float or int32, in whatever registers the translation unit is compiled for.
// Every lane does the same arithmetic on all of them, except that multiply-adds are fused where
// the hardware has them. No standard library here: a function of it, compiled for a wide
// instruction set, could be the copy that the linker keeps for everybody.

#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define OMINIX_INLINE static inline __attribute__((always_inline))

namespace ominix::kernels::OMINIX_ISA {

#if defined(__AVX512F__)

constexpr int kRegisters = 32;
struct Vf {
  __m512 v;
};
struct Vi {
  __m512i v;
};
OMINIX_INLINE Vf load(const float* p) { return {_mm512_loadu_ps(p)}; }
OMINIX_INLINE void store(float* p, Vf a) { _mm512_storeu_ps(p, a.v); }
OMINIX_INLINE Vf splat(float x) { return {_mm512_set1_ps(x)}; }
OMINIX_INLINE Vf operator+(Vf a, Vf b) { return {_mm512_add_ps(a.v, b.v)}; }
OMINIX_INLINE Vf operator-(Vf a, Vf b) { return {_mm512_sub_ps(a.v, b.v)}; }
OMINIX_INLINE Vf operator*(Vf a, Vf b) { return {_mm512_mul_ps(a.v, b.v)}; }
OMINIX_INLINE Vf operator/(Vf a, Vf b) { return {_mm512_div_ps(a.v, b.v)}; }
OMINIX_INLINE Vf fma(Vf a, Vf b, Vf c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
// b where a is not a number.
OMINIX_INLINE Vf max(Vf a, Vf b) { return {_mm512_max_ps(a.v, b.v)}; }
OMINIX_INLINE Vf min(Vf a, Vf b) { return {_mm512_min_ps(a.v, b.v)}; }
OMINIX_INLINE Vf abs(Vf a) { return {_mm512_abs_ps(a.v)}; }
// a < b ? yes : no
OMINIX_INLINE Vf if_less(Vf a, Vf b, Vf yes, Vf no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), no.v, yes.v)};
}
OMINIX_INLINE Vf load_f16(const uint16_t* p) {
  return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
}
OMINIX_INLINE Vf load_bf16(const uint16_t* p) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16))};
}
OMINIX_INLINE Vi load_i32(const void* p) { return {_mm512_loadu_si512(p)}; }
OMINIX_INLINE void store_i32(void* p, Vi a) { _mm512_storeu_si512(p, a.v); }
OMINIX_INLINE Vi load_u8(const uint8_t* p) {
  return {_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
OMINIX_INLINE Vi load_i8(const uint8_t* p) {
  return {_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
OMINIX_INLINE Vi splat_i32(int32_t x) { return {_mm512_set1_epi32(x)}; }
OMINIX_INLINE Vi operator+(Vi a, Vi b) { return {_mm512_add_epi32(a.v, b.v)}; }
OMINIX_INLINE Vi operator-(Vi a, Vi b) { return {_mm512_sub_epi32(a.v, b.v)}; }
OMINIX_INLINE Vi operator&(Vi a, Vi b) { return {_mm512_and_si512(a.v, b.v)}; }
OMINIX_INLINE Vi operator|(Vi a, Vi b) { return {_mm512_or_si512(a.v, b.v)}; }
template <int N>
OMINIX_INLINE Vi left(Vi a) {
  return {_mm512_slli_epi32(a.v, N)};
}
template <int N>
OMINIX_INLINE Vi right(Vi a) {  // zeros come in
  return {_mm512_srli_epi32(a.v, N)};
}
OMINIX_INLINE Vf to_float(Vi a) { return {_mm512_cvtepi32_ps(a.v)}; }
OMINIX_INLINE Vi round_to_int(Vf a) { return {_mm512_cvtps_epi32(a.v)}; }
OMINIX_INLINE Vf as_float_bits(Vi a) { return {_mm512_castsi512_ps(a.v)}; }
// Every byte's low nibble replaced by table[nibble].
OMINIX_INLINE Vi lookup(const uint8_t* table, Vi nibbles) {
  const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
  return {_mm512_shuffle_epi8(_mm512_broadcast_i32x4(t), nibbles.v)};
}
// Adds to each lane the four products of its unsigned bytes with its signed bytes. kWide: unsigned
// bytes may be over 128, so that two products may not fit 16 bits.
template <bool kWide>
OMINIX_INLINE Vi dot4(Vi sum, Vi u, Vi s) {
#if defined(__AVX512VNNI__)
  return {_mm512_dpbusd_epi32(sum.v, u.v, s.v)};
#else
  if constexpr (kWide) {
    const __m512i even = _mm512_madd_epi16(_mm512_and_si512(u.v, _mm512_set1_epi16(255)),
                                           _mm512_srai_epi16(_mm512_slli_epi16(s.v, 8), 8));
    const __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(u.v, 8), _mm512_srai_epi16(s.v, 8));
    return {_mm512_add_epi32(sum.v, _mm512_add_epi32(even, odd))};
  } else {
    const __m512i pairs = _mm512_maddubs_epi16(u.v, s.v);
    return {_mm512_add_epi32(sum.v, _mm512_madd_epi16(pairs, _mm512_set1_epi16(1)))};
  }
#endif
}
OMINIX_INLINE void store_i8(int8_t* p, Vi a) {  // saturates
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtsepi32_epi8(a.v));
}

#elif defined(__AVX2__)

constexpr int kRegisters = 16;
struct Vf {
  __m256 a, b;
};
struct Vi {
  __m256i a, b;
};
OMINIX_INLINE Vf load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
OMINIX_INLINE void store(float* p, Vf x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
OMINIX_INLINE Vf splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
OMINIX_INLINE Vf operator+(Vf x, Vf y) {
  return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)};
}
OMINIX_INLINE Vf operator-(Vf x, Vf y) {
  return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)};
}
OMINIX_INLINE Vf operator*(Vf x, Vf y) {
  return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)};
}
OMINIX_INLINE Vf operator/(Vf x, Vf y) {
  return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)};
}
OMINIX_INLINE Vf fma(Vf x, Vf y, Vf z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
OMINIX_INLINE Vf max(Vf x, Vf y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
OMINIX_INLINE Vf min(Vf x, Vf y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
OMINIX_INLINE Vf abs(Vf x) {
  const __m256 mask = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fffffff));
  return {_mm256_and_ps(x.a, mask), _mm256_and_ps(x.b, mask)};
}
OMINIX_INLINE Vf if_less(Vf x, Vf y, Vf yes, Vf no) {
  return {_mm256_blendv_ps(no.a, yes.a, _mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ)),
          _mm256_blendv_ps(no.b, yes.b, _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ))};
}
OMINIX_INLINE Vf load_f16(const uint16_t* p) {
  const auto* q = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(q)), _mm256_cvtph_ps(_mm_loadu_si128(q + 1))};
}
OMINIX_INLINE Vf load_bf16(const uint16_t* p) {
  const auto* q = reinterpret_cast<const __m128i*>(p);
  const auto wide = [](const __m128i* h) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(h)), 16));
  };
  return {wide(q), wide(q + 1)};
}
OMINIX_INLINE Vi load_i32(const void* p) {
  const auto* q = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(q), _mm256_loadu_si256(q + 1)};
}
OMINIX_INLINE void store_i32(void* p, Vi x) {
  auto* q = static_cast<__m256i*>(p);
  _mm256_storeu_si256(q, x.a);
  _mm256_storeu_si256(q + 1, x.b);
}
OMINIX_INLINE Vi load_u8(const uint8_t* p) {
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepu8_epi32(v), _mm256_cvtepu8_epi32(_mm_srli_si128(v, 8))};
}
OMINIX_INLINE Vi load_i8(const uint8_t* p) {
  const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi8_epi32(v), _mm256_cvtepi8_epi32(_mm_srli_si128(v, 8))};
}
OMINIX_INLINE Vi splat_i32(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
OMINIX_INLINE Vi operator+(Vi x, Vi y) {
  return {_mm256_add_epi32(x.a, y.a), _mm256_add_epi32(x.b, y.b)};
}
OMINIX_INLINE Vi operator-(Vi x, Vi y) {
  return {_mm256_sub_epi32(x.a, y.a), _mm256_sub_epi32(x.b, y.b)};
}
OMINIX_INLINE Vi operator&(Vi x, Vi y) {
  return {_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)};
}
OMINIX_INLINE Vi operator|(Vi x, Vi y) {
  return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)};
}
template <int N>
OMINIX_INLINE Vi left(Vi x) {
  return {_mm256_slli_epi32(x.a, N), _mm256_slli_epi32(x.b, N)};
}
template <int N>
OMINIX_INLINE Vi right(Vi x) {
  return {_mm256_srli_epi32(x.a, N), _mm256_srli_epi32(x.b, N)};
}
OMINIX_INLINE Vf to_float(Vi x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
OMINIX_INLINE Vi round_to_int(Vf x) { return {_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)}; }
OMINIX_INLINE Vf as_float_bits(Vi x) {
  return {_mm256_castsi256_ps(x.a), _mm256_castsi256_ps(x.b)};
}
OMINIX_INLINE Vi lookup(const uint8_t* table, Vi x) {
  const __m256i t =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(table)));
  return {_mm256_shuffle_epi8(t, x.a), _mm256_shuffle_epi8(t, x.b)};
}
template <bool kWide>
OMINIX_INLINE __m256i dot4_half(__m256i sum, __m256i u, __m256i s) {
  if constexpr (kWide) {
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(u, _mm256_set1_epi16(255)),
                                           _mm256_srai_epi16(_mm256_slli_epi16(s, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(u, 8), _mm256_srai_epi16(s, 8));
    return _mm256_add_epi32(sum, _mm256_add_epi32(even, odd));
  } else {
    const __m256i pairs = _mm256_maddubs_epi16(u, s);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
}
template <bool kWide>
OMINIX_INLINE Vi dot4(Vi sum, Vi u, Vi s) {
  return {dot4_half<kWide>(sum.a, u.a, s.a), dot4_half<kWide>(sum.b, u.b, s.b)};
}
OMINIX_INLINE void store_i8(int8_t* p, Vi x) {
  const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(x.a, x.b), 0xD8);
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(p),
      _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1)));
}

#else

constexpr int kRegisters = 8;  // of SSE2's 16, half are spent on the pieces of one vector
typedef float F4 __attribute__((vector_size(16)));
typedef int32_t I4 __attribute__((vector_size(16)));
typedef uint32_t U4 __attribute__((vector_size(16)));
typedef int16_t S8 __attribute__((vector_size(16)));
struct Vf {
  F4 a, b, c, d;
};
struct Vi {
  I4 a, b, c, d;
};
OMINIX_INLINE Vf load(const float* p) {
  Vf r;
  memcpy(&r, p, sizeof r);
  return r;
}
OMINIX_INLINE void store(float* p, Vf x) { memcpy(p, &x, sizeof x); }
OMINIX_INLINE Vf splat(float x) {
  const F4 q = {x, x, x, x};
  return {q, q, q, q};
}
OMINIX_INLINE Vf operator+(Vf x, Vf y) { return {x.a + y.a, x.b + y.b, x.c + y.c, x.d + y.d}; }
OMINIX_INLINE Vf operator-(Vf x, Vf y) { return {x.a - y.a, x.b - y.b, x.c - y.c, x.d - y.d}; }
OMINIX_INLINE Vf operator*(Vf x, Vf y) { return {x.a * y.a, x.b * y.b, x.c * y.c, x.d * y.d}; }
OMINIX_INLINE Vf operator/(Vf x, Vf y) { return {x.a / y.a, x.b / y.b, x.c / y.c, x.d / y.d}; }
OMINIX_INLINE Vf fma(Vf x, Vf y, Vf z) { return x * y + z; }
OMINIX_INLINE F4 if_less(F4 x, F4 y, F4 yes, F4 no) { return x < y ? yes : no; }
OMINIX_INLINE Vf if_less(Vf x, Vf y, Vf yes, Vf no) {
  return {if_less(x.a, y.a, yes.a, no.a), if_less(x.b, y.b, yes.b, no.b),
          if_less(x.c, y.c, yes.c, no.c), if_less(x.d, y.d, yes.d, no.d)};
}
OMINIX_INLINE Vf max(Vf x, Vf y) { return if_less(y, x, x, y); }
OMINIX_INLINE Vf min(Vf x, Vf y) { return if_less(x, y, x, y); }
OMINIX_INLINE Vf as_float_bits(Vi x) { return {(F4)x.a, (F4)x.b, (F4)x.c, (F4)x.d}; }
OMINIX_INLINE Vi splat_i32(int32_t x) {
  const I4 q = {x, x, x, x};
  return {q, q, q, q};
}
OMINIX_INLINE Vi operator+(Vi x, Vi y) { return {x.a + y.a, x.b + y.b, x.c + y.c, x.d + y.d}; }
OMINIX_INLINE Vi operator-(Vi x, Vi y) { return {x.a - y.a, x.b - y.b, x.c - y.c, x.d - y.d}; }
OMINIX_INLINE Vi operator&(Vi x, Vi y) { return {x.a & y.a, x.b & y.b, x.c & y.c, x.d & y.d}; }
OMINIX_INLINE Vi operator|(Vi x, Vi y) { return {x.a | y.a, x.b | y.b, x.c | y.c, x.d | y.d}; }
template <int N>
OMINIX_INLINE Vi left(Vi x) {
  return {(I4)((U4)x.a << N), (I4)((U4)x.b << N), (I4)((U4)x.c << N), (I4)((U4)x.d << N)};
}
template <int N>
OMINIX_INLINE Vi right(Vi x) {
  return {(I4)((U4)x.a >> N), (I4)((U4)x.b >> N), (I4)((U4)x.c >> N), (I4)((U4)x.d >> N)};
}
OMINIX_INLINE Vf abs(Vf x) {
  return as_float_bits(Vi{(I4)x.a, (I4)x.b, (I4)x.c, (I4)x.d} & splat_i32(0x7fffffff));
}
OMINIX_INLINE Vf load_f16(const uint16_t* p) {
  float out[16];
  for (int i = 0; i < 16; i++) {
    const uint32_t h = p[i], sign = (h & 0x8000u) << 16, exponent = h >> 10 & 31, m = h & 1023;
    float value;
    if (exponent == 0) {
      value = static_cast<float>(m) * 0x1p-24f;
      value = sign ? -value : value;
    } else {
      value =
          __builtin_bit_cast(float, sign | (exponent == 31 ? 255 : exponent + 112) << 23 | m << 13);
    }
    out[i] = value;
  }
  return load(out);
}
OMINIX_INLINE Vf load_bf16(const uint16_t* p) {
  uint32_t out[16];
  for (int i = 0; i < 16; i++) out[i] = static_cast<uint32_t>(p[i]) << 16;
  Vf r;
  memcpy(&r, out, sizeof r);
  return r;
}
OMINIX_INLINE Vi load_i32(const void* p) {
  Vi r;
  memcpy(&r, p, sizeof r);
  return r;
}
OMINIX_INLINE void store_i32(void* p, Vi x) { memcpy(p, &x, sizeof x); }
OMINIX_INLINE Vi load_u8(const uint8_t* p) {
  int32_t out[16];
  for (int i = 0; i < 16; i++) out[i] = p[i];
  return load_i32(out);
}
OMINIX_INLINE Vi load_i8(const uint8_t* p) {
  int32_t out[16];
  for (int i = 0; i < 16; i++) out[i] = (p[i] ^ 128) - 128;
  return load_i32(out);
}
OMINIX_INLINE Vf to_float(Vi x) {
  return {__builtin_convertvector(x.a, F4), __builtin_convertvector(x.b, F4),
          __builtin_convertvector(x.c, F4), __builtin_convertvector(x.d, F4)};
}
// For numbers of less than 2^22; others give anything.
OMINIX_INLINE Vi round_to_int(Vf x) {
  const Vf magic = splat(0x1.8p23f);
  const Vf shifted = x + magic;
  return Vi{(I4)shifted.a, (I4)shifted.b, (I4)shifted.c, (I4)shifted.d} -
         Vi{(I4)magic.a, (I4)magic.b, (I4)magic.c, (I4)magic.d};
}
OMINIX_INLINE Vi lookup(const uint8_t* table, Vi x) {
  uint8_t bytes[64];
  memcpy(bytes, &x, 64);
  for (int i = 0; i < 64; i++) bytes[i] = table[bytes[i] & 15];
  return load_i32(bytes);
}
OMINIX_INLINE I4 dot4_quarter(I4 sum, I4 u, I4 s) {
  // Products of one unsigned and one signed byte fit 16 bits.
  const S8 even = (S8)(u & 0x00ff00ff) * (S8)((S8)((S8)s << 8) >> 8);
  const S8 odd = (S8)((U4)u >> 8 & 0x00ff00ff) * (S8)((S8)s >> 8);
  const I4 e = (I4)even, o = (I4)odd;
  return sum + ((I4)((U4)e << 16) >> 16) + (e >> 16) + ((I4)((U4)o << 16) >> 16) + (o >> 16);
}
template <bool>
OMINIX_INLINE Vi dot4(Vi sum, Vi u, Vi s) {
  return {dot4_quarter(sum.a, u.a, s.a), dot4_quarter(sum.b, u.b, s.b),
          dot4_quarter(sum.c, u.c, s.c), dot4_quarter(sum.d, u.d, s.d)};
}
OMINIX_INLINE void store_i8(int8_t* p, Vi x) {
  int32_t v[16];
  store_i32(v, x);
  for (int i = 0; i < 16; i++)
    p[i] = static_cast<int8_t>(v[i] < -128 ? -128 : v[i] > 127 ? 127 : v[i]);
}

#endif

OMINIX_INLINE Vf zero() { return splat(0.0f); }

// Sums and maxima over the lanes, halves first: lane i with i + 8, then i + 4, i + 2, i + 1.
#if defined(__AVX2__)
#if defined(__AVX512F__)
OMINIX_INLINE __m256 low(Vf x) { return _mm512_castps512_ps256(x.v); }
OMINIX_INLINE __m256 high(Vf x) { return _mm512_extractf32x8_ps(x.v, 1); }
OMINIX_INLINE __m256i low(Vi x) { return _mm512_castsi512_si256(x.v); }
OMINIX_INLINE __m256i high(Vi x) { return _mm512_extracti32x8_epi32(x.v, 1); }
#else
OMINIX_INLINE __m256 low(Vf x) { return x.a; }
OMINIX_INLINE __m256 high(Vf x) { return x.b; }
OMINIX_INLINE __m256i low(Vi x) { return x.a; }
OMINIX_INLINE __m256i high(Vi x) { return x.b; }
#endif
OMINIX_INLINE float sum(Vf x) {
  const __m256 a = _mm256_add_ps(low(x), high(x));
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_shuffle_ps(c, c, 1)));
}
OMINIX_INLINE float largest(Vf x) {
  const __m256 a = _mm256_max_ps(high(x), low(x));
  const __m128 b = _mm_max_ps(_mm256_extractf128_ps(a, 1), _mm256_castps256_ps128(a));
  const __m128 c = _mm_max_ps(_mm_movehl_ps(b, b), b);
  return _mm_cvtss_f32(_mm_max_ss(_mm_shuffle_ps(c, c, 1), c));
}
OMINIX_INLINE int32_t sum(Vi x) {
  const __m256i a = _mm256_add_epi32(low(x), high(x));
  const __m128i b = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  const __m128i c = _mm_add_epi32(b, _mm_shuffle_epi32(b, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(c, _mm_shuffle_epi32(c, 0xB1)));
}
#else
OMINIX_INLINE float sum(Vf x) {
  float v[16];
  store(v, x);
  for (int n = 8; n >= 1; n /= 2) {
    for (int i = 0; i < n; i++) v[i] += v[i + n];
  }
  return v[0];
}
OMINIX_INLINE float largest(Vf x) {
  float v[16];
  store(v, x);
  for (int n = 8; n >= 1; n /= 2) {
    for (int i = 0; i < n; i++) v[i] = v[i] < v[i + n] ? v[i + n] : v[i];
  }
  return v[0];
}
OMINIX_INLINE int32_t sum(Vi x) {
  int32_t v[16];
  store_i32(v, x);
  int32_t s = 0;
  for (int i = 0; i < 16; i++) s += v[i];
  return s;
}
#endif

}  // namespace ominix::kernels::OMINIX_ISA
