#include "kernels/quantize.h"

#include <bit>

#include "base/error.h"
#include "sources.h"
#include "support/expect_error.h"

namespace ominix::kernels {
namespace {

using Mode = Encoding::Mode;

const char* name_of(Mode mode) {
  return mode == Mode::affine  ? "affine"
         : mode == Mode::mxfp4 ? "mxfp4"
         : mode == Mode::mxfp8 ? "mxfp8"
                               : "nvfp4";
}

// Rows of all sizes, with zeros, ties and groups of one value.
std::vector<float> awkward_values(int rows, int cols) {
  std::mt19937_64 generator(3);
  std::normal_distribution<float> normal;
  std::vector<float> out(static_cast<size_t>(rows) * cols);
  for (int r = 0; r < rows; r++) {
    const float size = std::ldexp(1.0f, r % 24 - 14);
    for (int c = 0; c < cols; c++) {
      float v = normal(generator) * size;
      if (r % 5 == 1) v = std::round(normal(generator) * 8) / 4;  // ties
      if (r % 5 == 2 && c < 128) v = c < 64 ? 0.0f : -size;
      out[static_cast<size_t>(r) * cols + c] = v;
    }
  }
  return out;
}

MatrixSource source_of(const array& w) {
  const DType type = w.dtype() == mx::float32   ? DType::f32
                     : w.dtype() == mx::float16 ? DType::f16
                                                : DType::bf16;
  MatrixSource source{.encoding = {Mode::block, type}, .rows = w.shape(0), .cols = w.shape(1)};
  source.read = [w, row = source.row_bytes(0)](int, int64_t first, int64_t count, std::byte* out) {
    std::memcpy(out, w.data<std::byte>() + first * row, count * row);
  };
  return source;
}

void expect_as_mlx(const array& w, const Encoding& to) {
  const PackedPlanes got = quantize(source_of(w), to);
  const std::vector<array> want = mx::quantize(w, to.group_size, to.bits, name_of(to.mode));
  ASSERT_EQ(want.size(), to.mode == Mode::affine ? 3u : 2u);
  for (size_t p = 0; p < want.size(); p++) {
    array plane = want[p];
    plane.eval();
    ASSERT_EQ(got.planes[p].size(), plane.nbytes());
    const auto* bytes = plane.data<std::byte>();
    const auto differs = std::mismatch(got.planes[p].begin(), got.planes[p].end(), bytes);
    EXPECT_EQ(differs.first, got.planes[p].end())
        << "plane " << p << ", byte " << differs.second - bytes;
  }
}

TEST(Quantize, GivesTheBytesOfMlx) {
  constexpr int kRows = 50, kCols = 384;
  const std::vector<float> values = awkward_values(kRows, kCols);
  for (const auto& [type, dtype] : {std::pair{mx::float32, DType::f32},
                                    {mx::float16, DType::f16},
                                    {mx::bfloat16, DType::bf16}}) {
    array w = mx::astype(array(values.data(), {kRows, kCols}), type);
    w.eval();
    for (const int bits : {2, 3, 4, 5, 6, 8}) {
      for (const int group : {32, 64, 128}) {
        SCOPED_TRACE(::testing::Message()
                     << to_string(dtype) << ", " << bits << " bits, " << group);
        expect_as_mlx(w, {Mode::affine, dtype, bits, group});
      }
    }
    for (const auto& [mode, bits, group] :
         {std::tuple{Mode::mxfp4, 4, 32}, {Mode::mxfp8, 8, 32}, {Mode::nvfp4, 4, 16}}) {
      SCOPED_TRACE(::testing::Message() << to_string(dtype) << ", " << name_of(mode));
      expect_as_mlx(w, {mode, DType::u8, bits, group});
    }
  }
}

TEST(Quantize, TakesPackedSources) {
  const RandomMatrix w({Mode::block, DType::q4_k}, 20, 512, 1);
  const Encoding to{Mode::affine, DType::f32, 8, 64};
  const PackedPlanes got = quantize(w.source(), to);
  const std::vector<float> values = w.values();
  array dense(values.data(), {20, 512});
  const PackedPlanes want = quantize(source_of(dense), to);
  for (int p = 0; p < 3; p++) EXPECT_EQ(got.planes[p], want.planes[p]);
}

TEST(Quantize, SurvivesWhatIsNotFinite) {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    std::vector<float> values(64, 1.0f);
    values[7] = bad;
    const array w(values.data(), {1, 64});
    for (const Encoding& to : {Encoding{Mode::affine, DType::f16, 4, 64},
                               {Mode::mxfp4, DType::u8},
                               {Mode::mxfp8, DType::u8},
                               {Mode::nvfp4, DType::u8}}) {
      EXPECT_FALSE(quantize(source_of(w), to).planes[0].empty());
    }
  }
}

TEST(Quantize, RefusesOtherForms) {
  const array w = random_array({4, 96}, 1);
  const auto to = [](int bits, int group) {
    return Encoding{Mode::affine, DType::f32, bits, group};
  };
  EXPECT_ERROR(quantize(source_of(w), to(4, 64)), ErrorCode::invalid_argument, "groups of 64");
  EXPECT_ERROR(quantize(source_of(w), to(7, 32)), ErrorCode::unsupported, "7 bits");
  EXPECT_ERROR(quantize(source_of(w), to(4, 0)), ErrorCode::unsupported, "groups of 0");
  EXPECT_ERROR(quantize(source_of(w), {Mode::block, DType::q4_0}), ErrorCode::unsupported, "q4_0");
  MatrixSource broken = source_of(w);
  broken.read = [](int, int64_t, int64_t, std::byte*) {
    throw fail(ErrorCode::io, "the disk is gone");
  };
  EXPECT_ERROR(quantize(broken, to(4, 32)), ErrorCode::io, "disk");
}

// Every f16 and e4m3 value is its own nearest; between two neighbours the even one wins a tie.
TEST(Quantize, RoundsToTheNearest) {
  for (uint32_t bits = 0; bits < 0x7c00; bits++) {
    const float here = f16_to_float(static_cast<uint16_t>(bits));
    EXPECT_EQ(float_to_f16(here), bits);
    EXPECT_EQ(float_to_f16(-here), bits | 0x8000);
    if (bits == 0x7bff) break;
    const float next = f16_to_float(static_cast<uint16_t>(bits + 1)), middle = (here + next) / 2;
    EXPECT_EQ(float_to_f16(middle), bits + (bits & 1));
    EXPECT_EQ(float_to_f16(std::nextafter(middle, 0.0f)), bits);
    EXPECT_EQ(float_to_f16(std::nextafter(middle, next)), bits + 1);
  }
  for (uint32_t bits = 0; bits < 0x7e; bits++) {
    const float here = f8_e4m3_to_float(static_cast<uint8_t>(bits));
    const float next = f8_e4m3_to_float(static_cast<uint8_t>(bits + 1)), middle = (here + next) / 2;
    EXPECT_EQ(float_to_f8_e4m3(here), bits);
    EXPECT_EQ(float_to_f8_e4m3(-here), bits | 0x80);
    EXPECT_EQ(float_to_f8_e4m3(middle), bits + (bits & 1));
    EXPECT_EQ(float_to_f8_e4m3(std::nextafter(middle, next)), bits + 1);
  }
  EXPECT_EQ(float_to_f8_e4m3(1e9f), 0x7e);
  EXPECT_EQ(float_to_f16(65519.0f), 0x7bff);
  EXPECT_EQ(float_to_f16(65520.0f), 0x7c00);
  EXPECT_TRUE(std::isnan(f16_to_float(float_to_f16(NAN))));
  EXPECT_TRUE(std::isnan(bf16_to_float(float_to_bf16(NAN))));
  EXPECT_EQ(float_to_bf16(1.00390625f), 0x3f80);  // a tie
}

}  // namespace
}  // namespace ominix::kernels
