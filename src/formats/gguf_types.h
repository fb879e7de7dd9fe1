#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/dtype.h"

namespace ominix::formats {

// The type behind a tensor type id of GGUF, if OminiX reads it.
std::optional<DType> gguf_type(uint32_t id);
std::optional<uint32_t> gguf_type_id(DType type);

// The name of an id that OminiX does not read ("IQ2_XS"), or empty when no such type exists.
std::string_view gguf_other_type(uint32_t id);

}  // namespace ominix::formats
