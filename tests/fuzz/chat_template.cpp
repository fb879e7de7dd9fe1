// A template and, behind a NUL, its variables.
#include <ominix/template.h>

#include <algorithm>

#include "base/utf8.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ominix;
  const std::string_view all = fuzz::text_of(data, size);
  const size_t cut = std::min(all.find('\0'), all.size());
  const std::string_view variables = cut < all.size() ? all.substr(cut + 1) : "{}";
  fuzz::run([&] {
    const ChatTemplate t{std::string(all.substr(0, cut))};
    const PromptText p = t.render(variables, 0, {.steps = 50'000, .output = 1 << 16});
    size_t done = 0;
    for (const ByteRange& r : p.trusted) {
      if (r.begin >= r.end || r.end > p.text.size() || r.begin < done) std::abort();
      done = r.end;
    }
  });
  return 0;
}
