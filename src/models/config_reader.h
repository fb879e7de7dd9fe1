#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace ominix::models {

// Reads a config.json into typed fields and keeps the account of what nobody read: an ignored key
// is an ignored feature. null counts as absent. Errors: corrupt_data "config.json: 'hidden_size' is
// -4, expected …".
class ConfigReader {
 public:
  // `json` must outlive the reader. Errors: corrupt_data when it is not an object.
  ConfigReader(const Json& json, std::string where);

  void require(std::string_view key, int& out);
  void require(std::string_view key, std::string& out);
  bool optional(std::string_view key, int& out);
  bool optional(std::string_view key, int64_t& out);
  bool optional(std::string_view key, float& out);
  bool optional(std::string_view key, bool& out);
  bool optional(std::string_view key, std::string& out);
  bool optional(std::string_view key, std::vector<float>& out);
  bool optional(std::string_view key, std::vector<int>& out);
  bool optional(std::string_view key, std::vector<std::string>& out);

  // Is the key there, be it null?
  bool has(std::string_view key) const;
  // The value as it is, or nullptr; counts as read.
  const Json* raw(std::string_view key);
  // Keys that are known to mean nothing for inference.
  void ignore(std::initializer_list<std::string_view> keys);

  // A size: at least 1 and small enough that products of two fit 63 bits.
  void size(std::string_view key, int value) const;
  // Throws "config.json: <text>" unless `holds`.
  void check(bool holds, std::string_view text) const;

  std::vector<std::string> unread() const;
  const std::string& where() const { return where_; }

 private:
  const Json* find(std::string_view key);
  const Json& need(std::string_view key);
  [[noreturn]] void wrong(std::string_view key, const Json& found, std::string_view expected) const;

  const Json& json_;
  std::string where_;
  std::set<std::string, std::less<>> read_;
};

}  // namespace ominix::models
