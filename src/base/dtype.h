#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ominix {

// How numbers are stored in model files: plain elements, and GGUF's blocks along the last axis.
enum class DType : uint8_t {
  boolean,
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  u64,
  i64,
  f16,
  bf16,
  f32,
  f64,
  c64,
  f8_e4m3,
  f8_e5m2,
  f8_e8m0,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  iq4_nl,
  iq4_xs,
  mxfp4,
  nvfp4,
};

struct DTypeInfo {
  std::string_view name;  // "f32", "q4_k"
  uint32_t block;         // elements in one block, 1 for plain types
  uint32_t bytes;         // bytes of one block
};

const DTypeInfo& info(DType type);
inline std::string_view to_string(DType type) { return info(type).name; }
inline bool is_quantized(DType type) { return info(type).block > 1; }

// Bytes of `elements` values, or nothing when they do not fill whole blocks or the product
// does not fit 63 bits.
std::optional<uint64_t> checked_bytes(DType type, uint64_t elements);

}  // namespace ominix
