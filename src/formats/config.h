#pragma once

#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/json.h"

namespace ominix::formats {

// A model's config.json: an object, parsed with limits that keep the memory near the file's size.
struct Config {
  std::shared_ptr<const Json> json;  // an object
  std::string where;                 // starts the text of Errors
};

Config read_config(const std::filesystem::path& path);

// Refuses values that no model can have, with the field's name, before weights are touched: sizes
// of 0, negative or absurdly large; heads that do not divide; factors that are 0 or not finite.
// What a family requires beyond that is the family's to say. Nested configs (text_config, …) are
// checked as well.
void check_config(const Config& config);

}  // namespace ominix::formats
