#include "formats/safetensors.h"

#include <vector>

#include "fuzz/fuzz.h"
#include "support/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ominix;
  const testing::MemoryFile memory(fuzz::text_of(data, size));
  fuzz::run([&] {
    const formats::Safetensors file(memory.path());
    std::vector<std::byte> bytes;
    for (const auto& t : file.tensors()) {
      bytes.resize(t.bytes);  // bounded by the file: the reader says so
      file.read(t, 0, bytes);
      if (file.find(t.name) != &t) std::abort();
    }
  });
  return 0;
}
