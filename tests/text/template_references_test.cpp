// Templates beside jinja2: what tools/template_references.py wrote.
#include <gtest/gtest.h>
#include <ominix/template.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

namespace ominix {
namespace {

// 2025-07-26 12:34:56 UTC: the clock of the expectations.
constexpr int64_t kNow = 1'753'533'296;

const std::filesystem::path kData = std::filesystem::path(OMINIX_TEST_DATA) / "text/data";

std::string hash(std::string_view text) {
  uint64_t value = 0xCBF29CE484222325;
  for (const char c : text) {
    value = (value ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  }
  return fmt::format("{:016x}", value);
}

TEST(TemplateReferences, SmallTemplates) {
  const Json file = parse_json(read_text(kData / "references/jinja.json"), "jinja.json");
  const std::string variables =
      parse_ordered_json(read_text(kData / "references/jinja.json"), "j").at("variables").dump();
  ASSERT_GT(file.at("cases").size(), 50U);
  for (const Json& c : file.at("cases")) {
    const auto source = c.at("source").get<std::string>();
    SCOPED_TRACE(source);
    try {
      const std::string text = ChatTemplate(source).render(variables, kNow).text;
      if (c.at("ok") == true) {
        EXPECT_EQ(text, c.at("text").get<std::string>());
      } else {
        ADD_FAILURE() << "no error, but " << text;
      }
    } catch (const Error& e) {
      EXPECT_EQ(c.at("ok"), false) << e.what();
    }
  }
}

// Generated conversations with tools, many scripts, empty texts and misplaced turns.
TEST(TemplateReferences, PublishedTemplatesOnGeneratedContexts) {
  const std::string contexts = read_text(kData / "references/template-contexts.json");
  const Json hashes =
      parse_json(read_text(kData / "references/template-hashes.json"), "template-hashes.json");
  ASSERT_EQ(hashes.size(), 30U);
  for (const auto& [name, expected] : hashes.items()) {
    SCOPED_TRACE(name);
    const ChatTemplate t(read_text(kData / "chat-templates" / (name + ".jinja")));
    const OrderedJson found = parse_ordered_json(render_contexts(t, contexts, kNow), name);
    ASSERT_EQ(found.size(), expected.size());
    size_t at = 0;
    for (const auto& [context, result] : found.items()) {
      SCOPED_TRACE(context);
      const std::string made =
          result.at("ok") == true ? hash(result.at("text").get<std::string>()) : "error";
      EXPECT_EQ(made, expected.at(at++).get<std::string>()) << result.dump();
    }
  }
}

}  // namespace
}  // namespace ominix
