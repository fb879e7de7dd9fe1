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
thread_local uint64_t t_weight_bytes = 0;

// Rows of activations that share one pass over a panel; bounds the scratch memory of a thread.
constexpr int64_t kRows = 512;

// Activations are kept in tiles of 16 rows, a tile's values of one column side by side: 16 rows at
// a power-of-two distance would all fall into the same few lines of the cache.
struct Product {
  const Table& table;
  const MatrixData& w;
  int64_t m;
  const float* x = nullptr;          // tiles of (cols, rows), exact and dense products
  const ActBlock* blocks = nullptr;  // tiles of (blocks, rows), fast quantized products
};

// f(first row, rows)
template <class F>
void each_tile(int64_t rows, const F& f) {
  for (int64_t at = 0; at < rows; at += kTileRows) {
    f(at, static_cast<int>(std::min<int64_t>(kTileRows, rows - at)));
  }
}

void fast_rows(const Product& p, int64_t panel, int64_t first, int64_t rows, float* acc) {
  const FormatKernels& f = p.table.formats[static_cast<int>(p.w.format)];
  const int64_t blocks = p.w.blocks();
  if (p.m == 1) return f.row(p.w.panel(panel), blocks, p.blocks, acc);
  const ActBlock* x = p.blocks + first * blocks;
  Stage stage;
  for (int64_t b = 0; b < blocks; b += Stage::kBlocks) {
    const int count = static_cast<int>(std::min<int64_t>(Stage::kBlocks, blocks - b));
    f.unpack(p.w.panel(panel), b, count, stage);
    each_tile(rows, [&](int64_t at, int n) {
      p.table.tile_i8(f, stage, count, x + at * blocks + b * n, n, acc + at * kLanes);
    });
  }
}

// Weights (k, 16) from column `first_column` on, times all rows.
template <class W>
void tiles(const Product& p, void (*tile)(const W*, int64_t, const float*, int, float*), const W* w,
           int64_t first_column, int64_t k, int64_t first, int64_t rows, float* acc) {
  const float* x = p.x + first * p.w.cols;
  each_tile(rows, [&](int64_t at, int n) {
    tile(w, k, x + at * p.w.cols + first_column * n, n, acc + at * kLanes);
  });
}

void exact_rows(const Product& p, int64_t panel, int64_t first, int64_t rows, float* acc) {
  constexpr int64_t kSlice = Stage::kBlocks * kDepth;
  const int64_t cols = p.w.cols;
  alignas(64) float values[kSlice * kLanes];
  for (int64_t c = 0; c < cols; c += kSlice) {
    const int64_t k = std::min(kSlice, cols - c);
    const uint8_t* bytes = p.w.bytes(panel);
    const auto* narrow = reinterpret_cast<const uint16_t*>(bytes) + c * kLanes;
    switch (p.w.format) {
      case Format::f32:
        tiles(p, p.table.tile_f32, reinterpret_cast<const float*>(bytes) + c * kLanes, c, k, first,
              rows, acc);
        break;
      case Format::f16:
        tiles(p, p.table.tile_f16, narrow, c, k, first, rows, acc);
        break;
      case Format::bf16:
        tiles(p, p.table.tile_bf16, narrow, c, k, first, rows, acc);
        break;
      default:
        p.w.values(p.table, panel, c / kDepth, static_cast<int>((k + kDepth - 1) / kDepth), values);
        tiles<float>(p, p.table.tile_f32, values, c, k, first, rows, acc);
    }
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

// Memory of the stream thread that products use one after the other.
template <class T>
T* scratch(int64_t count) {
  thread_local std::vector<T> memory;
  if (static_cast<int64_t>(memory.size()) < count) memory.resize(count);
  return memory.data();
}

void run(const MatrixData& w, Arithmetic arithmetic, int64_t m, const float* x, const float* bias,
         float* y) {
  Product p{.table = table(), .w = w, .m = m};
  const int64_t tiles = (m + kTileRows - 1) / kTileRows;
  if (!w.dense() && arithmetic == Arithmetic::fast) {
    const int64_t count = w.blocks();
    auto* blocks = scratch<ActBlock>(m * count);
    p.blocks = blocks;
    parallel(tiles, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t first = begin * kTileRows; first < std::min(m, end * kTileRows);
           first += kTileRows) {
        const int rows = static_cast<int>(std::min<int64_t>(kTileRows, m - first));
        for (int r = 0; r < rows; r++) {
          p.table.quantize(x + (first + r) * w.cols, w.cols, blocks + first * count + r, rows);
        }
      }
    });
  } else if (m == 1) {
    p.x = x;
  } else {
    auto* turned = scratch<float>(m * w.cols);
    p.x = turned;
    parallel(tiles, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t first = begin * kTileRows; first < std::min(m, end * kTileRows);
           first += kTileRows) {
        const int64_t rows = std::min<int64_t>(kTileRows, m - first);
        float* to = turned + first * w.cols;
        for (int64_t r = 0; r < rows; r++) {
          const float* from = x + (first + r) * w.cols;
          for (int64_t k = 0; k < w.cols; k++) to[k * rows + r] = from[k];
        }
      }
    });
  }
  multiply(p, bias, y);
}

}  // namespace

ArithmeticScope::ArithmeticScope(Arithmetic arithmetic) : before_(t_arithmetic) {
  t_arithmetic = arithmetic;
}
ArithmeticScope::~ArithmeticScope() { t_arithmetic = before_; }
Arithmetic current_arithmetic() { return t_arithmetic; }

uint64_t weight_bytes() { return t_weight_bytes; }

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
  t_weight_bytes += weight.bytes();
  return host_op("linear", std::move(inputs), std::move(shape), mx::float32,
                 [weight, m, arithmetic = t_arithmetic](auto in, auto out) {
                   run(weight.data(), arithmetic, m, static_cast<const float*>(in[0]),
                       in.size() > 1 ? static_cast<const float*>(in[1]) : nullptr,
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
