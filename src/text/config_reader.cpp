#include "text/config_reader.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace ominix::text {

ConfigReader::ConfigReader(const Json& object, std::string_view where)
    : object_(object), where_(where) {
  if (!object.is_object()) {
    throw fail(ErrorCode::corrupt_data, "{}: {}, expected an object", where, object.type_name());
  }
}

const Json* ConfigReader::find(const char* key) const {
  const auto it = object_.find(key);
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

template <class T>
T ConfigReader::as(const Json& value, const char* key) const {
  bool fits = false;
  if constexpr (std::is_same_v<T, bool>) {
    fits = value.is_boolean();
  } else if constexpr (std::is_same_v<T, std::string>) {
    fits = value.is_string();
  } else {
    fits = value.is_number_integer();
  }
  if (!fits) {
    throw fail(ErrorCode::corrupt_data, "{}: '{}' is of type {}", where_, key, value.type_name());
  }
  return value.get<T>();
}

template <class T>
T ConfigReader::require(const char* key) const {
  const auto it = object_.find(key);
  if (it == object_.end()) throw fail(ErrorCode::corrupt_data, "{}: no '{}'", where_, key);
  return as<T>(*it, key);
}

template bool ConfigReader::as(const Json&, const char*) const;
template int64_t ConfigReader::as(const Json&, const char*) const;
template std::string ConfigReader::as(const Json&, const char*) const;
template bool ConfigReader::require(const char*) const;
template int64_t ConfigReader::require(const char*) const;
template std::string ConfigReader::require(const char*) const;

}  // namespace ominix::text
