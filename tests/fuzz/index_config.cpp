// Two small JSON formats: the first byte chooses.
#include "formats/checkpoint_files.h"
#include "formats/config.h"
#include "fuzz/fuzz.h"
#include "support/memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ominix;
  if (size == 0) return 0;
  const testing::MemoryFile memory(fuzz::text_of(data + 1, size - 1));
  fuzz::run([&] {
    if (data[0] == 'i') {
      const auto index = formats::read_safetensors_index(memory.path());
      for (const auto& [tensor, file] : index.tensors) {
        if (!formats::is_plain_name(index.files.at(file))) std::abort();
      }
    } else {
      formats::check_config(formats::read_config(memory.path()));
    }
  });
  return 0;
}
