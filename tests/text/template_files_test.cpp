#include <gtest/gtest.h>
#include <ominix/template.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/json.h"
#include "support/expect_error.h"

namespace ominix {
namespace {

const std::filesystem::path kData =
    std::filesystem::path(OMINIX_TEST_DATA) / "text/data/chat-templates";

// 2025-07-26 12:34:56 UTC: the clock of the published expectations.
constexpr int64_t kNow = 1'753'533'296;

std::string read(const std::filesystem::path& path) { return read_text(path, 1u << 20); }

TEST(TemplateFiles, EveryPublishedTemplateWithEveryContext) {
  const std::string contexts = read(kData / "contexts.json");
  size_t templates = 0, cases = 0;
  for (const auto& file : std::filesystem::directory_iterator(kData)) {
    if (file.path().extension() != ".jinja") continue;
    SCOPED_TRACE(file.path().filename().string());
    ++templates;
    const std::string stem = file.path().stem().string();
    const Json expected = parse_json(read(kData / "expected" / (stem + ".json")), stem);
    const Json found =
        parse_json(render_contexts(ChatTemplate(read(file.path())), contexts, kNow), stem);
    ASSERT_EQ(found.size(), expected.size());
    for (const auto& [name, want] : expected.items()) {
      SCOPED_TRACE(name);
      ++cases;
      ASSERT_TRUE(found.contains(name));
      EXPECT_EQ(found[name]["ok"], want["ok"]) << found[name];
      if (want["ok"] == true && found[name]["ok"] == true) {
        EXPECT_EQ(found[name]["text"], want["text"]);
      }
    }
  }
  EXPECT_EQ(templates, 30U);
  EXPECT_EQ(cases, 390U);
}

TEST(TemplateFiles, ContextsThatAreNone) {
  const ChatTemplate t("x");
  EXPECT_ERROR(render_contexts(t, "[]"), ErrorCode::corrupt_data, "object");
  EXPECT_EQ(
      render_contexts(t, R"({"b": {}, "a": 1})"),
      R"({"b":{"ok":true,"text":"x"},"a":{"ok":false,"error":"template: the variables are not a JSON object"}})");
}

}  // namespace
}  // namespace ominix
