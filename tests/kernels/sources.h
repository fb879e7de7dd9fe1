#pragma once

#include <memory>
#include <string>

#include "kernels/decode.h"
#include "support.h"

namespace ominix::kernels {

// A matrix of random bytes in some encoding: scales tame, everything else anything.
class RandomMatrix {
 public:
  RandomMatrix(const Encoding& encoding, int64_t rows, int64_t cols, uint64_t seed) {
    source_.encoding = encoding;
    source_.rows = rows;
    source_.cols = cols;
    std::mt19937_64 generator(seed);
    for (int p = 0; p < source_.planes(); p++) {
      planes_[p].resize(source_.row_bytes(p) * rows);
      for (auto& b : planes_[p]) b = static_cast<std::byte>(generator());
      if (p > 0) tame_plane(p, generator);
    }
    if (encoding.mode == Encoding::Mode::block) tame_blocks(generator);
    if (encoding.mode == Encoding::Mode::mxfp8) {
      for (auto& b : planes_[0]) b &= std::byte{0xBF};  // no NaN
    }
    source_.read = [this](int plane, int64_t first, int64_t count, std::byte* out) {
      const uint64_t bytes = source_.row_bytes(plane);
      std::memcpy(out, planes_[plane].data() + first * bytes, count * bytes);
    };
  }
  RandomMatrix(const RandomMatrix&) = delete;

  const MatrixSource& source() const { return source_; }

  // By the scalar decoder.
  std::vector<float> values() const {
    std::vector<float> out(source_.rows * source_.cols);
    for (int64_t r = 0; r < source_.rows; r++) {
      const std::byte* at[3];
      for (int p = 0; p < 3; p++) at[p] = planes_[p].data() + r * source_.row_bytes(p);
      decode_values(source_.encoding, at, source_.cols, out.data() + r * source_.cols);
    }
    return out;
  }

 private:
  static uint16_t half(std::mt19937_64& g) {  // ± 2^-8 … 2^-5
    return static_cast<uint16_t>((g() & 0x83FF) | (7 + g() % 3) << 10);
  }
  static void put(std::byte* at, uint16_t v) { std::memcpy(at, &v, 2); }

  void tame_plane(int p, std::mt19937_64& g) {
    auto& plane = planes_[p];
    if (source_.encoding.mode != Encoding::Mode::affine) {
      const bool e4m3 = source_.encoding.mode == Encoding::Mode::nvfp4;
      for (auto& b : plane) b = static_cast<std::byte>(e4m3 ? g() % 64 : 120 + g() % 6);
      return;
    }
    const size_t size = info(source_.encoding.type).bytes;
    for (size_t i = 0; i < plane.size(); i += size) {
      const float value = f16_to_float(half(g));
      const uint32_t bits = __builtin_bit_cast(uint32_t, value);
      if (size == 4) {
        std::memcpy(&plane[i], &bits, 4);
      } else {
        put(&plane[i], source_.encoding.type == DType::f16 ? half(g) : bits >> 16);
      }
    }
  }

  void tame_blocks(std::mt19937_64& g) {
    const DTypeInfo& t = info(source_.encoding.type);
    for (size_t i = 0; i < planes_[0].size(); i += t.bytes) {
      std::byte* b = &planes_[0][i];
      switch (source_.encoding.type) {
        case DType::f32: {
          const float v = f16_to_float(half(g));
          std::memcpy(b, &v, 4);
          break;
        }
        case DType::f16:
          put(b, half(g));
          break;
        case DType::bf16:
          put(b, __builtin_bit_cast(uint32_t, f16_to_float(half(g))) >> 16);
          break;
        case DType::q4_1:
        case DType::q5_1:
        case DType::q4_k:
        case DType::q5_k:
          put(b + 2, half(g));
          [[fallthrough]];
        case DType::q4_0:
        case DType::q5_0:
        case DType::q8_0:
        case DType::iq4_nl:
        case DType::iq4_xs:
          put(b, half(g));
          break;
        case DType::q2_k:
          put(b + 80, half(g)), put(b + 82, half(g));
          break;
        case DType::q3_k:
          put(b + 108, half(g));
          break;
        case DType::q6_k:
          put(b + 208, half(g));
          break;
        case DType::mxfp4:
          b[0] = static_cast<std::byte>(120 + g() % 6);
          break;
        case DType::nvfp4:
          for (int j = 0; j < 4; j++) b[j] = static_cast<std::byte>(g() % 64);
          break;
        default:
          break;
      }
    }
  }

  MatrixSource source_;
  std::vector<std::byte> planes_[3];
};

inline std::vector<Encoding> all_encodings() {
  using Mode = Encoding::Mode;
  std::vector<Encoding> out;
  for (const DType t :
       {DType::f32, DType::f16, DType::bf16, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1,
        DType::q8_0, DType::q2_k, DType::q3_k, DType::q4_k, DType::q5_k, DType::q6_k, DType::iq4_nl,
        DType::iq4_xs, DType::mxfp4, DType::nvfp4}) {
    out.push_back({Mode::block, t});
  }
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const int group : {32, 64, 128}) out.push_back({Mode::affine, DType::bf16, bits, group});
  }
  out.push_back({Mode::affine, DType::f16, 4, 64});
  out.push_back({Mode::affine, DType::f32, 4, 64});
  out.push_back({Mode::affine, DType::f32, 8, 32});
  out.push_back({Mode::mxfp4, DType::u8, 4, 32});
  out.push_back({Mode::mxfp8, DType::u8, 8, 32});
  out.push_back({Mode::nvfp4, DType::u8, 4, 16});
  return out;
}

inline std::string name(const Encoding& e) {
  switch (e.mode) {
    case Encoding::Mode::block:
      return std::string(to_string(e.type));
    case Encoding::Mode::affine:
      return "affine" + std::to_string(e.bits) + "_g" + std::to_string(e.group_size) + "_" +
             std::string(to_string(e.type));
    case Encoding::Mode::mxfp4:
      return "mlx_mxfp4";
    case Encoding::Mode::mxfp8:
      return "mlx_mxfp8";
    case Encoding::Mode::nvfp4:
      return "mlx_nvfp4";
  }
  return "";
}

// Columns that every encoding can have, beside odd ones for dense matrices.
inline int64_t columns(const Encoding& e, int64_t wanted) {
  int64_t unit = 1;
  if (e.mode == Encoding::Mode::block)
    unit = info(e.type).block;
  else
    unit = e.group_size;
  return (wanted + unit - 1) / unit * unit;
}

}  // namespace ominix::kernels
