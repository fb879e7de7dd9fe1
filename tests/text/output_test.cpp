#include <gtest/gtest.h>
#include <ominix/output.h>

#include "base/file.h"
#include "support/expect_error.h"

namespace ominix {
namespace {

using Kind = OutputEvent::Kind;
using Events = std::vector<OutputEvent>;

constexpr const char* kTools = R"([{"type": "function", "function": {"name": "weather",
  "parameters": {"properties": {"city": {"type": "string"}, "days": {"type": "integer"}}}}},
  {"name": "now"}])";

OutputEvent text(std::string s) { return {.kind = Kind::text, .text = std::move(s)}; }
OutputEvent reasoning(std::string s) { return {.kind = Kind::reasoning, .text = std::move(s)}; }
OutputEvent call(std::string name, std::string arguments, std::string id = "") {
  OutputEvent e{.kind = Kind::tool_call};
  e.name = std::move(name);
  e.arguments = std::move(arguments);
  e.id = std::move(id);
  return e;
}

void add(Events& all, Events more) {
  for (OutputEvent& e : more) {
    if (e.kind != Kind::tool_call && !all.empty() && all.back().kind == e.kind) {
      all.back().text += e.text;
    } else {
      all.push_back(std::move(e));
    }
  }
}

// The events of `answer`, cut into pieces whose sizes `size()` gives.
template <class Size>
Events parsed(const OutputFormat& format, std::string_view prompt, std::string_view answer,
              Size size, std::string_view tools = kTools) {
  OutputParser parser(format, prompt, tools);
  Events out;
  for (size_t at = 0; at < answer.size();) {
    const size_t n = std::min(size(), answer.size() - at);
    add(out, parser.push(answer.substr(at, n)));
    at += n;
  }
  add(out, parser.finish());
  return out;
}

// The same whatever the cut: whole, byte by byte, and at random.
void expect_events(const OutputFormat& format, std::string_view prompt, std::string_view answer,
                   const Events& expected) {
  SCOPED_TRACE(answer);
  EXPECT_EQ(parsed(format, prompt, answer, [&] { return answer.size(); }), expected);
  for (size_t n = 1; n < 8; ++n) {
    EXPECT_EQ(parsed(format, prompt, answer, [&] { return n; }), expected) << n;
  }
}

OutputFormat format(ToolFormat tools, bool reasons = false) {
  OutputFormat out{.tools = tools};
  if (reasons) out.reasoning_begin = "<think>", out.reasoning_end = "</think>";
  return out;
}

std::ostream& operator<<(std::ostream& out, const OutputEvent& e) {
  return out << static_cast<int>(e.kind) << '{' << e.text << '|' << e.name << e.arguments << e.id
             << '}';
}

TEST(Output, TextPassesThrough) {
  expect_events(format(ToolFormat::none), "", "  a <tool_call> {b}\n\n",
                {text("  a <tool_call> {b}\n\n")});
  expect_events(format(ToolFormat::json_tags), "", " a < b <tool \n", {text(" a < b <tool \n")});
  expect_events(format(ToolFormat::json_tags), "", "", {});
}

TEST(Output, Reasoning) {
  const auto f = format(ToolFormat::none, true);
  expect_events(f, "", "<think>\nwhy\n</think>\n\nso", {reasoning("why"), text("so")});
  expect_events(f, "<|im_start|>assistant\n<think>\n", "why </thin \n</think>so",
                {reasoning("why </thin"), text("so")});
  expect_events(f, "<think>\n\n</think>\n\n", " so", {text(" so")});
  expect_events(f, "<think>", "never ends \n", {reasoning("never ends")});
  expect_events(f, "", "a <think>b</think>", {text("a <think>b</think>")});
  expect_events(f, "", "<think></think>", {});
  expect_events(f, "", "\n\n<thinking", {text("\n\n<thinking")});
}

