#include "text/pre_tokenizer.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/config_reader.h"
#include "text/shown.h"
#include "text/unicode/unicode.h"

namespace ominix::text {
namespace {

class Split : public PreTokenizer {
 public:
  Split(Pattern pattern, SplitBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void split(Piece piece, PieceStore& store) const override {
    store.parts.clear();
    pattern_.parts(piece.text, store.parts);
    if (invert_) {
      for (Part& p : store.parts) p.is_match = !p.is_match;
    }
    apply_behavior(store.parts, behavior_);
    for (const Part& p : store.parts) {
      store.next.push_back(
          {piece.text.substr(p.begin, p.end - p.begin), piece.first && p.begin == 0});
    }
  }

 private:
  Pattern pattern_;
  SplitBehavior behavior_;
  bool invert_;
};

// Puts a space before a piece that does not begin with one.
struct PrefixSpace : PreTokenizer {
  void split(Piece piece, PieceStore& store) const override {
    if (!piece.text.starts_with(' ')) {
      piece.text = store.owned.emplace_back(" " + std::string(piece.text));
    }
    store.next.push_back(piece);
  }
};

struct ToAlphabet : PreTokenizer {
  void split(Piece piece, PieceStore& store) const override {
    piece.text = store.owned.emplace_back(to_alphabet(piece.text));
    store.next.push_back(piece);
  }
};

struct Metaspace : PreTokenizer {
  enum class Prepend : uint8_t { first, always, never };
  std::string replacement;
  Prepend prepend = Prepend::always;
  bool cut = true;

  void split(Piece piece, PieceStore& store) const override {
    std::string text;
    text.reserve(piece.text.size() * 2);
    const bool starts = piece.text.starts_with(' ') || piece.text.starts_with(replacement);
    const bool wanted = prepend == Prepend::always || (prepend == Prepend::first && piece.first);
    if (wanted && !starts) text = replacement;
    for (const char c : piece.text) {
      if (c == ' ') {
        text += replacement;
      } else {
        text += c;
      }
    }
    const std::string_view all = store.owned.emplace_back(std::move(text));
    size_t begin = 0;
    while (cut && begin < all.size()) {
      // A piece is a replacement and what follows up to the next one.
      const size_t end = std::min(all.find(replacement, begin + 1), all.size());
      store.next.push_back({all.substr(begin, end - begin), piece.first && begin == 0});
      begin = end;
    }
    if (!cut) store.next.push_back({all, piece.first});
  }
};

struct FixedLength : PreTokenizer {
  size_t length = 5;
  void split(Piece piece, PieceStore& store) const override {
    for (size_t at = 0; at < piece.text.size();) {
      const size_t begin = at;
      for (size_t i = 0; i < length && at < piece.text.size(); ++i) utf8::decode(piece.text, at);
      store.next.push_back({piece.text.substr(begin, at - begin), piece.first && begin == 0});
    }
  }
};

// \w+|[^\w\s]+ with the \w of UTS 18.
struct Words : PreTokenizer {
  void split(Piece piece, PieceStore& store) const override {
    enum { kSpace, kWord, kOther };
    const auto class_at = [&](size_t& at) {
      const char32_t c = utf8::decode(piece.text, at);
      return unicode::is_space(c) ? kSpace : unicode::is_word(c) ? kWord : kOther;
    };
    for (size_t at = 0; at < piece.text.size();) {
      const size_t begin = at;
      const auto kind = class_at(at);
      for (size_t next = at; next < piece.text.size() && class_at(next) == kind;) at = next;
      if (kind == kSpace) continue;
      store.next.push_back({piece.text.substr(begin, at - begin), piece.first && begin == 0});
    }
  }
};

bool is_punctuation(char32_t c) {
  if (c < 128) {
    return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) ||
           (c >= 123 && c <= 126);
  }
  return unicode::is_kind(c, unicode::Kind::punctuation);
}

SplitBehavior behavior_of(const std::string& name, std::string_view where) {
  if (name == "Removed") return SplitBehavior::removed;
  if (name == "Isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext") return SplitBehavior::merged_with_next;
  if (name == "Contiguous") return SplitBehavior::contiguous;
  throw fail(ErrorCode::corrupt_data, "{}: behavior '{}' is not known", where, shown(name));
}

struct Builder {
  PreTokenizerPlan& plan;
  std::string_view where;

  template <class Step>
  Step& add() {
    auto step = std::make_unique<Step>();
    Step& made = *step;
    plan.steps.push_back(std::move(step));
    return made;
  }
  void characters(std::function<bool(char32_t)> predicate, SplitBehavior behavior) {
    plan.steps.push_back(split_by(Pattern::characters(std::move(predicate)), behavior));
  }

