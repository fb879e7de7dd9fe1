#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "formats/safetensors.h"
#include "weights/scope.h"

// Every packed module of the folders that mlx-lm wrote (tools/goldens/packed.py) dequantizes to the
// bits that mlx gives; the golden files hold their hashes.
namespace ominix::weights {
namespace {

uint64_t fnv(std::span<const std::byte> bytes) {
  uint64_t h = 0xCBF29CE484222325ull;
  for (const std::byte b : bytes) h = (h ^ static_cast<uint64_t>(b)) * 0x100000001B3ull;
  return h;
}

class PackedFolder : public ::testing::TestWithParam<std::pair<const char*, size_t>> {};

TEST_P(PackedFolder, DequantizesAsMlx) {
  const auto [name, modules] = GetParam();
  const std::filesystem::path folder = std::filesystem::path(OMINIX_TEST_DATA) / "goldens" / name;
  const Json config = parse_json(read_text(folder / "config.json"), "config.json");
  auto tensors =
      tensors_of(std::make_shared<const formats::Safetensors>(folder / "model.safetensors"));
  std::map<std::string, Shape> shapes;
  for (const auto& [tensor, stored] : tensors) shapes[tensor] = stored.shape;
  const auto quantization = read_quantization(config);
  Loader loader(make_source(std::move(tensors), quantization, name));

  const formats::Safetensors golden(folder / "golden.safetensors");
  size_t found = 0;
  for (const auto& info : golden.tensors()) {
    if (!info.name.starts_with("hash.")) continue;
    ++found;
    const std::string path = info.name.substr(5);
    const Shape& packed = shapes.at(path + ".weight");
    const auto matrix =
        (Scope(loader) / path).matrix(packed[0], packed[1] * 32 / quantization->of(path).bits);
    auto values = matrix.dequantize();
    values.eval();
    uint64_t expected = 0;
    golden.read(info, 0, std::as_writable_bytes(std::span(&expected, 1)));
    EXPECT_EQ(fnv({reinterpret_cast<const std::byte*>(values.data<float>()), values.nbytes()}),
              expected)
        << path;
  }
  EXPECT_EQ(found, modules);
}

INSTANTIATE_TEST_SUITE_P(Goldens, PackedFolder,
                         ::testing::Values(std::pair{"packed-widths", 22},
                                           std::pair{"packed-affine", 16},
                                           std::pair{"packed-float32", 9},
                                           std::pair{"packed-mxfp4", 15}));

}  // namespace
}  // namespace ominix::weights
