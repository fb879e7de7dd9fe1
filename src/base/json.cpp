#include "base/json.h"

#include <nlohmann/json.hpp>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"

namespace ominix {
namespace {

// Checks depth, size and duplicate keys before anything is built.
class Checker : public nlohmann::json_sax<Json> {
 public:
  Checker(std::string_view where, JsonLimits limits) : where_(where), limits_(limits) {}

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(size_t) override { return open(true); }
  bool start_array(size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    if (!keys_.back().insert(name).second) {
      std::string shown = name.substr(0, utf8::complete_prefix(name.substr(0, 64)));
      for (char& c : shown) {
        if (static_cast<unsigned char>(c) < 32 || c == 127) c = ' ';
      }
      throw fail(ErrorCode::corrupt_data, "{}: key '{}' stands twice in one object", where_, shown);
    }
    return true;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception& e) override {
    // The library's text starts with "[json.exception.…] "; keep the reason.
    std::string reason = e.what();
    if (auto at = reason.find("] "); at != std::string::npos) reason = reason.substr(at + 2);
    for (char& c : reason) {
      if (static_cast<unsigned char>(c) < 32) c = ' ';
    }
    throw fail(ErrorCode::corrupt_data, "{}: not valid JSON at byte {}: {}", where_, position,
               reason.substr(0, 200));
  }

 private:
  bool value() {
    if (++values_ > limits_.values) {
      throw fail(ErrorCode::too_big, "{}: more than {} JSON values", where_, limits_.values);
    }
    return true;
  }

  bool open(bool) {
    value();
    if (keys_.size() >= limits_.depth) {
      throw fail(ErrorCode::too_big, "{}: JSON nested deeper than {} levels", where_,
                 limits_.depth);
    }
    keys_.emplace_back();
    return true;
  }

  bool close() {
    keys_.pop_back();
    return true;
  }

  std::string_view where_;
  JsonLimits limits_;
  size_t values_ = 0;
  std::vector<std::unordered_set<std::string>> keys_;
};

template <class J>
J parse(std::string_view text, std::string_view where, JsonLimits limits) {
  Checker checker(where, limits);
  Json::sax_parse(text, &checker);
  return J::parse(text);
}

}  // namespace

Json parse_json(std::string_view text, std::string_view where, JsonLimits limits) {
  return parse<Json>(text, where, limits);
}

OrderedJson parse_ordered_json(std::string_view text, std::string_view where, JsonLimits limits) {
  return parse<OrderedJson>(text, where, limits);
}

}  // namespace ominix
