#include "text/decoder.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/config_reader.h"
#include "text/matching.h"
#include "text/shown.h"

namespace ominix::text {
namespace {

using Strings = std::vector<std::string>;

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  size_t done = 0;
  for (size_t at = 0; !from.empty() && (at = text.find(from, done)) != text.npos;) {
    out += text.substr(done, at - done);
    out += to;
    done = at + from.size();
  }
  out += text.substr(done);
  return out;
}

std::string concat(const Strings& parts) {
  size_t size = 0;
  for (const std::string& p : parts) size += p.size();
  std::string out;
  out.reserve(size);
  for (const std::string& p : parts) out += p;
  return out;
}

struct ByteLevelDecoder : Decoder {
  Strings apply(Strings tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) {
      if (auto raw = from_alphabet(token)) {
        bytes += *raw;
      } else {
        bytes += token;
      }
    }
    return {utf8::sanitize(bytes)};
  }
};

struct ReplaceDecoder : Decoder {
  ReplaceDecoder(Pattern p, std::string c) : pattern(std::move(p)), content(std::move(c)) {}
  Pattern pattern;
  std::string content;
  Strings apply(Strings tokens) const override {
    std::vector<Part> parts;
    for (std::string& token : tokens) {
      parts.clear();
      pattern.parts(token, parts);
      std::string out;
      for (const Part& p : parts) {
        out += p.is_match ? std::string_view(content)
                          : std::string_view(token).substr(p.begin, p.end - p.begin);
      }
      token = std::move(out);
    }
    return tokens;
  }
};

struct ByteFallbackDecoder : Decoder {
  Strings apply(Strings tokens) const override {
    Strings out;
    std::string run;
    const auto flush = [&] {
      if (run.empty()) return;
      if (utf8::is_valid(run)) {
        out.push_back(run);
      } else {
        out.insert(out.end(), run.size(), "\uFFFD");
      }
      run.clear();
    };
    for (std::string& token : tokens) {
      const int byte = byte_of_fallback_token(token);
      if (byte >= 0) {
        run += static_cast<char>(byte);
        continue;
      }
      flush();
      out.push_back(std::move(token));
    }
    flush();
    return out;
  }
};

// Byte tokens become characters one by one; each byte that does not is a U+FFFD.
void flush_bytes(std::string& bytes, std::string& out) {
  for (size_t at = 0; at < bytes.size();) {
    const size_t begin = at;
    bool valid = false;
    utf8::decode(bytes, at, &valid);
    if (valid) {
      out.append(bytes, begin, at - begin);
    } else {
      out += "\uFFFD";
      at = begin + 1;
    }
  }
  bytes.clear();
}

struct SentencePieceModelDecoder : Decoder {
  explicit SentencePieceModelDecoder(SentencePieceDecoding o) : options(std::move(o)) {}
  SentencePieceDecoding options;
  Strings apply(Strings tokens) const override {
    constexpr std::string_view kSpace = "\u2581";
    std::string out, bytes;
    bool at_start = options.strips_first;
    for (const std::string& token : tokens) {
      if (const int byte = byte_of_fallback_token(token); byte >= 0) {
        bytes += static_cast<char>(byte);
        continue;
      }
      flush_bytes(bytes, out);
      at_start = at_start && out.empty();
      std::string_view text = token == options.unk ? options.unk_surface : token;
      if (at_start && text.starts_with(kSpace)) {
        text.remove_prefix(kSpace.size());
        at_start = options.strips_until_text;
      }
      out += replace_all(text, kSpace, " ");
    }
    flush_bytes(bytes, out);
    return {out};
  }
};

struct FuseDecoder : Decoder {
  Strings apply(Strings tokens) const override { return {concat(tokens)}; }
};

struct StripDecoder : Decoder {
  std::string content;
  size_t start = 0, stop = 0;
  Strings apply(Strings tokens) const override {
    for (std::string& token : tokens) {
      std::string_view text = token;
      for (size_t i = 0; i < start && text.starts_with(content); ++i) {
        text.remove_prefix(content.size());
      }
      for (size_t i = 0; i < stop && text.ends_with(content); ++i) {
        text.remove_suffix(content.size());
      }
      token = std::string(text);
    }
    return tokens;
  }
};

struct MetaspaceDecoder : Decoder {
  std::string replacement;
  bool strips_first = true;
  Strings apply(Strings tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = replace_all(tokens[i], replacement, i == 0 && strips_first ? "" : " ");
    }
    return tokens;
  }
};

// English habits that WordPiece takes apart.
std::string clean_up(std::string text) {
  constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
      {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
      {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
  };
  for (const auto& [from, to] : kRules) text = replace_all(text, from, to);
  return text;
}

struct WordPieceDecoder : Decoder {
  std::string prefix;
  bool cleanup = true;
  Strings apply(Strings tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i != 0) {
        if (token.starts_with(prefix)) {
          token.erase(0, prefix.size());
        } else {
          token.insert(0, 1, ' ');
        }
      }
      if (cleanup) token = clean_up(std::move(token));
    }
    return tokens;
  }
};

struct BpeDecoder : Decoder {
  std::string suffix;
  Strings apply(Strings tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      tokens[i] = replace_all(tokens[i], suffix, i + 1 == tokens.size() ? "" : " ");
    }
    return tokens;
  }
};

struct CtcDecoder : Decoder {
  std::string pad_token, word_delimiter_token;
  bool cleanup = true;
  Strings apply(Strings tokens) const override {
    Strings out;
    const std::string* previous = nullptr;
    for (const std::string& token : tokens) {
      if (previous && *previous == token) continue;
      previous = &token;
      std::string text = replace_all(token, pad_token, "");
      if (cleanup) text = replace_all(clean_up(std::move(text)), word_delimiter_token, " ");
      if (!text.empty()) out.push_back(std::move(text));
    }
    return out;
  }
};

