#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/json_reader.h"
#include "text/load_files.h"
#include "text/load_json.h"

namespace ominix::text {
namespace {

// merges.txt as the "merges" of a tokenizer.json.
std::string merges_json(std::string_view text, std::string_view where) {
  if (!utf8::is_valid(text)) {
    throw fail(ErrorCode::corrupt_data, "{}: merges that are not UTF-8", where);
  }
  std::string out = "[";
  out.reserve(text.size() + text.size() / 2);
  for (bool first = true; !text.empty(); first = false) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || (first && line.starts_with("#version"))) continue;
    if (out.size() > 1) out += ',';
    out += '"';
    for (const char c : line) {
      if (c == '"' || c == '\\') out += '\\';
      if (static_cast<unsigned char>(c) < 0x20) {
        throw fail(ErrorCode::corrupt_data, "{}: a control character among the merges", where);
      }
      out += c;
    }
    out += '"';
  }
  return out += ']';
}

}  // namespace

std::unique_ptr<Pipeline> load_vocab_and_merges(std::string_view vocab, std::string_view merges,
                                                std::string_view where) {
  PatternEvidence evidence;
  JsonReader r(vocab, where);
  if (r.peek() != JsonReader::Kind::object) r.refuse("expected an object of tokens");
  r.flat_object([&](std::string_view token) {
    if (const auto bytes = from_alphabet(token)) evidence.see(*bytes);
    r.skip();
  });
  r.end();

  // Put together into the tokenizer.json that the files stand for.
  Json steps = Json::array();
  for (const std::string_view pattern : evidence.patterns(where)) {
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", pattern}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  }
  steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}});
  const Json normalizer = evidence.like_qwen2() ? Json{{"type", "NFC"}} : Json();
  std::string json = R"({"normalizer":)" + normalizer.dump();
  json += R"(,"pre_tokenizer":)" + Json{{"type", "Sequence"}, {"pretokenizers", steps}}.dump();
  json += R"(,"decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":)";
  json += vocab;
  json += R"(,"merges":)" + merges_json(merges, where) + "}}";
  return load_tokenizer_json(json, where);
}

}  // namespace ominix::text
