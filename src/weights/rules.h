#pragma once

#include <functional>
#include <string>
#include <vector>

#include "weights/source.h"

namespace ominix::weights {

// A change of names or forms that turns a checkpoint into what the model asks for. Rules are
// applied in order, once, before anything is read; applying one twice changes nothing more.
using Rule = std::function<void(TensorMap&)>;
using Rules = std::vector<Rule>;

// In patterns and replacements each '*' stands for any text, in order.
Rule drop(std::string pattern);
Rule rename(std::string pattern, std::string replacement);
// Row r of the result is row `from(r, rows)` of the stored tensor (1-D tensors: element r).
Rule reorder_rows(std::string pattern, std::function<int64_t(int64_t row, int64_t rows)> from);
// Splits rows [0, n) and [n, rows) of `pattern` into two tensors; n = rows / 2.
Rule split_rows_in_half(std::string pattern, std::string first, std::string second);
// Splits a tensor of three axes into those along the first; '#' in `replacement` is their number.
Rule split_stack(std::string pattern, std::string replacement);
// Adds `value` to every element of a float32 tensor. Unlike the others it must run once only.
Rule add_to_values(std::string pattern, float value);

void apply(const Rules& rules, TensorMap& tensors);

}  // namespace ominix::weights
