#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace ominix::text {

// One step of work on the text before it is cut into pieces. Thread-safe.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // `text` is valid UTF-8, and so is the result.
  virtual std::string apply(std::string text) const = 0;
  // Of text that does not begin where the whole text begins.
  virtual std::string apply_inside(std::string text) const { return apply(std::move(text)); }
};

// From the "normalizer" value of a tokenizer.json; nullptr for null.
// Errors: corrupt_data, unsupported.
std::unique_ptr<Normalizer> make_normalizer(const Json& config, std::string_view where);

}  // namespace ominix::text