TEST(Output, JsonTags) {
  const auto f = format(ToolFormat::json_tags, true);
  expect_events(
      f, "",
      "<think>t</think>\n\nLet me see.\n<tool_call>\n{\"name\": \"weather\", "
      "\"arguments\": {\"city\": \"</tool_call> \\\"Paris\\\"\", \"days\": 2}}\n</tool_call>\n"
      "<tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call>",
      {reasoning("t"), text("Let me see."),
       call("weather", R"({"city":"</tool_call> \"Paris\"","days":2})"), call("now", "{}")});
  expect_events(f, "", "<tool_call>{\"name\": \"now\", \"arguments\": \"{\\\"a\\\": 1}\"}",
                {call("now", R"({"a":1})")});
  expect_events(f, "",
                "<tool_call>{'name': 'now', 'arguments': {'a': True, 'b': None}}</tool_call> x",
                {call("now", R"({"a":true,"b":null})"), text("x")});
  expect_events(f, "",
                "<tool_call>{\"name\": }</tool_call><tool_call>{\"name\": \"now\"}</tool_call>",
                {text("<tool_call>{\"name\": }</tool_call>"), call("now", "{}")});
}

TEST(Output, XmlFunction) {
  const auto f = format(ToolFormat::xml_function);
  expect_events(
      f, "",
      "ok\n<tool_call>\n<function=weather>\n<parameter=city>\n12\n</parameter>\n"
      "<parameter=days>\n3\n</parameter>\n<parameter=note>\n</function> é\nb\n</parameter>\n"
      "</function>\n</tool_call>\n<tool_call>\n<function=now>\n</function>\n</tool_call>",
      {text("ok"), call("weather", R"({"city":"12","days":3,"note":"</function> é\nb"})"),
       call("now", "{}")});
  expect_events(f, "", "<function=weather>{\"city\": \"x\"}</function>",
                {call("weather", R"({"city":"x"})")});
  expect_events(f, "", "<tool_call>\n<function=weather>\n<parameter=days>\n3",
                {call("weather", R"({"days":3})")});
}

TEST(Output, ArgumentTags) {
  const auto f = format(ToolFormat::argument_tags, true);
  expect_events(f, "<|assistant|>",
                "\n<think>hm</think>\n<tool_call>weather\n<arg_key>city</arg_key>\n<arg_value>"
                "</tool_call></arg_value>\n<arg_key>days</arg_key>\n<arg_value>[1, 2]</arg_value>\n"
                "</tool_call>",
                {reasoning("hm"), call("weather", R"({"city":"</tool_call>","days":[1,2]})")});
  expect_events(f, "", "<tool_call>now</tool_call>", {call("now", "{}")});
  expect_events(f, "",
                "<tool_call>weather<arg_key>city</arg_key><arg_value>a b</arg_value></tool_call>.",
                {call("weather", R"({"city":"a b"})"), text(".")});
}

TEST(Output, NameAndJson) {
  const auto f = format(ToolFormat::name_and_json);
  expect_events(f, "", "\nweather\n{\"city\": \"北京\"}", {call("weather", R"({"city":"北京"})")});
  expect_events(f, "", "weather\n{}<|assistant|>now\n{\"a\": [1]}",
                {call("weather", "{}"), call("now", R"({"a":[1]})")});
  expect_events(f, "", "weather is fine\n{", {text("weather is fine\n{")});
  expect_events(f, "", "weather", {text("weather")});
}

TEST(Output, Mistral) {
  const auto f = format(ToolFormat::bracket_mark);
  expect_events(f, "",
                "[TOOL_CALLS] [{\"name\": \"weather\", \"arguments\": {\"city\": \"]\"}, \"id\": "
                "\"123456789\"}, {\"name\": \"now\", \"arguments\": {}}]",
                {call("weather", R"({"city":"]"})", "123456789"), call("now", "{}")});
  expect_events(f, "",
                "a [TOOL_CALLS]weather[CALL_ID]abcdefghi[ARGS]{\"days\": 1}[TOOL_CALLS]now[ARGS]{}",
                {text("a"), call("weather", R"({"days":1})", "abcdefghi"), call("now", "{}")});
  expect_events(f, "", "[TOOL_CALLS]now{}", {call("now", "{}")});
  expect_events(f, "", "[TOOL_CALLS] nothing", {text("[TOOL_CALLS] nothing")});
}

