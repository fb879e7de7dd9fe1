#include <cmath>
#include <cstring>

#include "weights/source.h"

namespace ominix::weights {
namespace {

using kernels::Encoding;
using kernels::MatrixSource;

// A counter-based generator (splitmix64): value i depends on the seed and i alone, so tensors can
// be made in any order and in pieces.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

uint64_t seed_of(uint64_t seed, const std::string& name) {
  uint64_t hash = 0xCBF29CE484222325ull;  // FNV-1a
  for (unsigned char c : name) hash = (hash ^ c) * 0x100000001B3ull;
  return mix(hash ^ mix(seed));
}

// Uniform in [-1, 1).
float uniform(uint64_t seed, uint64_t i) {
  return static_cast<float>(static_cast<int64_t>(mix(seed + i)) >> 40) * 0x1p-23f;
}

uint16_t to_bf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

// Fills `count` values of type T from element `first` on.
template <class T, class F>
void fill(std::byte* out, uint64_t first, uint64_t count, F value) {
  for (uint64_t i = 0; i < count; ++i) {
    const T v = value(first + i);
    std::memcpy(out + i * sizeof(T), &v, sizeof(T));
  }
}

// Uniform over ±√3·σ has standard deviation σ. Wide as in our golden files.
constexpr float kSqrt3 = 1.7320508f;
float sigma(int64_t fan_in) { return 1.2f / std::sqrt(static_cast<float>(fan_in)); }

class SyntheticSource : public Source {
 public:
  explicit SyntheticSource(const SyntheticOptions& options) : options_(options) {}

  std::optional<StoredTensor> tensor(const std::string& name, const Shape& shape) override {
    StoredTensor out{DType::f32, shape, 4, nullptr};
    for (int64_t n : shape) out.bytes *= static_cast<uint64_t>(n);
    const bool vector = shape.size() == 1;
    const bool bias = name.ends_with("bias");
    const float middle = vector && !bias ? 1.0f : 0.0f;
    const float width = vector ? (bias ? 0.3f : 0.2f) : kSqrt3 * sigma(shape.back());
    out.read = [seed = seed_of(options_.seed, name), middle, width](uint64_t offset,
                                                                    std::span<std::byte> bytes) {
      fill<float>(bytes.data(), offset / 4, bytes.size() / 4,
                  [&](uint64_t i) { return middle + width * uniform(seed, i); });
    };
    return out;
  }

  std::optional<MatrixSource> matrix(const std::string& path, int64_t rows, int64_t cols,
                                     std::vector<std::string>&) override {
    const uint64_t seed = seed_of(options_.seed, path + ".weight");
    MatrixSource out{.rows = rows, .cols = cols};
    const auto& q = options_.quantization;
    if (q && cols % q->group_size == 0 && cols * q->bits % 32 == 0) {
      out.encoding = {
          .mode = q->mode, .type = DType::bf16, .bits = q->bits, .group_size = q->group_size};
      out.read = packed_reader(seed, out);
      return out;
    }
    out.encoding = {.type = DType::bf16};
    const float width = kSqrt3 * sigma(cols);
    out.read = [seed, cols, width](int, int64_t first, int64_t count, std::byte* bytes) {
      fill<uint16_t>(bytes, static_cast<uint64_t>(first * cols),
                     static_cast<uint64_t>(count * cols),
                     [&](uint64_t i) { return to_bf16(width * uniform(seed, i)); });
    };
    return out;
  }

  bool has(const std::string&) const override { return false; }
  std::vector<std::string> names() const override { return {}; }
  std::string where() const override { return "the synthetic checkpoint"; }

 private:
  // Packed values are random bits; scales and biases put them around zero with the usual width.
  static decltype(MatrixSource::read) packed_reader(uint64_t seed, const MatrixSource& shape) {
    const Encoding e = shape.encoding;
    const float levels = static_cast<float>((1 << e.bits) - 1);
    const float scale = 2 * kSqrt3 * sigma(shape.cols) / levels;
    const uint64_t words = static_cast<uint64_t>(shape.cols * e.bits / 32);
    const uint64_t groups = static_cast<uint64_t>(shape.cols / e.group_size);
    const bool affine = e.mode == Encoding::Mode::affine;
    return [=](int plane, int64_t first, int64_t count, std::byte* bytes) {
      const auto row = static_cast<uint64_t>(first), n = static_cast<uint64_t>(count);
      if (plane == 0) {
        fill<uint32_t>(bytes, row * words, n * words, [&](uint64_t i) {
          const auto word = static_cast<uint32_t>(mix(seed + i));
          // E4M3 has two NaN codes: keep the exponents of mxfp8 below them.
          return e.mode == Encoding::Mode::mxfp8 ? word & 0xBFBFBFBFu : word;
        });
      } else if (!affine) {
        // Block scales around 2^-6 for powers of two, around 2^-5 as E4M3.
        const uint8_t code = e.mode == Encoding::Mode::nvfp4 ? 0x10 : 121;
        fill<uint8_t>(bytes, row * groups, n * groups, [&](uint64_t) { return code; });
      } else {
        const float value = plane == 1 ? scale : -scale * levels / 2;
        fill<uint16_t>(bytes, row * groups, n * groups, [&](uint64_t i) {
          return to_bf16(value * (1 + 0.1f * uniform(seed ^ 0x5bd1e995, i)));
        });
      }
    };
  }

  SyntheticOptions options_;
};

}  // namespace

std::unique_ptr<Source> make_synthetic_source(const SyntheticOptions& options) {
  return std::make_unique<SyntheticSource>(options);
}

}  // namespace ominix::weights
