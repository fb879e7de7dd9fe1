#include "text/output/calls.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "text/output/literal.h"

namespace ominix::text::output {
namespace {

constexpr size_t kMaxName = 256, kMostArguments = 1000;
constexpr std::string_view kSpace = " \n\t\r";
constexpr std::string_view kToolCall = "<tool_call>", kToolCallEnd = "</tool_call>";
constexpr std::string_view kFunction = "<function=", kFunctionEnd = "</function>";
constexpr std::string_view kParameter = "<parameter=", kParameterEnd = "</parameter>";
constexpr std::string_view kKey = "<arg_key>", kKeyEnd = "</arg_key>";
constexpr std::string_view kValue = "<arg_value>", kValueEnd = "</arg_value>";
constexpr std::string_view kBracketMark = "[TOOL_CALLS]", kArgs = "[ARGS]", kCallId = "[CALL_ID]";
constexpr std::string_view kPython = "<|python_tag|>";
constexpr std::string_view kCallStart = "<|tool_call_start|>", kCallStop = "<|tool_call_end|>";

using Calls = std::optional<std::vector<OutputEvent>>;

std::string_view trimmed(std::string_view s) {
  const size_t begin = s.find_first_not_of(kSpace);
  if (begin == s.npos) return {};
  return s.substr(begin, s.find_last_not_of(kSpace) - begin + 1);
}

bool drop_prefix(std::string_view& s, std::string_view prefix) {
  if (!s.starts_with(prefix)) return false;
  s.remove_prefix(prefix.size());
  return true;
}

// The text before `mark`, which is taken as well; all of it when there is none.
std::string_view take_until(std::string_view& s, std::string_view mark) {
  const size_t at = s.find(mark);
  const std::string_view out = s.substr(0, at);
  s.remove_prefix(at == s.npos ? s.size() : at + mark.size());
  return out;
}

std::string dumped(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::optional<OutputEvent> call(std::string_view name, const OrderedJson& arguments,
                                std::string id = {}) {
  if (name.empty() || name.size() > kMaxName) return std::nullopt;
  OutputEvent out{.kind = OutputEvent::Kind::tool_call, .name = std::string(name)};
  out.id = std::move(id);
  if (arguments.is_object()) {
    out.arguments = dumped(arguments);
  } else if (arguments.is_string()) {  // JSON in a string
    const auto inner = read_literal(arguments.get_ref<const std::string&>());
    if (!inner || !inner->is_object()) return std::nullopt;
    out.arguments = dumped(*inner);
  } else if (arguments.is_null()) {
    out.arguments = "{}";
  } else {
    return std::nullopt;
  }
  return out;
}

// {"name": …, "arguments" or "parameters": …, "id": …}
std::optional<OutputEvent> call_of(const OrderedJson& json) {
  const OrderedJson* object = &json;
  if (!object->is_object()) return std::nullopt;
  if (const auto inner = object->find("function"); inner != object->end() && inner->is_object()) {
    object = &*inner;
  }
  const auto name = object->find("name");
  if (name == object->end() || !name->is_string()) return std::nullopt;
  auto arguments = object->find("arguments");
  if (arguments == object->end()) arguments = object->find("parameters");
  const auto id = json.find("id");
  return call(name->get_ref<const std::string&>(),
              arguments == object->end() ? OrderedJson() : *arguments,
              id != json.end() && id->is_string() ? id->get<std::string>() : std::string());
}

Calls calls_of(std::string_view text) {
  const auto json = read_literal(text);
  if (!json) return std::nullopt;
  std::vector<OutputEvent> out;
  const auto add = [&](const OrderedJson& one) {
    auto made = call_of(one);
    if (!made) return false;
    out.push_back(*std::move(made));
    return true;
  };
  if (!json->is_array()) return add(*json) ? Calls(std::move(out)) : std::nullopt;
  if (json->empty() || !std::ranges::all_of(*json, add)) return std::nullopt;
  return out;
}

// A value written as text: as its type says, else what it looks like.
OrderedJson value_of(const Tools& tools, std::string_view tool, std::string_view parameter,
                     std::string_view text) {
  if (!tools.is_string(tool, parameter)) {
    if (auto value = read_literal(trimmed(text))) return *std::move(value);
  }
  return std::string(text);
}

std::string_view without_line_ends(std::string_view s) {
  if (s.starts_with('\n')) s.remove_prefix(1);
  if (s.ends_with('\n')) s.remove_suffix(1);
  return s;
}

Calls xml_calls(const Tools& tools, std::string_view text) {
  text = trimmed(text);
  if (drop_prefix(text, kToolCall)) text = trimmed(text);
  if (!drop_prefix(text, kFunction)) return std::nullopt;
  const std::string_view name = trimmed(take_until(text, ">"));
  if (const std::string_view body = trimmed(text); body.starts_with('{')) {
    std::string_view rest = body;
    const size_t end = body.rfind(kFunctionEnd);
    const auto json = read_literal(rest.substr(0, end));
    const auto made = json ? call(name, *json) : std::nullopt;
    return made ? Calls({*made}) : std::nullopt;
  }
  OrderedJson arguments = OrderedJson::object();
  while (true) {
    text = trimmed(text);
    if (!drop_prefix(text, kParameter)) break;
    const std::string parameter(trimmed(take_until(text, ">")));
    const std::string_view value = without_line_ends(take_until(text, kParameterEnd));
    if (arguments.size() >= kMostArguments) return std::nullopt;
    arguments[parameter] = value_of(tools, name, parameter, value);
  }
  if (!text.empty() && !kFunctionEnd.starts_with(text.substr(0, kFunctionEnd.size()))) {
    return std::nullopt;
  }
  const auto made = call(name, arguments);
  return made ? Calls({*made}) : std::nullopt;
}

Calls argument_tags(const Tools& tools, std::string_view text) {
  if (!drop_prefix(text, kToolCall)) return std::nullopt;
  const size_t name_end = std::min({text.find('\n', text.find_first_not_of(kSpace)),
                                    text.find(kKey), text.find(kToolCallEnd), text.size()});
  const std::string_view name = trimmed(text.substr(0, name_end));
  text.remove_prefix(name_end);
  OrderedJson arguments = OrderedJson::object();
  while (true) {
    text = trimmed(text);
    if (!drop_prefix(text, kKey)) break;
    const std::string key(trimmed(take_until(text, kKeyEnd)));
    text = trimmed(text);
    if (!drop_prefix(text, kValue)) return std::nullopt;
    if (arguments.size() >= kMostArguments) return std::nullopt;
    arguments[key] = value_of(tools, name, key, take_until(text, kValueEnd));
  }
  if (!text.empty() && text != kToolCallEnd) return std::nullopt;
  if (name.find_first_of("<{ ") != name.npos) return std::nullopt;
  const auto made = call(name, arguments);
  return made ? Calls({*made}) : std::nullopt;
}

Calls bracket_calls(std::string_view text) {
  if (!drop_prefix(text, kBracketMark)) return std::nullopt;
  text = trimmed(text);
  if (text.starts_with('[') && !text.starts_with(kArgs)) return calls_of(text);
  const size_t brace = text.find('{');
  if (brace == text.npos) return std::nullopt;
  std::string_view head = trimmed(text.substr(0, brace));
  if (head.ends_with(kArgs)) head.remove_suffix(kArgs.size());
  std::string_view id = head;
  const std::string_view name = trimmed(take_until(id, kCallId));
  const auto json = read_literal(text.substr(brace));
  const auto made = json ? call(name, *json, std::string(trimmed(id))) : std::nullopt;
  return made ? Calls({*made}) : std::nullopt;
}

Calls python_calls(const Tools& tools, std::string_view text, bool known_only) {
  text = trimmed(text);
  if (drop_prefix(text, "```")) {
    take_until(text, "\n");
    if (const size_t fence = text.rfind("```"); fence != text.npos) text = text.substr(0, fence);
  }
  const auto calls = read_python_calls(trimmed(text));
  if (!calls) return std::nullopt;
  std::vector<OutputEvent> out;
  for (const PythonCall& c : *calls) {
    if (known_only && !tools.has(c.name)) return std::nullopt;
    if (c.name.size() > kMaxName) return std::nullopt;
    out.push_back({.kind = OutputEvent::Kind::tool_call, .name = c.name, .arguments = c.arguments});
  }
  return out;
}

Calls whole_calls(const Tools& tools, std::string_view text) {
  text = trimmed(text);
  const bool tagged = drop_prefix(text, kPython);
  text = trimmed(text);
  if (text.starts_with('{')) {
    auto out = calls_of(text);
    if (out && !tagged && !tools.has(out->front().name)) return std::nullopt;
    return out;
  }
  // Built-in tools: brave_search.call(query="…")
  auto out = tagged ? python_calls(tools, text, false) : std::nullopt;
  for (size_t i = 0; out && i < out->size(); ++i) {
    std::string& name = (*out)[i].name;
    if (name.ends_with(".call")) name.resize(name.size() - 5);
  }
  return out;
}

Calls name_and_json(const Tools& tools, std::string_view text) {
  const std::string_view name = trimmed(take_until(text, "\n"));
  if (!tools.has(name)) return std::nullopt;
  const auto json = read_literal(text);
  const auto made = json ? call(name, *json) : std::nullopt;
  return made ? Calls({*made}) : std::nullopt;
}

}  // namespace

Tools::Tools(std::string_view json) {
  if (trimmed(json).empty()) return;
  const Json list = parse_json(json, "tools");
  if (list.is_null()) return;
  if (!list.is_array()) throw Error(ErrorCode::corrupt_data, "tools: expected a list");
  for (const Json& tool : list) {
    const auto inner = tool.is_object() ? tool.find("function") : tool.end();
    const Json& function = inner != tool.end() && inner->is_object() ? *inner : tool;
    const auto name = function.is_object() ? function.find("name") : function.end();
    if (name == function.end() || !name->is_string()) continue;
    Types& types = tools_[name->get<std::string>()];
    const Json* properties = &function;
    for (const char* key : {"parameters", "properties"}) {
      const auto next = properties->is_object() ? properties->find(key) : properties->end();
      if (next == properties->end()) {
        properties = nullptr;
        break;
      }
      properties = &*next;
    }
    if (!properties || !properties->is_object()) continue;
    for (const auto& [parameter, schema] : properties->items()) {
      const auto type = schema.is_object() ? schema.find("type") : schema.end();
      if (type != schema.end() && type->is_string()) types[parameter] = type->get<std::string>();
    }
  }
}

bool Tools::is_string(std::string_view tool, std::string_view parameter) const {
  const auto types = tools_.find(tool);
  if (types == tools_.end()) return false;
  const auto type = types->second.find(parameter);
  return type != types->second.end() && type->second == "string";
}

bool Tools::may_begin(std::string_view text) const {
  return std::ranges::any_of(tools_, [&](const auto& tool) {
    const std::string line = tool.first + "\n{";
    return text.size() < line.size() ? line.starts_with(text) : text.starts_with(line);
  });
}

std::vector<std::string_view> call_marks(ToolFormat format) {
  switch (format) {
    case ToolFormat::json_tags:
    case ToolFormat::argument_tags:
      return {kToolCall};
    case ToolFormat::xml_function:
      return {kToolCall, kFunction};
    case ToolFormat::bracket_mark:
      return {kBracketMark};
    case ToolFormat::whole_json:
      return {kPython};
    case ToolFormat::pythonic_tags:
      return {kCallStart};
    case ToolFormat::none:
    case ToolFormat::name_and_json:
    case ToolFormat::pythonic:
      return {};
  }
  return {};
}

size_t CallEnd::find(std::string_view text) {
  switch (format_) {
    case ToolFormat::bracket_mark:
    case ToolFormat::whole_json:
    case ToolFormat::pythonic:
    case ToolFormat::name_and_json:
      return balanced(text);
    default:
      return tagged(text);
  }
}

bool CallEnd::passes_quoted(char c) {
  if (quote_ == 0) return false;
  if (escaped_) {
    escaped_ = false;
  } else if (c == '\\') {
    escaped_ = true;
  } else if (c == quote_) {
    quote_ = 0;
  }
  return true;
}

size_t CallEnd::tagged(std::string_view text) {
  const bool json = format_ == ToolFormat::json_tags;
  const bool python = format_ == ToolFormat::pythonic_tags;
  const std::string_view end = python                                ? kCallStop
                               : format_ == ToolFormat::xml_function ? kFunctionEnd
                                                                     : kToolCallEnd;
  const bool glm = format_ == ToolFormat::argument_tags;
  const std::string_view open = glm ? kValue : kParameter, close = glm ? kValueEnd : kParameterEnd;
  for (; at_ < text.size(); ++at_) {
    const char c = text[at_];
    if (json || python) {
      if (passes_quoted(c)) continue;
      if (c == '"' || (python && c == '\'')) quote_ = c;
    } else if (inside_value_) {
      if (undecided(text, close)) return text.npos;
      if (tag(text, close)) inside_value_ = false;
      continue;
    } else if (c == '<') {
      if (tag(text, open)) {
        inside_value_ = true;
        continue;
      }
      if (undecided(text, open)) return text.npos;
    }
    if (c != '<') continue;
    if (tag(text, end)) return at_ + end.size();
    if (undecided(text, end)) return text.npos;
  }
  return text.npos;
}

size_t CallEnd::balanced(std::string_view text) {
  const bool python = format_ == ToolFormat::pythonic || format_ == ToolFormat::whole_json;
  // Brackets before the value belong to marks.
  for (const std::string_view mark : {kBracketMark, kPython}) {
    if (at_ == 0 && tag(text, mark)) at_ = mark.size();
  }
  for (; at_ < text.size(); ++at_) {
    const char c = text[at_];
    if (passes_quoted(c)) continue;
    if (format_ == ToolFormat::bracket_mark && !opened_ && c == '[') {
      // [CALL_ID] and [ARGS] of the head are no lists.
      bool head = false;
      for (const std::string_view mark : {kCallId, kArgs}) {
        if (tag(text, mark)) {
          at_ += mark.size() - 1;
          head = true;
          break;
        }
        if (undecided(text, mark)) return text.npos;
      }
      if (head) continue;
    }
    if (c == '"' || (python && opened_ && c == '\'')) {
      if (opened_) quote_ = c;
    } else if (c == '{' || c == '[' || (python && c == '(')) {
      opened_ = true;
      ++depth_;
    } else if (c == '}' || c == ']' || (python && c == ')')) {
      if (--depth_ <= 0 && opened_) return ++at_;
    }
  }
  return text.npos;
}

Calls read_calls(ToolFormat format, const Tools& tools, std::string_view text) {
  switch (format) {
    case ToolFormat::json_tags: {
      if (!drop_prefix(text, kToolCall)) return std::nullopt;
      if (text.ends_with(kToolCallEnd)) text.remove_suffix(kToolCallEnd.size());
      return calls_of(trimmed(text));
    }
    case ToolFormat::xml_function:
      return xml_calls(tools, text);
    case ToolFormat::argument_tags:
      return argument_tags(tools, text);
    case ToolFormat::name_and_json:
      return name_and_json(tools, text);
    case ToolFormat::bracket_mark:
      return bracket_calls(text);
    case ToolFormat::whole_json:
      return whole_calls(tools, text);
    case ToolFormat::pythonic:
      return python_calls(tools, text, true);
    case ToolFormat::pythonic_tags:
      if (!drop_prefix(text, kCallStart)) return std::nullopt;
      if (text.ends_with(kCallStop)) text.remove_suffix(kCallStop.size());
      return python_calls(tools, text, false);
    case ToolFormat::none:
      break;
  }
  return std::nullopt;
}

}  // namespace ominix::text::output
