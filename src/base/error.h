#pragma once

#include <fmt/format.h>

#include <ominix/error.h>
#include <utility>

namespace ominix {

// throw fail(ErrorCode::corrupt_data, "gguf: '{}' has {} tensors, expected at most {}", …);
template <class... Args>
Error fail(ErrorCode code, fmt::format_string<Args...> text, Args&&... args) {
  return Error(code, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace ominix