  void build(const Json& config, int depth) {
    if (config.is_null()) return;
    if (depth > 16) throw fail(ErrorCode::too_big, "{}: pre-tokenizers nested too deep", where);
    const ConfigReader r(config, where);
    const std::string type = r.type();
    if (type == "Sequence") {
      const Json* list = r.find("pretokenizers");
      if (!list || !list->is_array()) {
        throw fail(ErrorCode::corrupt_data, "{}: Sequence without a list 'pretokenizers'", where);
      }
      for (const Json& step : *list) build(step, depth + 1);
    } else if (type == "ByteLevel") {
      if (r.require<bool>("add_prefix_space")) add<PrefixSpace>();
      if (r.optional("use_regex", true)) {
        plan.steps.push_back(split_by(Pattern::regex(kGpt2Pattern), SplitBehavior::isolated));
      }
      add<ToAlphabet>();
    } else if (type == "Split") {
      plan.steps.push_back(split_by(make_pattern(config, where),
                                    behavior_of(r.require<std::string>("behavior"), where),
                                    r.require<bool>("invert")));
    } else if (type == "Metaspace") {
      metaspace(r);
    } else if (type == "Digits") {
      plan.steps.push_back(split_digits(r.require<bool>("individual_digits")));
    } else if (type == "Punctuation") {
      characters(is_punctuation,
                 behavior_of(r.optional<std::string>("behavior", "Isolated"), where));
    } else if (type == "Whitespace") {
      add<Words>();
    } else if (type == "WhitespaceSplit") {
      characters(unicode::is_space, SplitBehavior::removed);
    } else if (type == "BertPreTokenizer") {
      characters(unicode::is_space, SplitBehavior::removed);
      characters(is_punctuation, SplitBehavior::isolated);
    } else if (type == "CharDelimiterSplit" || type == "Delimiter") {
      plan.steps.push_back(
          split_by(Pattern::literal(r.require<std::string>("delimiter")), SplitBehavior::removed));
    } else if (type == "FixedLength") {
      const auto length = r.optional<int64_t>("length", 5);
      if (length < 1) throw fail(ErrorCode::corrupt_data, "{}: length {}", where, length);
      add<FixedLength>().length = static_cast<size_t>(length);
    } else {
      throw fail(ErrorCode::unsupported, "{}: pre-tokenizer '{}' is not known", where, shown(type));
    }
  }

  void metaspace(const ConfigReader& r) {
    auto& step = add<Metaspace>();
    step.replacement = r.require<std::string>("replacement");
    size_t end = 0;
    if (!step.replacement.empty()) utf8::decode(step.replacement, end);
    if (step.replacement.empty() || end != step.replacement.size()) {
      throw fail(ErrorCode::corrupt_data, "{}: replacement '{}', expected one character", where,
                 shown(step.replacement));
    }
    const auto scheme = r.optional<std::string>("prepend_scheme", "always");
    if (scheme == "first") {
      step.prepend = Metaspace::Prepend::first;
    } else if (scheme == "never" || !r.optional("add_prefix_space", true)) {
      step.prepend = Metaspace::Prepend::never;
    } else if (scheme != "always") {
      throw fail(ErrorCode::corrupt_data, "{}: prepend_scheme '{}'", where, shown(scheme));
    }
    step.cut = r.optional("split", true);
  }
};

}  // namespace

std::unique_ptr<PreTokenizer> split_by(Pattern pattern, SplitBehavior behavior, bool invert) {
  return std::make_unique<Split>(std::move(pattern), behavior, invert);
}

std::unique_ptr<PreTokenizer> split_digits(bool individual) {
  return split_by(
      Pattern::characters([](char32_t c) { return unicode::is_kind(c, unicode::Kind::number); }),
      individual ? SplitBehavior::isolated : SplitBehavior::contiguous);
}

void PreTokenizerPlan::run(std::string_view text, bool first, PieceStore& store) const {
  store.owned.clear();
  store.pieces.assign(1, {text, first});
  for (const auto& step : steps) {
    store.next.clear();
    for (const Piece& piece : store.pieces) step->split(piece, store);
    store.pieces.swap(store.next);
  }
}

PreTokenizerPlan make_pre_tokenizer(const Json& config, bool keep_bytes, std::string_view where) {
  PreTokenizerPlan plan;
  Builder{plan, where}.build(config, 0);
  if (keep_bytes && !plan.steps.empty() &&
      dynamic_cast<const ToAlphabet*>(plan.steps.back().get()) != nullptr) {
    plan.steps.pop_back();
    plan.byte_level = true;
  }
  return plan;
}

}  // namespace ominix::text
