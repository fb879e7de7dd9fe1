#include "formats/gguf_metadata.h"

#include <array>

#include "base/error.h"
#include "formats/shown.h"

namespace ominix::formats {
namespace {

// In the order of GgufValue; arrays repeat the names of the scalars.
constexpr std::array<std::string_view, 12> kNames = {"u8",  "i8",  "u16", "i16", "u32",  "i32",
                                                     "u64", "i64", "f32", "f64", "bool", "string"};
static_assert(std::variant_size_v<GgufValue> == 2 * kNames.size());

}  // namespace

std::string describe(const GgufValue& value) {
  if (value.index() < kNames.size()) return std::string(kNames[value.index()]);
  const size_t size = std::visit(
      []<class T>(const T& v) -> size_t {
        if constexpr (requires { v.size(); }) return v.size();
        return 0;
      },
      value);
  return fmt::format("array of {} {}", size, kNames[value.index() - kNames.size()]);
}

const GgufValue* GgufMetadata::get(std::string_view key) const {
  const auto at = values_.find(key);
  return at == values_.end() ? nullptr : &at->second;
}

const StringArray* GgufMetadata::find_strings(std::string_view key) const {
  const GgufValue* value = get(key);
  if (!value) return nullptr;
  const auto* strings = std::get_if<StringArray>(value);
  if (!strings) throw_type(key, *value, "an array of string");
  return strings;
}

const StringArray& GgufMetadata::require_strings(std::string_view key) const {
  const StringArray* strings = find_strings(key);
  if (!strings) throw_missing(key);
  return *strings;
}

void GgufMetadata::throw_missing(std::string_view key) const {
  throw fail(ErrorCode::corrupt_data, "{}: no key '{}'", where_, shown(key));
}

void GgufMetadata::throw_type(std::string_view key, const GgufValue& found,
                              std::string_view expected) const {
  throw fail(ErrorCode::corrupt_data, "{}: key '{}' is {}, expected {}", where_, shown(key),
             describe(found), expected);
}

void GgufMetadata::throw_range(std::string_view key, const GgufValue& found) const {
  const std::string text = std::visit(
      []<class T>(const T& v) -> std::string {
        if constexpr (std::is_arithmetic_v<T>) return fmt::format("{}", v);
        return "a number";
      },
      found);
  throw fail(ErrorCode::corrupt_data, "{}: key '{}' has {} out of range", where_, shown(key), text);
}

}  // namespace ominix::formats
