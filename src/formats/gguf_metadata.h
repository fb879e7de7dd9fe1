#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace ominix::formats {

// Many strings in one block of memory: a vocabulary costs what it costs in the file.
class StringArray {
 public:
  StringArray() = default;
  // `ends[i]` is where string i ends in `text`; ascending, the last one text.size().
  StringArray(std::string text, std::vector<uint64_t> ends)
      : text_(std::move(text)), ends_(std::move(ends)) {}

  size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }
  std::string_view operator[](size_t i) const {
    const uint64_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }

 private:
  std::string text_;
  std::vector<uint64_t> ends_;
};

using GgufValue =
    std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, uint64_t, int64_t, float,
                 double, bool, std::string, std::vector<uint8_t>, std::vector<int8_t>,
                 std::vector<uint16_t>, std::vector<int16_t>, std::vector<uint32_t>,
                 std::vector<int32_t>, std::vector<uint64_t>, std::vector<int64_t>,
                 std::vector<float>, std::vector<double>, std::vector<bool>, StringArray>;

// "u32", "array of 3 strings": for messages and `inspect`.
std::string describe(const GgufValue& value);

// The key-value part of a GGUF file. find() says nothing where the key is absent, require() throws;
// both throw corrupt_data where the value has another type. Integers convert to any integer type
// that holds the value, and numbers to float and double; nothing else converts.
//   metadata.require<uint32_t>("llama.block_count")
//   metadata.find<std::string>("tokenizer.chat_template")
//   metadata.find_array<float>("tokenizer.ggml.scores")
class GgufMetadata {
 public:
  using Map = std::map<std::string, GgufValue, std::less<>>;

  GgufMetadata() = default;
  // `where` starts the text of Errors.
  GgufMetadata(std::string where, Map values)
      : where_(std::move(where)), values_(std::move(values)) {}

  const Map& values() const { return values_; }
  const GgufValue* get(std::string_view key) const;
  bool contains(std::string_view key) const { return get(key) != nullptr; }

  template <class T>
  std::optional<T> find(std::string_view key) const {
    const GgufValue* value = get(key);
    if (!value) return std::nullopt;
    return scalar<T>(key, *value);
  }

  template <class T>
  T require(std::string_view key) const {
    const GgufValue* value = get(key);
    if (!value) throw_missing(key);
    return scalar<T>(key, *value);
  }

  template <class T>
  std::optional<std::vector<T>> find_array(std::string_view key) const {
    const GgufValue* value = get(key);
    if (!value) return std::nullopt;
    return array<T>(key, *value);
  }

  template <class T>
  std::vector<T> require_array(std::string_view key) const {
    const GgufValue* value = get(key);
    if (!value) throw_missing(key);
    return array<T>(key, *value);
  }

  // nullptr when absent.
  const StringArray* find_strings(std::string_view key) const;
  const StringArray& require_strings(std::string_view key) const;

 private:
  [[noreturn]] void throw_missing(std::string_view key) const;
  [[noreturn]] void throw_type(std::string_view key, const GgufValue& found,
                               std::string_view expected) const;
  [[noreturn]] void throw_range(std::string_view key, const GgufValue& found) const;

  template <class To, class From>
  To number(std::string_view key, const GgufValue& whole, From value) const {
    if constexpr (std::is_integral_v<To>) {
      if (!std::in_range<To>(value)) throw_range(key, whole);
    }
    return static_cast<To>(value);
  }

  template <class To, class From>
  static constexpr bool converts() {
    if constexpr (std::is_same_v<To, bool> || std::is_same_v<From, bool>) {
      return std::is_same_v<To, From>;
    } else if constexpr (!std::is_arithmetic_v<From>) {
      return false;
    } else {
      return std::is_floating_point_v<To> || std::is_integral_v<From>;
    }
  }

  template <class T>
  T scalar(std::string_view key, const GgufValue& value) const {
    if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
      if (const auto* text = std::get_if<std::string>(&value)) return T(*text);
      throw_type(key, value, "a string");
    } else {
      return std::visit(
          [&]<class From>(const From& v) -> T {
            if constexpr (converts<T, From>()) {
              if constexpr (std::is_same_v<T, bool>)
                return v;
              else
                return number<T>(key, value, v);
            } else {
              throw_type(key, value, expected<T>());
            }
          },
          value);
    }
  }

  template <class T>
  std::vector<T> array(std::string_view key, const GgufValue& value) const {
    return std::visit(
        [&]<class From>(const From& v) -> std::vector<T> {
          if constexpr (requires { typename From::value_type; }) {
            using Element = typename From::value_type;
            if constexpr (!std::is_same_v<From, std::string> && converts<T, Element>()) {
              if constexpr (std::is_same_v<T, Element>) {
                return v;
              } else {
                std::vector<T> out;
                out.reserve(v.size());
                for (Element e : v) out.push_back(number<T>(key, value, e));
                return out;
              }
            }
          }
          throw_type(key, value, std::string("an array of ") + expected<T>());
        },
        value);
  }

  template <class T>
  static const char* expected() {
    if (std::is_same_v<T, bool>) return "bool";
    return std::is_integral_v<T> ? "integer" : "number";
  }

  std::string where_;
  Map values_;
};

}  // namespace ominix::formats
