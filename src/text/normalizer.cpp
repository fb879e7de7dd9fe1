#include "text/normalizer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/charsmap.h"
#include "text/config_reader.h"
#include "text/matching.h"
#include "text/shown.h"
#include "text/unicode/unicode.h"

namespace ominix::text {
namespace {

// Calls visit(c, out) for every character.
template <class Visit>
std::string each(std::string_view text, Visit visit) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) visit(utf8::decode(text, at), out);
  return out;
}

struct Sequence : Normalizer {
  std::vector<std::unique_ptr<Normalizer>> steps;
  std::string apply(std::string text) const override {
    for (const auto& step : steps) text = step->apply(std::move(text));
    return text;
  }
};

struct Prepend : Normalizer {
  std::string prefix;
  std::string apply(std::string text) const override { return text.empty() ? text : prefix + text; }
};

struct Replace : Normalizer {
  Replace(Pattern p, std::string c) : pattern(std::move(p)), content(std::move(c)) {}
  Pattern pattern;
  std::string content;
  std::string apply(std::string text) const override {
    std::vector<Part> parts;
    pattern.parts(text, parts);
    if (parts.size() == 1 && !parts[0].is_match) return text;
    std::string out;
    for (const Part& p : parts) {
      if (p.is_match) {
        out += content;
      } else {
        out.append(text, p.begin, p.end - p.begin);
      }
    }
    return out;
  }
};

struct UnicodeForm : Normalizer {
  explicit UnicodeForm(unicode::Form f) : form(f) {}
  unicode::Form form;
  std::string apply(std::string text) const override {
    return unicode::is_surely_normal(text, form) ? text : unicode::normalize(text, form);
  }
};

struct Lowercase : Normalizer {
  std::string apply(std::string text) const override {
    return each(text, [](char32_t c, std::string& out) { unicode::append_lower(out, c); });
  }
};

struct Strip : Normalizer {
  bool left = true, right = true;
  std::string apply(std::string text) const override {
    size_t begin = 0, end = text.size();
    while (left && begin < end) {
      size_t at = begin;
      if (!unicode::is_space(utf8::decode(text, at))) break;
      begin = at;
    }
    while (right && begin < end) {
      size_t at = end - 1;
      while (at > begin && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
      const size_t last = at;
      if (!unicode::is_space(utf8::decode(text, at))) break;
      end = last;
    }
    return text.substr(begin, end - begin);
  }
};

struct StripAccents : Normalizer {
  std::string apply(std::string text) const override {
    return each(text, [](char32_t c, std::string& out) {
      if (!unicode::is_kind(c, unicode::Kind::mark)) utf8::append(out, c);
    });
  }
};

// The ideographs that BERT sets apart with spaces.
bool is_cjk(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

struct Bert : Normalizer {
  bool clean_text = true, handle_chinese_chars = true, strip_accents = true, lowercase = true;
  std::string apply(std::string text) const override {
    if (clean_text) {
      text = each(text, [](char32_t c, std::string& out) {
        const bool keep = c == '\t' || c == '\n' || c == '\r';
        if (c == 0 || c == 0xFFFD || (!keep && unicode::is_kind(c, unicode::Kind::control))) return;
        utf8::append(out, unicode::is_space(c) ? U' ' : c);
      });
    }
    if (handle_chinese_chars) {
      text = each(text, [](char32_t c, std::string& out) {
        if (is_cjk(c)) out += ' ';
        utf8::append(out, c);
        if (is_cjk(c)) out += ' ';
      });
    }
    if (strip_accents) {
      text = each(unicode::normalize(text, unicode::Form::nfd), [](char32_t c, std::string& out) {
        if (!unicode::is_kind(c, unicode::Kind::nonspacing)) utf8::append(out, c);
      });
    }
    if (lowercase) text = Lowercase().apply(std::move(text));
    return text;
  }
};

struct Nmt : Normalizer {
  std::string apply(std::string text) const override {
    return each(text, [](char32_t c, std::string& out) {
      const bool drop = (c >= 1 && c <= 8) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
                        c == 0x8F || c == 0x9F;
      if (drop) return;
      const bool space = c == 9 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
                         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 ||
                         c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
      utf8::append(out, space ? U' ' : c);
    });
  }
};

struct ByteLevel : Normalizer {
  std::string apply(std::string text) const override { return to_alphabet(text); }
};

std::unique_ptr<Normalizer> make(const Json& config, std::string_view where, int depth) {
  if (config.is_null()) return nullptr;
  if (depth > 16) throw fail(ErrorCode::too_big, "{}: normalizers nested too deep", where);
  const ConfigReader r(config, where);
  const std::string type = r.type();
  if (type == "Sequence") {
    auto out = std::make_unique<Sequence>();
    const Json* list = r.find("normalizers");
    if (!list || !list->is_array()) {
      throw fail(ErrorCode::corrupt_data, "{}: Sequence without a list 'normalizers'", where);
    }
    for (const Json& step : *list) {
      if (auto made = make(step, where, depth + 1)) out->steps.push_back(std::move(made));
    }
    return out;
  }
  if (type == "Prepend") {
    auto out = std::make_unique<Prepend>();
    out->prefix = r.require<std::string>("prepend");
    return out;
  }
  if (type == "Replace") {
    return std::make_unique<Replace>(make_pattern(config, where),
                                     r.require<std::string>("content"));
  }
  if (type == "NFC") return std::make_unique<UnicodeForm>(unicode::Form::nfc);
  if (type == "NFD") return std::make_unique<UnicodeForm>(unicode::Form::nfd);
  if (type == "NFKC") return std::make_unique<UnicodeForm>(unicode::Form::nfkc);
  if (type == "NFKD") return std::make_unique<UnicodeForm>(unicode::Form::nfkd);
  if (type == "Lowercase") return std::make_unique<Lowercase>();
  if (type == "Strip") {
    auto out = std::make_unique<Strip>();
    out->left = r.require<bool>("strip_left");
    out->right = r.require<bool>("strip_right");
    return out;
  }
  if (type == "StripAccents") return std::make_unique<StripAccents>();
  if (type == "BertNormalizer") {
    auto out = std::make_unique<Bert>();
    out->clean_text = r.require<bool>("clean_text");
    out->handle_chinese_chars = r.require<bool>("handle_chinese_chars");
    out->lowercase = r.require<bool>("lowercase");
    out->strip_accents = r.optional("strip_accents", out->lowercase);
    return out;
  }
  if (type == "Nmt") return std::make_unique<Nmt>();
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "Precompiled") {
    return make_precompiled(r.require<std::string>("precompiled_charsmap"), where);
  }
  throw fail(ErrorCode::unsupported, "{}: normalizer '{}' is not known", where, shown(type));
}

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(const Json& config, std::string_view where) {
  return make(config, where, 0);
}

}  // namespace ominix::text
