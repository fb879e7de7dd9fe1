#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace ominix::cli {

// The user asked for something the command line does not have: exit status 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// "--max-tokens N": name "max-tokens", value "N". A flag has no value. "-n N": letter 'n'.
struct Option {
  std::string_view name, value, help;
  char letter = 0;
};

class Arguments;

struct Command {
  std::string_view name;
  std::string_view usage;     // "MODEL PROMPT"
  std::string_view summary;   // one line for `ominix --help`
  std::string_view examples;  // shown by `ominix NAME --help`
  std::vector<Option> options;
  size_t min_positional = 0, max_positional = 0;
  int (*run)(Arguments& args) = nullptr;
};

// Options every command has.
std::span<const Option> common_options();

// The parsed words of one command.
class Arguments {
 public:
  // Errors: UsageError (an unknown option, a missing value, too many or few words).
  Arguments(const Command& command, std::span<const std::string_view> words);

  size_t count() const { return positional_.size(); }
  const std::string& operator[](size_t i) const { return positional_.at(i); }

  bool has(std::string_view option) const { return values_.contains(option); }
  std::string text(std::string_view option, std::string_view fallback = {}) const;
  std::vector<std::string> all(std::string_view option) const;  // in the order given
  // A number from `least` to `most`; int, int64_t, uint64_t, float or double. Errors: UsageError.
  template <class T>
  T number(std::string_view option, T fallback, std::type_identity_t<T> least,
           std::type_identity_t<T> most = std::numeric_limits<T>::max()) const;

 private:
  std::vector<std::string> positional_;
  std::multimap<std::string, std::string, std::less<>> values_;
};

std::string help(const Command& command);

}  // namespace ominix::cli
