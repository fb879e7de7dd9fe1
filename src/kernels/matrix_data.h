#pragma once

#include <cstdint>
#include <optional>

#include "kernels/arena.h"
#include "kernels/cpu/table.h"
#include "kernels/gpu/gpu.h"
#include "kernels/matrix.h"

namespace ominix::kernels {

// A matrix as panels of 16 rows (cpu/table.h). Rows past the last and columns past the last block
// are zero.
class MatrixData {
 public:
  Format format = Format::f32;
  int64_t rows = 0, cols = 0;
  int group_shift = 0;
  uint64_t scales_offset = 0, panel_bytes = 0;  // of a panel
  Arena memory;
  std::optional<gpu::Weights> gpu;  // then there are no panels

  bool dense() const { return format <= Format::bf16; }
  int64_t panels() const { return (rows + kLanes - 1) / kLanes; }
  int64_t blocks() const { return (cols + kDepth - 1) / kDepth; }
  uint8_t* bytes(int64_t panel) const {
    return reinterpret_cast<uint8_t*>(memory.data()) + panel * panel_bytes;
  }
  Panel panel(int64_t i) const { return {bytes(i), bytes(i) + scales_offset, group_shift}; }

  // The values of a panel's columns [32 · first, …), (columns, 16).
  void values(const Table& table, int64_t panel, int64_t first, int blocks, float* out) const;
};

// Row `row` in float32, exactly.
void read_row(const MatrixData& data, int64_t row, float* out);

// Errors: invalid_argument, unsupported, corrupt_data for what no kernel can read.
void check_source(const MatrixSource& source);
// Reads a source in pieces of up to 16 rows, on all threads: f(first row, rows, their bytes in each
// plane). What `read` or f throw is thrown here.
void read_panels(
    const MatrixSource& source,
    const std::function<void(int64_t first, int count, const std::byte* const planes[3])>& f);

// The same row by row: f(row, its bytes in each plane).
template <class F>
void read_rows(const MatrixSource& source, const F& f) {
  read_panels(source, [&](int64_t first, int count, const std::byte* const planes[3]) {
    for (int i = 0; i < count; i++) {
      const std::byte* row[3];
      for (int p = 0; p < 3; p++) row[p] = planes[p] + i * source.row_bytes(p);
      f(first + i, row);
    }
  });
}

// Chooses the layout and reserves the memory.
void plan(const MatrixSource& source, MatrixData& data);
// Puts block `b` (32 columns) of a row's bytes into its lane of the panel's block.
using PutBlock = void (*)(const uint8_t* row, int64_t b, int lane, uint8_t* out);
PutBlock direct_block(const Encoding& encoding);  // nullptr: there is none for this form

// Writes rows [16 · panel, …) from the bytes of `count` rows in each plane.
void pack_panel(const MatrixSource& source, const std::byte* const planes[3], int count,
                int64_t panel, MatrixData& data);

}  // namespace ominix::kernels
