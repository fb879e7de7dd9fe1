#include "formats/gguf.h"

#include <vector>

#include "formats/dequantize.h"
#include "formats/gguf_vocabulary.h"
#include "fuzz/fuzz.h"
#include "support/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ominix;
  const testing::MemoryFile memory(fuzz::text_of(data, size));
  fuzz::run([&] {
    const formats::Gguf file(memory.path());
    std::vector<std::byte> bytes;
    std::vector<float> values;
    for (const auto& t : file.tensors()) {
      bytes.resize(t.bytes);
      file.read(t, 0, bytes);
      if (file.find(t.name) != &t) std::abort();
      values.resize(static_cast<size_t>(t.elements()));
      formats::dequantize(t.type, bytes, values);
    }
    for (const auto& [key, value] : file.metadata().values()) {
      (void)formats::describe(value);
      fuzz::run([&, &key = key] { (void)file.metadata().require<uint32_t>(key); });
      fuzz::run([&, &key = key] { (void)file.metadata().require_array<float>(key); });
    }
    formats::check_vocabulary(file.metadata(), "gguf");
  });
  return 0;
}
