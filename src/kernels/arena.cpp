#include "kernels/arena.h"

#include <sys/mman.h>

#include "base/error.h"

namespace ominix::kernels {
namespace {
constexpr uint64_t kHugePage = 2u << 20;
}

Arena::Arena(uint64_t size) : size_(size) {
  if (size == 0) return;
  // Room to start at a huge page's border.
  mapped_ = size >= kHugePage ? (size + 2 * kHugePage - 1) / kHugePage * kHugePage : size;
  void* base = mapped_ < size ? MAP_FAILED
                              : ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    throw fail(ErrorCode::out_of_memory, "kernels: the system gave no memory for {} bytes", size);
  }
  data_ = static_cast<std::byte*>(base);
  if (size < kHugePage) return;
  const auto address = reinterpret_cast<uintptr_t>(base);
  const uint64_t skip = (kHugePage - address % kHugePage) % kHugePage;
  const uint64_t keep = (size + kHugePage - 1) / kHugePage * kHugePage;
  if (skip) ::munmap(base, skip);
  data_ += skip;
  if (mapped_ > skip + keep) ::munmap(data_ + keep, mapped_ - skip - keep);
  mapped_ = keep;
#ifdef MADV_HUGEPAGE
  ::madvise(data_, mapped_, MADV_HUGEPAGE);
#endif
}

Arena::~Arena() {
  if (data_) ::munmap(data_, mapped_);
}

}  // namespace ominix::kernels
