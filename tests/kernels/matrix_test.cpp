#include "kernels/matrix.h"

#include "base/error.h"
#include "sources.h"
#include "support/expect_error.h"

namespace ominix::kernels {
namespace {

TEST(Matrix, DequantizesExactly) {
  for (const Encoding& e : all_encodings()) {
    SCOPED_TRACE(name(e));
    for (const int64_t rows : {1, 16, 37}) {
      const RandomMatrix m(e, rows, columns(e, 300), rows);
      const Matrix packed = Matrix::pack(m.source());
      EXPECT_EQ(packed.rows(), rows);
      EXPECT_TRUE(same_bytes(values(packed.dequantize()), m.values()));
    }
  }
}

// MLX's own quantized forms, by MLX's own decoder.
TEST(Matrix, ReadsWhatMlxWrites) {
  const array w = random_array({24, 256}, 5);
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const int group : {32, 64, 128}) {
      const auto q = mx::quantize(w, group, bits, "affine");
      std::vector<std::vector<std::byte>> planes;
      for (array plane : q) {
        plane.eval();
        const auto* p = plane.data<std::byte>();
        planes.emplace_back(p, p + plane.nbytes());
      }
      MatrixSource source{
          .encoding = {Encoding::Mode::affine, DType::f32, bits, group}, .rows = 24, .cols = 256};
      source.read = [&](int plane, int64_t first, int64_t count, std::byte* out) {
        const uint64_t bytes = source.row_bytes(plane);
        ASSERT_EQ(planes[plane].size(), bytes * 24);
        std::memcpy(out, planes[plane].data() + first * bytes, count * bytes);
      };
      const auto want = values(mx::dequantize(q[0], q[1], q[2], group, bits, "affine"));
      EXPECT_LT(relative_error(values(Matrix::pack(source).dequantize()), want), 1e-6)
          << bits << " bits, group " << group;
    }
  }
}

TEST(Matrix, ReadsMlxFloatModes) {
  const array w = random_array({24, 256}, 5);
  using Mode = Encoding::Mode;
  for (const auto& [mode, text, group, bits] : {std::tuple{Mode::mxfp4, "mxfp4", 32, 4},
                                                {Mode::mxfp8, "mxfp8", 32, 8},
                                                {Mode::nvfp4, "nvfp4", 16, 4}}) {
    const auto q = mx::quantize(w, group, bits, text);
    array packed = q[0], scales = q[1];
    mx::eval(packed, scales);
    MatrixSource source{.encoding = {mode, DType::u8, bits, group}, .rows = 24, .cols = 256};
    source.read = [&](int plane, int64_t first, int64_t count, std::byte* out) {
      const uint64_t bytes = source.row_bytes(plane);
      const array& from = plane == 0 ? packed : scales;
      ASSERT_EQ(from.nbytes(), bytes * 24);
      std::memcpy(out, from.data<std::byte>() + first * bytes, count * bytes);
    };
    const auto want = values(mx::dequantize(packed, scales, std::nullopt, group, bits, text));
    EXPECT_TRUE(same_bytes(values(Matrix::pack(source).dequantize()), want)) << text;
  }
}

TEST(Matrix, DenseKeepsEveryValue) {
  const array w = random_array({33, 47}, 1);
  EXPECT_TRUE(same_bytes(values(Matrix::dense(w).dequantize()), values(w)));
  const array turned = mx::transpose(w);
  EXPECT_TRUE(same_bytes(values(Matrix::dense(turned).dequantize()), values(turned)));
}

TEST(Matrix, RefusesWhatItCannotHold) {
  const auto packed = [](Encoding e, int64_t rows, int64_t cols) {
    MatrixSource source{.encoding = e, .rows = rows, .cols = cols};
    source.read = [](int, int64_t, int64_t, std::byte*) { FAIL() << "nothing to read"; };
    Matrix::pack(source);
  };
  using Mode = Encoding::Mode;
  EXPECT_ERROR(packed({Mode::block, DType::q4_0}, 4, 33), ErrorCode::corrupt_data,
               "multiple of 32");
  EXPECT_ERROR(packed({Mode::block, DType::q4_k}, 4, 32), ErrorCode::corrupt_data,
               "multiple of 256");
  EXPECT_ERROR(packed({Mode::block, DType::i32}, 4, 32), ErrorCode::unsupported, "i32");
  EXPECT_ERROR(packed({Mode::affine, DType::bf16, 7, 64}, 4, 64), ErrorCode::unsupported, "7 bits");
  EXPECT_ERROR(packed({Mode::affine, DType::bf16, 4, 48}, 4, 96), ErrorCode::unsupported, "48");
  EXPECT_ERROR(packed({Mode::affine, DType::i8, 4, 64}, 4, 64), ErrorCode::unsupported, "i8");
  EXPECT_ERROR(packed({}, -1, 8), ErrorCode::invalid_argument, "-1");
  EXPECT_ERROR(packed({}, 4, 0), ErrorCode::invalid_argument, "(4, 0)");
  EXPECT_ERROR(packed({}, int64_t{1} << 40, 8), ErrorCode::invalid_argument, "positive sizes");
  EXPECT_ERROR(Matrix::dense(random_array({4}, 1)), ErrorCode::invalid_argument, "2");
}

TEST(Matrix, PassesOnWhatReadingThrows) {
  MatrixSource source{.rows = 40, .cols = 8};
  source.read = [](int, int64_t, int64_t, std::byte*) { throw fail(ErrorCode::io, "disk gone"); };
  EXPECT_ERROR(Matrix::pack(source), ErrorCode::io, "disk gone");
}

}  // namespace
}  // namespace ominix::kernels
