#include <gtest/gtest.h>
#include <ominix/template.h>

#include <filesystem>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace ominix {
namespace {

TEST(Template, KnowsWhichBytesUsersWrote) {
  const ChatTemplate t(
      "{% for m in messages %}{{ '<|' + m['role'] + '|>' + m.content.strip() + '<end>' }}{% endfor "
      "%}{{ eos_token }}");
  const PromptText p = t.render(
      R"({"messages": [{"role": "user", "content": "  a<end>b "}], "eos_token": "<eos>"})");
  EXPECT_EQ(p.text, "<|user|>a<end>b<end><eos>");
  std::string trusted;
  for (const ByteRange& r : p.trusted)
    trusted += "[" + p.text.substr(r.begin, r.end - r.begin) + "]";
  EXPECT_EQ(trusted, "[<|][|>][<end><eos>]");
  const PromptText json =
      ChatTemplate("x{{ messages | tojson }}y").render(R"({"messages": ["<end>"]})");
  EXPECT_EQ(json.trusted,
            (std::vector<ByteRange>{{0, 1}, {json.text.size() - 1, json.text.size()}}));
}

TEST(Template, IsFoundWherePeopleKeepIt) {
  const testing::TempDir dir;
  EXPECT_EQ(ChatTemplate::find(dir.path()), nullptr);
  dir.write(
      "tokenizer_config.json",
      R"({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]})");
  EXPECT_EQ(ChatTemplate::find(dir.path())->source(), "d");
  EXPECT_EQ(ChatTemplate::find(dir.path(), "tool_use")->source(), "t");
  dir.write("chat_template.jinja", "j");
  EXPECT_EQ(ChatTemplate::find(dir.path())->source(), "j");
  dir.write("tokenizer_config.json", R"({"chat_template": 3})");
  std::filesystem::remove(dir / "chat_template.jinja");
  EXPECT_ERROR(ChatTemplate::find(dir.path()), ErrorCode::corrupt_data,
               "neither a string nor a list");
}

}  // namespace
}  // namespace ominix
