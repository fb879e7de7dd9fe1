#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ominix/output.h>

namespace ominix::text::output {

// The tools of a request: the types of their parameters by name.
class Tools {
 public:
  Tools() = default;
  // OpenAI's list. Errors: corrupt_data, too_big.
  explicit Tools(std::string_view json);

  bool empty() const { return tools_.empty(); }
  bool has(std::string_view name) const { return tools_.contains(name); }
  bool is_string(std::string_view tool, std::string_view parameter) const;
  // Whether `text` is the beginning of a name, or a name and a new line.
  bool may_begin(std::string_view text) const;

 private:
  using Types = std::map<std::string, std::string, std::less<>>;
  std::map<std::string, Types, std::less<>> tools_;
};

// The marks that begin a call in the middle of text.
std::vector<std::string_view> call_marks(ToolFormat format);

// Finds the end of a call that begins at the start of a growing text; looks at each byte once.
class CallEnd {
 public:
  explicit CallEnd(ToolFormat format) : format_(format) {}
  // The end, or npos while it has not come.
  size_t find(std::string_view text);

 private:
  bool tag(std::string_view text, std::string_view tag) const {
    return text.substr(at_, tag.size()) == tag;
  }
  // More may come that decides what stands here.
  bool undecided(std::string_view text, std::string_view tag) const {
    return tag.starts_with(text.substr(at_));
  }
  // Whether `c` belongs to a string in quotes: inside it, or its end.
  bool passes_quoted(char c);
  size_t tagged(std::string_view text);
  size_t balanced(std::string_view text);

  ToolFormat format_;
  size_t at_ = 0;
  int depth_ = 0;
  char quote_ = 0;
  bool escaped_ = false, inside_value_ = false, opened_ = false;
};

// The calls that a complete text of one or several calls makes; nothing when it is no call.
std::optional<std::vector<OutputEvent>> read_calls(ToolFormat format, const Tools& tools,
                                                   std::string_view text);

}  // namespace ominix::text::output
