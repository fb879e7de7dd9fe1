#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ominix {

// How a model writes calls of tools.
enum class ToolFormat : uint8_t {
  none,
  json_tags,      // <tool_call>{"name": …, "arguments": {…}}</tool_call>   (Hermes, Qwen 2.5 and 3)
  xml_function,   // <function=NAME><parameter=P>value</parameter></function>   (Qwen3-Coder, 3.5)
  argument_tags,  // <tool_call>NAME<arg_key>k</arg_key><arg_value>v</arg_value></tool_call>
                  // (GLM 4.5)
  name_and_json,  // NAME, a new line, {…}; the whole turn   (GLM 4)
  bracket_mark,   // [TOOL_CALLS][{"name": …, "arguments": {…}}] or [TOOL_CALLS]NAME[ARGS]{…}
  whole_json,     // {"name": …, "parameters": {…}}, the whole turn, perhaps behind <|python_tag|>
  pythonic,       // [name(a=1, b="x")], the whole turn   (Llama 3.2 and 4)
  pythonic_tags,  // <|tool_call_start|>[name(a=1)]<|tool_call_end|>   (MiniCPM, LFM 2)
};

struct OutputFormat {
  ToolFormat tools = ToolFormat::none;
  std::string reasoning_begin, reasoning_end;  // empty where the model does not reason aloud

  // By what the chat template writes for the same things.
  static OutputFormat detect(std::string_view chat_template);
};

struct OutputEvent {
  enum class Kind : uint8_t { text, reasoning, tool_call };
  Kind kind = Kind::text;
  std::string text;  // of text and reasoning: the next piece
  // Of a call. `arguments` is the text of a JSON object; `id` is empty where the model gave none.
  std::string name, arguments, id;
  bool operator==(const OutputEvent&) const = default;
};

// Takes the text of an answer apart as it comes: reasoning, text for the reader, calls of tools.
// However the text is cut into pieces, the events say the same. What turns out to be no call is
// text. One parser reads one answer.
class OutputParser {
 public:
  // `prompt`: the rendered prompt or its end, which may have begun the reasoning already.
  // `tools`: the request's tools, a JSON list as in OpenAI's API, or empty: then no calls are
  // looked for. Errors: corrupt_data, too_big (`tools`).
  OutputParser(const OutputFormat& format, std::string_view prompt, std::string_view tools);
  OutputParser(OutputParser&&) noexcept;
  OutputParser& operator=(OutputParser&&) noexcept;
  ~OutputParser();

  // `piece`: decoded with special tokens kept, since marks such as [TOOL_CALLS] are some; without
  // those that end the answer.
  std::vector<OutputEvent> push(std::string_view piece);
  // The answer is complete: what was held back.
  std::vector<OutputEvent> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ominix
