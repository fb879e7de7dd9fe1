#include <gtest/gtest.h>

#include "text/support.h"

namespace ominix {
namespace {

// One megabyte of the texts that make tokenizers quadratic; the timeout of the test is the bound.
TEST(HostileText, IsEncodedAndComesBack) {
  const auto repeat = [](std::string_view unit) {
    std::string out;
    while (out.size() < (1u << 20)) out += unit;
    return out;
  };
  for (const char* file :
       {"text/data/ggml-vocab-gpt-2.gguf", "text/data/ggml-vocab-llama-spm.gguf"}) {
    const auto t = testing::load_gguf_file(testing::test_file(file));
    for (const char* unit : {"a", " ", "中", "\U0001F468\u200D", "(", "<", "\n", "0"}) {
      const std::string text = repeat(unit);
      EXPECT_EQ(t->decode(t->encode(text)), text) << file << " " << unit;
    }
  }
}

}  // namespace
}  // namespace ominix
