#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace ominix::text::output {

// A JSON value, or one as Python writes it ('single quotes', True, None, tuples). Nothing when it
// is neither, nested too deep, or followed by something else than white space.
std::optional<OrderedJson> read_literal(std::string_view text);

// name(a=1, b="x"), one or several with commas between, perhaps in [ ]: what each is called with.
// Arguments without a name make it nothing.
struct PythonCall {
  std::string name;
  std::string arguments;  // the text of a JSON object
};
std::optional<std::vector<PythonCall>> read_python_calls(std::string_view text);

}  // namespace ominix::text::output
