#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/matrix.h"
#include "mlx/array.h"
#include "weights/source.h"

namespace ominix::weights {

using mlx::core::array;

// Loads one model's parameters from a source and keeps the account: what was asked for and is not
// there, what has the wrong shape, what nobody asked for.
class Loader {
 public:
  using Progress = std::function<void(uint64_t bytes_loaded)>;

  explicit Loader(std::unique_ptr<Source> source, Progress progress = {});

  // Matrices are asked for, but neither read nor packed: what is constructed cannot compute.
  void only_account() { only_account_ = true; }

  // After the model's construction. Errors: corrupt_data that names the tensors which are missing,
  // misshapen or unused (the first few of each, and how many).
  void finish() const;

  uint64_t parameters() const { return parameters_; }  // values asked for so far

 private:
  friend class Scope;
  std::unique_ptr<Source> source_;
  Progress progress_;
  uint64_t loaded_ = 0, parameters_ = 0;
  bool only_account_ = false;
  std::set<std::string, std::less<>> used_;
  std::vector<std::string> problems_;
};

// A place in a checkpoint's tree of names. `w / "layers" / 3 / "self_attn"`.
class Scope {
 public:
  explicit Scope(Loader& loader) : loader_(&loader) {}

  Scope operator/(std::string_view name) const;
  Scope operator/(int index) const;
  const std::string& path() const { return path_; }

  // Does the checkpoint hold `path`.`name`?
  bool has(std::string_view name) const;

  // `path`.`name` as float32 with this shape. When it is missing or misshapen, zeros: the loader
  // reports it in finish(), together with all others.
  array tensor(std::string_view name, const Shape& shape) const;

  // `path`.weight as a matrix (rows, cols), in whatever form the checkpoint holds it. When it is
  // missing or misshapen, a matrix that must not be used: finish() throws.
  kernels::Matrix matrix(int64_t rows, int64_t cols) const;

  // The two halves of matrix(): the source, or nothing when it is missing or misshapen (reported),
  // and packing one, counted as progress.
  std::optional<kernels::MatrixSource> matrix_source(int64_t rows, int64_t cols) const;
  kernels::Matrix pack(const kernels::MatrixSource& source) const;

 private:
  Scope(Loader* loader, std::string path) : loader_(loader), path_(std::move(path)) {}
  std::string child(std::string_view name) const;

  Loader* loader_;
  std::string path_;
};

// Matrices that can stand one below the other in one packed matrix: equal columns and encodings.
bool can_join(const kernels::MatrixSource& a, const kernels::MatrixSource& b);
kernels::MatrixSource join_rows(std::vector<kernels::MatrixSource> parts);

}  // namespace ominix::weights
