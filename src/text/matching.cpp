#include "text/matching.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "text/config_reader.h"

namespace ominix::text {

Pattern Pattern::literal(std::string text) {
  Pattern p;
  p.literal_ = std::move(text);
  return p;
}

Pattern Pattern::regex(std::string_view expression) {
  Pattern p;
  p.known_ = KnownPattern::of(expression);
  if (!p.known_) p.regex_.emplace(expression);
  return p;
}

Pattern Pattern::characters(std::function<bool(char32_t)> predicate) {
  Pattern p;
  p.predicate_ = std::move(predicate);
  return p;
}

void Pattern::parts(std::string_view text, std::vector<Part>& out) const {
  size_t done = 0;
  const auto match = [&](size_t begin, size_t end) {
    if (done != begin) out.push_back({done, begin, false});
    out.push_back({begin, end, true});
    done = end;
  };
  if (known_) {
    while (done < text.size()) match(done, known_->match(text, done));
  } else if (regex_) {
    Regex::Matches matches(*regex_, text);
    for (size_t begin, end; matches.next(begin, end);) match(begin, end);
  } else if (predicate_) {
    for (size_t at = 0; at < text.size();) {
      const size_t begin = at;
      if (predicate_(utf8::decode(text, at))) match(begin, at);
    }
  } else if (!literal_.empty()) {
    for (size_t at = text.find(literal_); at != text.npos; at = text.find(literal_, done)) {
      match(at, at + literal_.size());
    }
  }
  if (done != text.size() || text.empty()) out.push_back({done, text.size(), false});
}

Pattern make_pattern(const Json& object, std::string_view where) {
  const ConfigReader r(object, where);
  const Json* pattern = r.find("pattern");
  if (pattern && pattern->is_object() && pattern->size() == 1) {
    const ConfigReader p(*pattern, where);
    if (p.find("String")) return Pattern::literal(p.require<std::string>("String"));
    if (p.find("Regex")) return Pattern::regex(p.require<std::string>("Regex"));
  }
  throw fail(ErrorCode::corrupt_data, "{}: 'pattern' is not one String or Regex", where);
}

void apply_behavior(std::vector<Part>& parts, SplitBehavior behavior) {
  size_t kept = 0;
  bool previous = false;
  switch (behavior) {
    case SplitBehavior::isolated:
      kept = parts.size();
      break;
    case SplitBehavior::removed:
      for (const Part& p : parts) {
        if (!p.is_match) parts[kept++] = p;
      }
      break;
    case SplitBehavior::contiguous:
      for (const Part p : parts) {
        if (p.is_match == previous && kept != 0) {
          parts[kept - 1].end = p.end;
        } else {
          parts[kept++] = p;
        }
        previous = p.is_match;
      }
      break;
    case SplitBehavior::merged_with_previous:
      for (const Part p : parts) {
        if (p.is_match && !previous && kept != 0) {
          parts[kept - 1].end = p.end;
        } else {
          parts[kept++] = p;
        }
        previous = p.is_match;
      }
      break;
    case SplitBehavior::merged_with_next:
      // From the back; a match joins what follows it.
      for (size_t i = parts.size(); i-- > 0;) {
        const Part p = parts[i];
        if (p.is_match && !previous && kept != 0) {
          parts[parts.size() - kept].begin = p.begin;
        } else {
          parts[parts.size() - ++kept] = p;
        }
        previous = p.is_match;
      }
      parts.erase(parts.begin(), parts.end() - static_cast<ptrdiff_t>(kept));
      break;
  }
  parts.resize(kept);
  std::erase_if(parts, [](const Part& p) { return p.begin == p.end; });
}

}  // namespace ominix::text