void build(const Json& config, std::string_view where, int depth, DecoderPlan& plan) {
  if (config.is_null()) return;
  if (depth > 16) throw fail(ErrorCode::too_big, "{}: decoders nested too deep", where);
  const ConfigReader r(config, where);
  const std::string type = r.type();
  const auto add = [&]<class Step>(std::unique_ptr<Step> step) -> Step& {
    Step& made = *step;
    plan.steps.push_back(std::move(step));
    return made;
  };
  if (type == "Sequence") {
    const Json* list = r.find("decoders");
    if (!list || !list->is_array()) {
      throw fail(ErrorCode::corrupt_data, "{}: Sequence without a list 'decoders'", where);
    }
    for (const Json& step : *list) build(step, where, depth + 1, plan);
  } else if (type == "ByteLevel") {
    add(std::make_unique<ByteLevelDecoder>());
  } else if (type == "Replace") {
    add(std::make_unique<ReplaceDecoder>(make_pattern(config, where),
                                         r.require<std::string>("content")));
  } else if (type == "ByteFallback") {
    add(std::make_unique<ByteFallbackDecoder>());
  } else if (type == "Fuse") {
    add(std::make_unique<FuseDecoder>());
  } else if (type == "Strip") {
    auto& step = add(std::make_unique<StripDecoder>());
    step.content = r.require<std::string>("content");
    const auto start = r.require<int64_t>("start"), stop = r.require<int64_t>("stop");
    if (step.content.empty() || start < 0 || stop < 0) {
      throw fail(ErrorCode::corrupt_data, "{}: Strip of '{}', {}, {}", where, shown(step.content),
                 start, stop);
    }
    step.start = static_cast<size_t>(start);
    step.stop = static_cast<size_t>(stop);
  } else if (type == "Metaspace") {
    auto& step = add(std::make_unique<MetaspaceDecoder>());
    step.replacement = r.require<std::string>("replacement");
    step.strips_first = r.optional<std::string>("prepend_scheme", "always") != "never" &&
                        r.optional("add_prefix_space", true);
  } else if (type == "WordPiece") {
    auto& step = add(std::make_unique<WordPieceDecoder>());
    step.prefix = r.require<std::string>("prefix");
    step.cleanup = r.require<bool>("cleanup");
  } else if (type == "BPEDecoder") {
    add(std::make_unique<BpeDecoder>()).suffix = r.require<std::string>("suffix");
  } else if (type == "CTC") {
    auto& step = add(std::make_unique<CtcDecoder>());
    step.pad_token = r.require<std::string>("pad_token");
    step.word_delimiter_token = r.require<std::string>("word_delimiter_token");
    step.cleanup = r.require<bool>("cleanup");
  } else {
    throw fail(ErrorCode::unsupported, "{}: decoder '{}' is not known", where, shown(type));
  }
}

// Replace "▁" by " ", ByteFallback, Fuse, and perhaps Strip one space of the left.
Streaming streaming_of(const Json& config) {
  Streaming out;
  if (!config.is_object()) return out;
  if (config.value("type", "") == "ByteLevel") return {.kind = Streaming::Kind::byte_level};
  if (config.value("type", "") != "Sequence") return out;
  const Json& list = config["decoders"];
  if (list.size() == 1) return streaming_of(list[0]);
  const auto is = [&](size_t i, const char* type) {
    return i < list.size() && list[i].value("type", "") == type;
  };
  if (!is(0, "Replace") || !is(1, "ByteFallback") || !is(2, "Fuse") || list.size() > 4) return out;
  const Json& pattern = list[0]["pattern"];
  if (!pattern.contains("String")) return out;
  if (list.size() == 4) {
    if (!is(3, "Strip") || list[3]["content"] != " " || list[3]["start"] != 1 ||
        list[3]["stop"] != 0) {
      return out;
    }
    out.strip_first_space = true;
  }
  out.kind = Streaming::Kind::byte_fallback;
  out.from = pattern["String"].get<std::string>();
  out.to = list[0]["content"].get<std::string>();
  return out;
}

}  // namespace

std::string DecoderPlan::run(std::vector<std::string> tokens) const {
  if (!present) {
    std::string out;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (i != 0) out += ' ';
      out += tokens[i];
    }
    return out;
  }
  for (const auto& step : steps) tokens = step->apply(std::move(tokens));
  return concat(tokens);
}

DecoderPlan make_decoder(const Json& config, std::string_view where) {
  DecoderPlan plan;
  plan.present = !config.is_null();
  build(config, where, 0, plan);
  plan.streaming = streaming_of(config);
  return plan;
}

DecoderPlan byte_level_decoder() {
  return make_decoder(Json{{"type", "ByteLevel"}}, "byte-level decoder");
}

DecoderPlan sentencepiece_decoder(bool strip_first_space) {
  Json list = Json::array({{{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}},
                           {{"type", "ByteFallback"}},
                           {{"type", "Fuse"}}});
  if (strip_first_space) {
    list.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return make_decoder(Json{{"type", "Sequence"}, {"decoders", list}}, "SentencePiece decoder");
}

DecoderPlan sentencepiece_model_decoder(SentencePieceDecoding options) {
  DecoderPlan plan;
  plan.present = true;
  plan.streaming = {.kind = Streaming::Kind::byte_fallback,
                    .from = "\u2581",
                    .to = " ",
                    .strip_first_space = options.strips_first,
                    .unk = options.unk,
                    .unk_surface = options.unk_surface,
                    .strip_until_text = options.strips_until_text};
  plan.steps.push_back(std::make_unique<SentencePieceModelDecoder>(std::move(options)));
  return plan;
}

}  // namespace ominix::text
