#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"

namespace ominix::text {

// Typed access to the small objects of a tokenizer.json, for bool, int64_t and std::string.
// Errors: corrupt_data, naming the key.
class ConfigReader {
 public:
  ConfigReader(const Json& object, std::string_view where);

  template <class T>
  T require(const char* key) const;
  template <class T>
  T optional(const char* key, T otherwise) const {
    const Json* value = find(key);
    return value ? as<T>(*value, key) : std::move(otherwise);
  }
  // nullptr when it is absent or null.
  const Json* find(const char* key) const;
  std::string type() const { return require<std::string>("type"); }
  std::string_view where() const { return where_; }

 private:
  template <class T>
  T as(const Json& value, const char* key) const;

  const Json& object_;
  std::string where_;
};

}  // namespace ominix::text
