#include <algorithm>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "kernels/host_op.h"
#include "kernels/kernels.h"
#include "kernels/matrix_data.h"
#include "kernels/parallel.h"

namespace ominix::kernels {
namespace {

namespace mx = mlx::core;

thread_local Arithmetic t_arithmetic = Arithmetic::fast;

// Rows of activations that share one pass over a panel; bounds the scratch memory of a thread.
constexpr int64_t kRows = 512;
// From here on a panel is unpacked once for all rows, below it each row reads it packed.
constexpr int64_t kUnpackFrom = 3;

struct Product {
  const Table& table;
  const MatrixData& w;
  const float* x;          // (m, cols)
  const ActBlock* blocks;  // (m, blocks), fast quantized products only
  int64_t m;
};

void fast_rows(const Product& p, int64_t panel, int64_t first, int64_t rows, float* acc) {
  const FormatKernels& f = p.table.formats[static_cast<int>(p.w.format)];
  const int64_t blocks = p.w.blocks();
  const ActBlock* x = p.blocks + first * blocks;
  if (rows < kUnpackFrom) {
    for (int64_t r = 0; r < rows; r++) {
      f.row(p.w.panel(panel), blocks, x + r * blocks, acc + r * kLanes);
    }
    return;
  }
  Stage stage;
  for (int64_t b = 0; b < blocks; b += Stage::kBlocks) {
    const int count = static_cast<int>(std::min<int64_t>(Stage::kBlocks, blocks - b));
    f.unpack(p.w.panel(panel), b, count, stage);
    p.table.tile_i8(f, stage, count, x + b, blocks, rows, acc);
  }
}

void exact_rows(const Product& p, int64_t panel, int64_t first, int64_t rows, float* acc) {
  const int64_t cols = p.w.cols;
  const float* x = p.x + first * cols;
  const uint8_t* bytes = p.w.bytes(panel);
  switch (p.w.format) {
    case Format::f32:
      return p.table.tile_f32(reinterpret_cast<const float*>(bytes), cols, x, cols, rows, acc);
    case Format::f16:
      return p.table.tile_f16(reinterpret_cast<const uint16_t*>(bytes), cols, x, cols, rows, acc);
    case Format::bf16:
      return p.table.tile_bf16(reinterpret_cast<const uint16_t*>(bytes), cols, x, cols, rows, acc);
    default:
      break;
  }
  alignas(64) float values[Stage::kBlocks * kDepth * kLanes];
  for (int64_t b = 0; b < p.w.blocks(); b += Stage::kBlocks) {
    const int count = static_cast<int>(std::min<int64_t>(Stage::kBlocks, p.w.blocks() - b));
    p.w.values(p.table, panel, b, count, values);
    const int64_t k = b * kDepth;
    p.table.tile_f32(values, std::min<int64_t>(count * kDepth, cols - k), x + k, cols, rows, acc);
  }
}

void multiply(const Product& p, const float* bias, float* y) {
  const int64_t n = p.w.rows, panels = p.w.panels();
  // Enough chunks for the faster thread to take over from the slower one.
  const int64_t chunk = std::clamp<int64_t>(panels / (threads() * 8), 1, 64);
  parallel(panels, chunk, [&](int64_t begin, int64_t end, int) {
    alignas(64) float acc[kRows * kLanes];
    for (int64_t panel = begin; panel < end; panel++) {
      const int64_t column = panel * kLanes, width = std::min<int64_t>(kLanes, n - column);
      for (int64_t first = 0; first < p.m; first += kRows) {
        const int64_t rows = std::min(kRows, p.m - first);
        std::memset(acc, 0, rows * kLanes * sizeof(float));
        if (p.blocks) {
          fast_rows(p, panel, first, rows, acc);
        } else {
          exact_rows(p, panel, first, rows, acc);
        }
        for (int64_t r = 0; r < rows; r++) {
          float* out = y + (first + r) * n + column;
          const float* from = acc + r * kLanes;
          for (int64_t i = 0; i < width; i++) out[i] = bias ? from[i] + bias[column + i] : from[i];
        }
      }
    }
  });
}

}  // namespace

ArithmeticScope::ArithmeticScope(Arithmetic arithmetic) : before_(t_arithmetic) {
  t_arithmetic = arithmetic;
}
ArithmeticScope::~ArithmeticScope() { t_arithmetic = before_; }
Arithmetic current_arithmetic() { return t_arithmetic; }

array linear(const array& x, const Matrix& weight, const std::optional<array>& bias) {
  const int64_t rows = weight.rows(), cols = weight.cols();
  if (x.ndim() < 1 || x.shape(-1) != cols) {
    throw fail(ErrorCode::invalid_argument, "kernels: linear, expected {} inputs, found {}", cols,
               x.ndim() ? x.shape(-1) : 0);
  }
  if (bias && (bias->ndim() != 1 || bias->shape(0) != rows)) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: linear, expected a bias of {} values, found {}", rows, bias->size());
  }
  mx::Shape shape = x.shape();
  shape.back() = static_cast<int>(rows);
  std::vector<array> inputs{as_float(x)};
  if (bias) inputs.push_back(as_float(*bias));
  const int64_t m = static_cast<int64_t>(x.size()) / cols;
  return host_op("linear", std::move(inputs), std::move(shape), mx::float32,
                 [weight, m, arithmetic = t_arithmetic](auto in, auto out) {
                   const MatrixData& w = weight.data();
                   Product p{table(), w, static_cast<const float*>(in[0]), nullptr, m};
                   std::vector<ActBlock> blocks;
                   if (!w.dense() && arithmetic == Arithmetic::fast) {
                     const int64_t count = w.blocks();
                     blocks.resize(m * count);
                     parallel(m, 8, [&](int64_t begin, int64_t end, int) {
                       for (int64_t r = begin; r < end; r++) {
                         p.table.quantize(p.x + r * w.cols, w.cols, blocks.data() + r * count);
                       }
                     });
                     p.blocks = blocks.data();
                   }
                   multiply(p, in.size() > 1 ? static_cast<const float*>(in[1]) : nullptr,
                            static_cast<float*>(out[0]));
                 });
}

array embedding(const array& ids, const Matrix& weight) {
  if (ids.ndim() != 1 || ids.dtype() != mx::int32) {
    throw fail(ErrorCode::invalid_argument, "kernels: embedding, expected ids (T) in int32");
  }
  const int64_t cols = weight.cols(), rows = weight.rows();
  const int count = ids.shape(0);
  return host_op("embedding", {ids}, {count, static_cast<int>(cols)}, mx::float32,
                 [weight, count, rows, cols](auto in, auto out) {
                   const auto* id = static_cast<const int32_t*>(in[0]);
                   for (int i = 0; i < count; i++) {
                     if (id[i] < 0 || id[i] >= rows) {
                       throw fail(ErrorCode::invalid_argument,
                                  "kernels: token id {}, expected 0 to {}", id[i], rows - 1);
                     }
                   }
                   parallel(count, 8, [&](int64_t begin, int64_t end, int) {
                     for (int64_t i = begin; i < end; i++) {
                       read_row(weight.data(), id[i], static_cast<float*>(out[0]) + i * cols);
                     }
                   });
                 });
}

}  // namespace ominix::kernels
