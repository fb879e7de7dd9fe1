#include "base/dtype.h"

#include <array>
#include <limits>

namespace ominix {
namespace {

// In the order of DType.
constexpr std::array kInfo = {
    DTypeInfo{"bool", 1, 1},     DTypeInfo{"u8", 1, 1},         DTypeInfo{"i8", 1, 1},
    DTypeInfo{"u16", 1, 2},      DTypeInfo{"i16", 1, 2},        DTypeInfo{"u32", 1, 4},
    DTypeInfo{"i32", 1, 4},      DTypeInfo{"u64", 1, 8},        DTypeInfo{"i64", 1, 8},
    DTypeInfo{"f16", 1, 2},      DTypeInfo{"bf16", 1, 2},       DTypeInfo{"f32", 1, 4},
    DTypeInfo{"f64", 1, 8},      DTypeInfo{"c64", 1, 8},        DTypeInfo{"f8_e4m3", 1, 1},
    DTypeInfo{"f8_e5m2", 1, 1},  DTypeInfo{"f8_e8m0", 1, 1},    DTypeInfo{"q4_0", 32, 18},
    DTypeInfo{"q4_1", 32, 20},   DTypeInfo{"q5_0", 32, 22},     DTypeInfo{"q5_1", 32, 24},
    DTypeInfo{"q8_0", 32, 34},   DTypeInfo{"q2_k", 256, 84},    DTypeInfo{"q3_k", 256, 110},
    DTypeInfo{"q4_k", 256, 144}, DTypeInfo{"q5_k", 256, 176},   DTypeInfo{"q6_k", 256, 210},
    DTypeInfo{"iq4_nl", 32, 18}, DTypeInfo{"iq4_xs", 256, 136}, DTypeInfo{"mxfp4", 32, 17},
    DTypeInfo{"nvfp4", 64, 36},
};
static_assert(kInfo.size() == static_cast<size_t>(DType::nvfp4) + 1);

}  // namespace

const DTypeInfo& info(DType type) { return kInfo.at(static_cast<size_t>(type)); }

std::optional<uint64_t> checked_bytes(DType type, uint64_t elements) {
  const DTypeInfo& t = info(type);
  if (elements % t.block != 0) return std::nullopt;
  const uint64_t blocks = elements / t.block;
  if (blocks > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()) / t.bytes) {
    return std::nullopt;
  }
  return blocks * t.bytes;
}

}  // namespace ominix