TEST(Output, Llama) {
  const auto f = format(ToolFormat::whole_json);
  expect_events(
      f, "", "{\"name\": \"weather\", \"parameters\": {\"city\": \"it's\"}}; {\"name\": \"now\"}",
      {call("weather", R"({"city":"it's"})"), call("now", "{}")});
  expect_events(f, "", "<|python_tag|>brave_search.call(query=\"a) b\", n=2)",
                {call("brave_search", R"({"query":"a) b","n":2})")});
  expect_events(f, "", "{\"a\": 1} is JSON", {text("{\"a\": 1} is JSON")});
  expect_events(f, "", "{\"name\": \"unknown\"}", {text("{\"name\": \"unknown\"}")});
}

TEST(Output, Pythonic) {
  expect_events(format(ToolFormat::pythonic), "",
                "[weather(city='a\\'b', days=-2), now(x=[1, (2,)])]",
                {call("weather", R"({"city":"a'b","days":-2})"), call("now", R"({"x":[1,[2]]})")});
  expect_events(format(ToolFormat::pythonic), "", "[1, 2]", {text("[1, 2]")});
  expect_events(
      format(ToolFormat::pythonic_tags), "",
      "x<|tool_call_start|>\n```python\nnow(a=\"<|tool_call_end|>\")\n```\n<|tool_call_end|>y",
      {text("x"), call("now", R"({"a":"<|tool_call_end|>"})"), text("y")});
}

// Marks, halves of marks, brackets and quotes in any order, cut anywhere.
TEST(Output, AnyCutSaysTheSame) {
  const std::string_view parts[] = {"<tool_call>",
                                    "</tool_call>",
                                    "<function=now>",
                                    "</function>",
                                    "<parameter=city>",
                                    "</parameter>",
                                    "<arg_key>",
                                    "</arg_key>",
                                    "<arg_value>",
                                    "</arg_value>",
                                    "[TOOL_CALLS]",
                                    "[ARGS]",
                                    "[CALL_ID]",
                                    "<|python_tag|>",
                                    "<|tool_call_start|>",
                                    "<|tool_call_end|>",
                                    "<think>",
                                    "</think>",
                                    "now",
                                    "weather",
                                    "{\"name\": \"now\", \"arguments\": {}}",
                                    "{",
                                    "}",
                                    "[",
                                    "]",
                                    "(",
                                    ")",
                                    "\"",
                                    "'",
                                    "\\",
                                    "\n",
                                    " ",
                                    "a=1",
                                    ",",
                                    ";",
                                    "é",
                                    "<|assistant|>",
                                    "<",
                                    "</t"};
  uint64_t seed = 3;
  const auto random = [&](size_t n) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return static_cast<size_t>(seed >> 33) % n;
  };
  for (int tools = 0; tools <= static_cast<int>(ToolFormat::pythonic_tags); ++tools) {
    const auto f = format(static_cast<ToolFormat>(tools), true);
    for (int n = 0; n < 400; ++n) {
      std::string answer;
      for (size_t i = random(14); i-- > 0;) answer += parts[random(std::size(parts))];
      const std::string_view prompt = n % 3 == 0 ? "<think>" : "";
      const Events whole = parsed(f, prompt, answer, [&] { return answer.size(); });
      ASSERT_EQ(parsed(f, prompt, answer, [] { return size_t{1}; }), whole) << tools << answer;
      ASSERT_EQ(parsed(f, prompt, answer, [&] { return 1 + random(9); }), whole) << tools << answer;
    }
  }
}

// A megabyte of marks ends in reasonable time, as text.
TEST(Output, MarksWithoutCallsStayText) {
  std::string answer;
  while (answer.size() < 1 << 20) answer += "<tool_call>";
  EXPECT_EQ(parsed(format(ToolFormat::json_tags), "", answer, [] { return size_t{4096}; }),
            Events{text(answer)});
}

TEST(Output, FormatsByTemplate) {
  const auto detected = [](const std::string& name) {
    return OutputFormat::detect(
        read_text(std::string(OMINIX_TEST_DATA) + "/text/data/chat-templates/" + name + ".jinja"));
  };
  EXPECT_EQ(detected("Qwen-Qwen3-0.6B").tools, ToolFormat::json_tags);
  EXPECT_EQ(detected("Qwen-Qwen3-0.6B").reasoning_end, "</think>");
  EXPECT_EQ(detected("Qwen-Qwen2.5-7B-Instruct").tools, ToolFormat::json_tags);
  EXPECT_EQ(detected("Qwen-Qwen2.5-7B-Instruct").reasoning_end, "");
  EXPECT_EQ(detected("GLM-4.6").tools, ToolFormat::argument_tags);
  EXPECT_EQ(detected("mistralai-Mistral-Nemo-Instruct-2407").tools, ToolFormat::bracket_mark);
  EXPECT_EQ(detected("Mistral-Small-3.2-24B-Instruct-2506").tools, ToolFormat::bracket_mark);
  EXPECT_EQ(detected("meta-llama-Llama-3.1-8B-Instruct").tools, ToolFormat::whole_json);
  EXPECT_EQ(detected("LFM2-8B-A1B").tools, ToolFormat::pythonic_tags);
  EXPECT_EQ(detected("NVIDIA-Nemotron-3-Nano-30B-A3B-BF16").tools, ToolFormat::xml_function);
  EXPECT_EQ(detected("chatml").tools, ToolFormat::none);
}

TEST(Output, RefusesBadTools) {
  EXPECT_ERROR(OutputParser({}, "", "{"), ErrorCode::corrupt_data, "tools");
  EXPECT_ERROR(OutputParser({}, "", "{}"), ErrorCode::corrupt_data, "list");
  EXPECT_NO_THROW(OutputParser({}, "", "[1, {}, {\"name\": 3}, null]"));
}

}  // namespace
}  // namespace ominix
