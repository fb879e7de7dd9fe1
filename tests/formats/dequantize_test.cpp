#include "formats/dequantize.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "support/expect_error.h"

namespace ominix::formats {
namespace {

std::vector<float> bits_to_floats(DType type, std::vector<uint8_t> bytes) {
  std::vector<float> out(bytes.size() / info(type).bytes * info(type).block);
  dequantize(type, std::as_bytes(std::span(bytes)), out);
  return out;
}

// The golden file holds every type that GGUF has; the `gguf` package made both sides.
TEST(Dequantize, EveryTypeIsBitEqualToTheGgufPackage) {
  const Gguf file(OMINIX_TEST_DATA "/goldens/gguf_types/types.gguf");
  const Safetensors golden(OMINIX_TEST_DATA "/goldens/gguf_types/expected.safetensors");
  ASSERT_EQ(file.tensors().size(), golden.tensors().size());
  std::vector<DType> seen;
  for (const TensorInfo& t : file.tensors()) {
    SCOPED_TRACE(t.name);
    const TensorInfo* e = golden.find(t.name);
    ASSERT_NE(e, nullptr);
    ASSERT_EQ(e->shape, t.shape);
    std::vector<std::byte> blocks(t.bytes);
    file.read(t, 0, blocks);
    std::vector<float> got(static_cast<size_t>(t.elements())), expected(got.size());
    golden.read(*e, 0, std::as_writable_bytes(std::span(expected)));
    dequantize(t.type, blocks, got);
    for (size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(std::bit_cast<uint32_t>(got[i]), std::bit_cast<uint32_t>(expected[i]))
          << i << ": " << got[i] << ", expected " << expected[i];
    }
    seen.push_back(t.type);
  }
  for (int i = static_cast<int>(DType::q4_0); i <= static_cast<int>(DType::nvfp4); ++i) {
    EXPECT_TRUE(std::count(seen.begin(), seen.end(), static_cast<DType>(i)))
        << to_string(static_cast<DType>(i)) << " is not in the golden file";
  }
}

TEST(Dequantize, HalvesOfEveryKind) {
  EXPECT_EQ(bits_to_floats(DType::f16, {0x00, 0x3C, 0x01, 0x00, 0x00, 0xFC, 0xFF, 0x83}),
            (std::vector<float>{1.0f, 0x1p-24f, -INFINITY, -1023 * 0x1p-24f}));
  EXPECT_TRUE(std::isnan(bits_to_floats(DType::f16, {0x01, 0x7C})[0]));
  EXPECT_TRUE(std::signbit(bits_to_floats(DType::f16, {0x00, 0x80})[0]));
  EXPECT_EQ(bits_to_floats(DType::bf16, {0x80, 0x3F, 0x80, 0xFF}),
            (std::vector<float>{1.0f, -INFINITY}));
}

// Values of the OCP 8-bit specification.
TEST(Dequantize, EightBitFloats) {
  EXPECT_EQ(bits_to_floats(DType::f8_e4m3, {0x00, 0x01, 0x08, 0x38, 0x7E, 0xFE}),
            (std::vector<float>{0, 0x1p-9f, 0x1p-6f, 1, 448, -448}));
  EXPECT_TRUE(std::isnan(bits_to_floats(DType::f8_e4m3, {0x7F})[0]));
  EXPECT_TRUE(std::isnan(bits_to_floats(DType::f8_e4m3, {0xFF})[0]));
  EXPECT_EQ(bits_to_floats(DType::f8_e5m2, {0x01, 0x3C, 0x7B, 0x7C, 0xFC}),
            (std::vector<float>{0x1p-16f, 1, 57344, INFINITY, -INFINITY}));
  EXPECT_EQ(bits_to_floats(DType::f8_e8m0, {0, 127, 254}),
            (std::vector<float>{0x1p-127f, 1, 0x1p127f}));
  EXPECT_TRUE(std::isnan(bits_to_floats(DType::f8_e8m0, {255})[0]));
}

TEST(Dequantize, RefusesSizesThatDoNotAgree) {
  std::vector<std::byte> blocks(36);
  std::vector<float> out(64);
  EXPECT_NO_THROW(dequantize(DType::q4_0, blocks, out));
  out.resize(32);
  EXPECT_ERROR(dequantize(DType::q4_0, blocks, out), ErrorCode::invalid_argument,
               "36 bytes of q4_0 for 32 elements");
  out.resize(33);
  EXPECT_ERROR(dequantize(DType::q4_0, blocks, out), ErrorCode::invalid_argument, "33 elements");
  EXPECT_ERROR(dequantize(DType::c64, {}, {}), ErrorCode::invalid_argument, "c64");
}

}  // namespace
}  // namespace ominix::formats
