#include "kernels/matrix.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <mutex>
#include <vector>

#include "base/error.h"
#include "kernels/host_op.h"
#include "kernels/matrix_data.h"
#include "kernels/parallel.h"
#include "mlx/ops.h"
#include "mlx/transforms.h"

namespace ominix::kernels {
namespace {

namespace mx = mlx::core;

constexpr int64_t kMaxDim = int64_t{1} << 31;

}  // namespace

void check_source(const MatrixSource& s) {
  if (s.rows < 0 || s.cols < 1 || s.rows >= kMaxDim || s.cols >= kMaxDim) {
    throw fail(ErrorCode::invalid_argument,
               "kernels: a matrix of ({}, {}), expected positive sizes", s.rows, s.cols);
  }
  const Encoding& e = s.encoding;
  int64_t unit = 1;
  switch (e.mode) {
    case Encoding::Mode::block:
      unit = info(e.type).block;
      break;
    case Encoding::Mode::mxfp4:
    case Encoding::Mode::mxfp8:
      unit = 32;
      break;
    case Encoding::Mode::nvfp4:
      unit = 16;
      break;
    case Encoding::Mode::affine: {
      const bool bits = e.bits >= 2 && e.bits <= 8 && e.bits != 7;
      const bool group = e.group_size == 32 || e.group_size == 64 || e.group_size == 128;
      const bool type = e.type == DType::f32 || e.type == DType::f16 || e.type == DType::bf16;
      if (!bits || !group || !type) {
        throw fail(ErrorCode::unsupported,
                   "kernels: affine weights of {} bits in groups of {} with scales in {}, expected "
                   "2, 3, 4, 5, 6 or 8 bits, groups of 32, 64 or 128, scales in f32, f16 or bf16",
                   e.bits, e.group_size, to_string(e.type));
      }
      unit = e.group_size;
      break;
    }
  }
  if (s.cols % unit != 0) {
    throw fail(ErrorCode::corrupt_data,
               "kernels: a quantized matrix with {} columns, expected a multiple of {}", s.cols,
               unit);
  }
  const bool plain = e.mode == Encoding::Mode::block && !is_quantized(e.type);
  if (plain && e.type != DType::f32 && e.type != DType::f16 && e.type != DType::bf16) {
    throw fail(ErrorCode::unsupported, "kernels: a matrix of type {}, expected f32, f16 or bf16",
               to_string(e.type));
  }
}

int MatrixSource::planes() const {
  switch (encoding.mode) {
    case Encoding::Mode::block:
      return 1;
    case Encoding::Mode::affine:
      return 3;
    default:
      return 2;
  }
}

uint64_t MatrixSource::row_bytes(int plane) const {
  const uint64_t n = static_cast<uint64_t>(cols);
  if (plane >= planes()) return 0;
  switch (encoding.mode) {
    case Encoding::Mode::block:
      return checked_bytes(encoding.type, n).value_or(0);
    case Encoding::Mode::affine:
      return plane == 0 ? n * encoding.bits / 8
                        : n / encoding.group_size * info(encoding.type).bytes;
    case Encoding::Mode::mxfp4:
      return plane == 0 ? n / 2 : n / 32;
    case Encoding::Mode::mxfp8:
      return plane == 0 ? n : n / 32;
    case Encoding::Mode::nvfp4:
      return plane == 0 ? n / 2 : n / 16;
  }
  return 0;
}

void read_panels(const MatrixSource& source,
                 const std::function<void(int64_t, int, const std::byte* const[3])>& f) {
  std::exception_ptr error;
  std::mutex guard;
  std::atomic<bool> failed{false};
  const int64_t panels = (source.rows + kLanes - 1) / kLanes;
  on_stream([&] {
    parallel(panels, 4, [&](int64_t begin, int64_t end, int) {
      if (failed) return;
      try {
        std::vector<std::byte> planes[3];
        for (int64_t panel = begin; panel < end; panel++) {
          const int64_t first = panel * kLanes;
          const int count = static_cast<int>(std::min<int64_t>(kLanes, source.rows - first));
          const std::byte* at[3];
          for (int p = 0; p < 3; p++) {
            planes[p].resize(source.row_bytes(p) * kLanes);
            at[p] = planes[p].data();
            if (p < source.planes()) source.read(p, first, count, planes[p].data());
          }
          f(first, count, at);
        }
      } catch (...) {
        const std::lock_guard lock(guard);
        if (!error) error = std::current_exception();
        failed = true;
      }
    });
  });
  if (error) std::rethrow_exception(error);
}

Matrix Matrix::pack(const MatrixSource& source) {
  check_source(source);
  auto data = std::make_shared<MatrixData>();
  if (gpu::in_use()) {
    data->rows = source.rows, data->cols = source.cols;
    data->gpu = gpu::pack(source);
    return Matrix(std::move(data));
  }
  plan(source, *data);
  read_panels(source, [&](int64_t first, int count, const std::byte* const planes[3]) {
    pack_panel(source, planes, count, first / kLanes, *data);
  });
  return Matrix(std::move(data));
}

Matrix Matrix::dense(const array& weight) {
  if (weight.ndim() != 2) {
    throw fail(ErrorCode::invalid_argument, "kernels: a dense matrix with {} axes, expected 2",
               weight.ndim());
  }
  if (gpu::in_use()) {
    auto data = std::make_shared<MatrixData>();
    data->rows = weight.shape(0), data->cols = weight.shape(1);
    data->gpu = gpu::dense(weight);
    return Matrix(std::move(data));
  }
  array values = mx::contiguous(as_float(weight));
  values.eval();
  const int64_t row = values.shape(1);
  const MatrixSource source{.rows = values.shape(0),
                            .cols = row,
                            .read = [&](int, int64_t first, int64_t count, std::byte* out) {
                              std::memcpy(out, values.data<float>() + first * row,
                                          count * row * sizeof(float));
                            }};
  return pack(source);
}

int64_t Matrix::rows() const { return data_->rows; }
int64_t Matrix::cols() const { return data_->cols; }

uint64_t Matrix::bytes() const { return data_->gpu ? data_->gpu->bytes() : data_->memory.size(); }

array Matrix::dequantize() const {
  if (data_->gpu) return gpu::dequantize(*data_->gpu);
  const mx::Shape shape{static_cast<int>(rows()), static_cast<int>(cols())};
  return host_op("dequantize", {}, shape, mx::float32, [data = data_](auto, auto out) {
    auto* values = static_cast<float*>(out[0]);
    parallel(data->rows, kLanes, [&](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; r++) read_row(*data, r, values + r * data->cols);
    });
  });
}

}  // namespace ominix::kernels
