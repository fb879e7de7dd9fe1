// Answers of a model, whole and cut: the same events.
#include <ominix/output.h>

#include <algorithm>

#include "fuzz/fuzz.h"

namespace {

using namespace ominix;

std::vector<OutputEvent> parsed(const OutputFormat& format, std::string_view prompt,
                                std::string_view answer, size_t step) {
  OutputParser parser(format, prompt, R"([{"name": "now", "parameters": {"properties":
      {"city": {"type": "string"}}}}, {"name": "a"}])");
  std::vector<OutputEvent> out;
  const auto add = [&](std::vector<OutputEvent> more) {
    for (OutputEvent& e : more) {
      if (e.kind != OutputEvent::Kind::tool_call && !out.empty() && out.back().kind == e.kind) {
        out.back().text += e.text;
      } else {
        out.push_back(std::move(e));
      }
    }
  };
  for (size_t at = 0; at < answer.size(); at += step) add(parser.push(answer.substr(at, step)));
  add(parser.finish());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  OutputFormat format{.tools = static_cast<ToolFormat>(data[0] % 9)};
  if (data[0] & 0x80) format.reasoning_begin = "<think>", format.reasoning_end = "</think>";
  const std::string_view prompt = data[0] & 0x40 ? "<think>" : "";
  const std::string_view answer = fuzz::text_of(data + 2, size - 2);
  fuzz::run([&] {
    const auto whole = parsed(format, prompt, answer, std::max<size_t>(answer.size(), 1));
    if (parsed(format, prompt, answer, 1 + data[1] % 16) != whole) std::abort();
  });
  return 0;
}
