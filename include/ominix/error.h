#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace ominix {

// What kind of failure an Error is. Programs decide by the code, people read the text.
enum class ErrorCode {
  invalid_argument,  // the caller asked for something that cannot be
  not_found,         // a file, model or tensor that is not there
  corrupt_data,      // bytes that contradict their format or each other
  too_big,           // a limit of ours would be passed
  unsupported,       // valid, but not something OminiX can do
  out_of_memory,     // the memory budget does not allow it
  io,                // the operating system refused to read or write
  cancelled,         // stopped on request
  internal,          // a fault of OminiX itself
};

// "corrupt_data" and so on: stable names, used in --json.
std::string_view to_string(ErrorCode code);

// The one exception type of OminiX. The text is a single line
//   where: what, expected, found
// that a person can act on.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace ominix
