#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "formats/gguf.h"
#include "models/family.h"

namespace ominix::models {

// Each family defines `namespace ominix::models::NAME { Family family(); }`. The list is written by
// CMake from the families of this build (src/models/CMakeLists.txt).
#define OMINIX_FAMILY(name) \
  namespace name {          \
  Family family();          \
  }
#include "families.inc"
#undef OMINIX_FAMILY

std::span<const Family> families() {
  static const std::vector<Family> all = {
#define OMINIX_FAMILY(name) name::family(),
#include "families.inc"
#undef OMINIX_FAMILY
  };
  return all;
}

namespace {

template <class Names>
const Family& choose(std::string_view what, std::string_view wanted, Names names_of) {
  std::vector<std::string_view> known;
  for (const Family& family : families()) {
    const std::vector<std::string_view> names = names_of(family);
    if (std::ranges::find(names, wanted) != names.end()) return family;
    known.insert(known.end(), names.begin(), names.end());
  }
  throw fail(ErrorCode::unsupported, "{} '{}' is not supported; this build knows {}", what, wanted,
             fmt::join(known, ", "));
}

}  // namespace

const Family& family_for(const Json& config) {
  ConfigReader reader(config, "config.json");
  std::string type;
  reader.require("model_type", type);
  return choose("config.json: model_type", type, [](const Family& f) { return f.model_types; });
}

const Family& family_for(const formats::Gguf& file) {
  const auto architecture = file.metadata().require<std::string>("general.architecture");
  return choose("gguf: architecture", architecture, [&](const Family& f) {
    const bool fits = f.gguf && (!f.gguf->fits || f.gguf->fits(file));
    return fits ? f.gguf->architectures : std::vector<std::string_view>();
  });
}

}  // namespace ominix::models
