#include "kernels/cpu/table.h"

#include "kernels/device.h"

namespace ominix::kernels {

const Table& table() {
  switch (isa()) {
#if defined(__x86_64__)
    case Isa::avx2:
      return avx2::kTable;
    case Isa::avx512:
      return avx512::kTable;
    case Isa::avx512_vnni:
      return avx512_vnni::kTable;
#endif
    default:
      return portable::kTable;
  }
}

}  // namespace ominix::kernels
