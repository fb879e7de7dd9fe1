#include "kernels/product.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/parallel.h"

namespace ominix::kernels {
namespace {

// Rows of activations that share one pass over a panel, at most; bounds the scratch memory of a
// thread.
constexpr int64_t kRows = 512;
// Quantized activations that stay in the second cache while panel after panel passes them.
constexpr int64_t kActBytes = 640 << 10;
// Panels that meet a tile of activations while it lies in the first cache.
constexpr int kPanels = 2;

// A product with its activations as the kernels take them: in tiles of 16 rows, a tile's values of
// one column side by side. 16 rows at a power-of-two distance would all fall into the same few
// lines of the cache.
struct Job {
  const Product* product;
  const MatrixData& w;
  bool fast;
  int64_t first_tile = 0, first_unit = 0;  // among those of all jobs
  int64_t offset = 0;                      // of its tiles in the scratch memory
  const float* x = nullptr;                // tiles of (cols, rows), exact and dense products
  const ActBlock* blocks = nullptr;        // tiles of (blocks, rows), fast quantized products
  int64_t panels_a_unit = 1;

  int64_t m() const { return product->m; }
  int64_t tiles() const { return (m() + kTileRows - 1) / kTileRows; }
  int64_t rows_a_pass() const {
    if (!fast) return kRows;
    const int64_t fit = kActBytes / static_cast<int64_t>(sizeof(ActBlock)) / w.blocks();
    return std::clamp<int64_t>(fit / kTileRows * kTileRows, 2 * kTileRows, kRows);
  }
  int64_t units() const { return (w.panels() + panels_a_unit - 1) / panels_a_unit; }
  const float* source(int64_t row) const {
    return product->x + (product->from ? product->from[row] : row) * w.cols;
  }
};

// f(first row, rows)
template <class F>
void each_tile(int64_t rows, const F& f) {
  for (int64_t at = 0; at < rows; at += kTileRows) {
    f(at, static_cast<int>(std::min<int64_t>(kTileRows, rows - at)));
  }
}

// Up to kPanels panels, acc (panels, rows, 16).
void fast_rows(const Table& table, const Job& job, int64_t panel, int panels, int64_t first,
               int64_t rows, float* acc) {
  const MatrixData& w = job.w;
  const FormatKernels& f = table.formats[static_cast<int>(w.format)];
  const int64_t blocks = w.blocks();
  const ActBlock* x = job.blocks + first * blocks;
  if (rows == 1 || (f.few && rows <= kFewRows)) {
    for (int i = 0; i < panels; i++) {
      float* out = acc + i * rows * kLanes;
      if (rows == 1) {
        f.row(w.panel(panel + i), blocks, x, out);
      } else {
        f.few(w.panel(panel + i), blocks, x, static_cast<int>(rows), out);
      }
    }
    return;
  }
  Stage stages[kPanels];
  for (int64_t b = 0; b < blocks; b += Stage::kBlocks) {
    const int count = static_cast<int>(std::min<int64_t>(Stage::kBlocks, blocks - b));
    for (int i = 0; i < panels; i++) f.unpack(w.panel(panel + i), b, count, stages[i]);
    each_tile(rows, [&](int64_t at, int n) {
      table.tile_i8(f, stages, panels, count, x + at * blocks + b * n, n, acc + at * kLanes, rows);
    });
  }
}

// Weights (k, 16) from column `first_column` on, times all rows.
template <class W>
void tiles(const Job& job, void (*tile)(const W*, int64_t, const float*, int, float*), const W* w,
           int64_t first_column, int64_t k, int64_t first, int64_t rows, float* acc) {
  const float* x = job.x + first * job.w.cols;
  each_tile(rows, [&](int64_t at, int n) {
    tile(w, k, x + at * job.w.cols + first_column * n, n, acc + at * kLanes);
  });
}

void exact_rows(const Table& table, const Job& job, int64_t panel, int64_t first, int64_t rows,
                float* acc) {
  constexpr int64_t kSlice = Stage::kBlocks * kDepth;
  const MatrixData& w = job.w;
  alignas(64) float values[kSlice * kLanes];
  for (int64_t c = 0; c < w.cols; c += kSlice) {
    const int64_t k = std::min(kSlice, w.cols - c);
    const uint8_t* bytes = w.bytes(panel);
    const auto* narrow = reinterpret_cast<const uint16_t*>(bytes) + c * kLanes;
    switch (w.format) {
      case Format::f32:
        tiles(job, table.tile_f32, reinterpret_cast<const float*>(bytes) + c * kLanes, c, k, first,
              rows, acc);
        break;
      case Format::f16:
        tiles(job, table.tile_f16, narrow, c, k, first, rows, acc);
        break;
      case Format::bf16:
        tiles(job, table.tile_bf16, narrow, c, k, first, rows, acc);
        break;
      default:
        w.values(table, panel, c / kDepth, static_cast<int>((k + kDepth - 1) / kDepth), values);
        tiles<float>(job, table.tile_f32, values, c, k, first, rows, acc);
    }
  }
}

// Columns [column, column + width) of some rows to where they belong.
void write(const Product& p, int64_t column, int64_t width, int64_t first, int64_t rows,
           const float* acc) {
  for (const ProductPart& part : p.parts) {
    const int64_t begin = std::max(column, part.begin), end = std::min(column + width, part.end);
    if (begin >= end) continue;
    const int64_t stride = part.end - part.begin;
    for (int64_t r = 0; r < rows; r++) {
      float* out = part.y + (p.to ? p.to[first + r] : first + r) * stride - part.begin;
      const float* from = acc + r * kLanes - column;
      for (int64_t i = begin; i < end; i++) out[i] = p.bias ? from[i] + p.bias[i] : from[i];
    }
  }
}

void run_panels(const Table& table, const Job& job, int64_t begin, int64_t end) {
  alignas(64) float acc[kPanels * kRows * kLanes];
  const int64_t step = job.rows_a_pass();
  for (int64_t first = 0; first < job.m(); first += step) {
    const int64_t rows = std::min(step, job.m() - first);
    for (int64_t panel = begin; panel < end; panel += kPanels) {
      const int count = static_cast<int>(std::min<int64_t>(kPanels, end - panel));
      std::memset(acc, 0, count * rows * kLanes * sizeof(float));
      if (job.fast) {
        fast_rows(table, job, panel, count, first, rows, acc);
      } else {
        for (int i = 0; i < count; i++) {
          exact_rows(table, job, panel + i, first, rows, acc + i * rows * kLanes);
        }
      }
      for (int i = 0; i < count; i++) {
        const int64_t column = (panel + i) * kLanes;
        const int64_t width = std::min<int64_t>(kLanes, job.w.rows - column);
        write(*job.product, column, width, first, rows, acc + i * rows * kLanes);
      }
    }
  }
}

// Turns a tile's rows into what the kernels take.
void prepare_tile(const Table& table, const Job& job, int64_t tile, float* x, ActBlock* blocks) {
  const MatrixData& w = job.w;
  const int64_t first = tile * kTileRows, count = w.blocks();
  const int rows = static_cast<int>(std::min<int64_t>(kTileRows, job.m() - first));
  if (job.fast) {
    const FormatKernels& format = table.formats[static_cast<int>(w.format)];
    for (int r = 0; r < rows; r++) {
      table.quantize(format, job.source(first + r), w.cols, blocks + first * count + r, rows);
    }
    return;
  }
  float* to = x + first * w.cols;
  for (int r = 0; r < rows; r++) {
    const float* from = job.source(first + r);
    for (int64_t k = 0; k < w.cols; k++) to[k * rows + r] = from[k];
  }
}

// Memory of the stream thread that products use one after the other.
template <class T>
T* scratch(int64_t count) {
  thread_local std::vector<T> memory;
  if (static_cast<int64_t>(memory.size()) < count) memory.resize(count);
  return memory.data();
}

// The job that unit or tile `at` belongs to.
template <int64_t Job::* kFirst>
const Job& job_of(const std::vector<Job>& jobs, int64_t at) {
  const auto after = std::upper_bound(jobs.begin(), jobs.end(), at,
                                      [](int64_t at, const Job& j) { return at < j.*kFirst; });
  return *(after - 1);
}

}  // namespace

void multiply(std::span<const Product> products, Arithmetic arithmetic) {
  constexpr int64_t kWorthwhile = 1 << 16;  // multiply-adds that a second thread is woken for
  const Table& t = table();
  std::vector<Job> jobs;
  jobs.reserve(products.size());
  int64_t tiles = 0, units = 0, work = 0, panels = 0, floats = 0, act_blocks = 0;
  for (const Product& p : products) {
    if (p.m == 0) continue;
    Job job{.product = &p, .w = *p.w, .fast = !p.w->dense() && arithmetic == Arithmetic::fast};
    int64_t& size = job.fast ? act_blocks : floats;
    job.offset = size;
    size += p.m * (job.fast ? p.w->blocks() : p.w->cols);
    work += p.m * p.w->rows * p.w->cols;
    panels += p.w->panels();
    jobs.push_back(job);
  }
  auto* x = scratch<float>(floats);
  auto* blocks = scratch<ActBlock>(act_blocks);
  const bool alone = work < kWorthwhile;
  for (Job& job : jobs) {
    job.first_tile = tiles;
    tiles += job.tiles();
    // One row of float32 is its own tile.
    job.x = !job.fast && job.m() == 1 ? job.source(0) : x + job.offset;
    job.blocks = blocks + job.offset;
    // Enough units for the faster thread to take over from the slower one.
    job.panels_a_unit =
        alone ? job.w.panels() : std::clamp<int64_t>(panels / (threads() * 8), 1, 64);
    job.first_unit = units;
    units += job.units();
  }
  parallel(tiles, alone ? tiles : 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; i++) {
      const Job& job = job_of<&Job::first_tile>(jobs, i);
      if (!job.fast && job.m() == 1) continue;
      prepare_tile(t, job, i - job.first_tile, x + job.offset, blocks + job.offset);
    }
  });
  parallel(units, alone ? units : 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; i++) {
      const Job& job = job_of<&Job::first_unit>(jobs, i);
      const int64_t panel = (i - job.first_unit) * job.panels_a_unit;
      run_panels(t, job, panel, std::min(panel + job.panels_a_unit, job.w.panels()));
    }
  });
}

}  // namespace ominix::kernels
