// tokenize and template.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/process.h"
#include "support/temp_dir.h"

namespace ominix::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kModel = test_file("data/stories260k/hf");

std::string read(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

// Strings by the lines of --lines, there and back.
void expect_vectors(const std::string& model, const Json& vectors,
                    const std::vector<std::string>& options) {
  std::string texts, ids;
  for (const Json& v : vectors) {
    texts += v["text"].dump() + "\n";
    ids += v["ids"].dump() + "\n";
  }
  std::vector<std::string> words = {"tokenize", model, "--lines", "-"};
  words.insert(words.end(), options.begin(), options.end());
  const Ran there = run(words, texts);
  EXPECT_EQ(there.status, 0) << there.err;
  EXPECT_EQ(there.out, ids);
  const Ran back = run({"tokenize", model, "--lines", "-", "--decode"}, ids);
  EXPECT_EQ(back.status, 0) << back.err;
  EXPECT_EQ(back.out, texts);
}

TEST(CliTokenize, AgreesWithTheVectorsOfEveryForm) {
  const Json vectors = Json::parse(read(test_file("data/stories260k/tokenizer_vectors.json")));
  const Json& cases = vectors.is_array() ? vectors : vectors["cases"];
  ASSERT_GT(cases.size(), 5U);
  for (const char* form :
       {"hf", "hf/tokenizer.json", "hf/tokenizer.model", "stories260K-f32.gguf"}) {
    SCOPED_TRACE(form);
    expect_vectors(test_file(std::string("data/stories260k/") + form), cases, {});
  }
}

TEST(CliTokenize, TextFilesAndIds) {
  const Ran text = run({"tokenize", kModel, "Once upon a time"});
  EXPECT_EQ(text.status, 0) << text.err;
  const Json json = Json::parse(run({"tokenize", kModel, "Once upon a time", "--json"}).out);
  const auto ids = json["ids"].get<std::vector<int>>();
  ASSERT_GT(ids.size(), 2U);
  EXPECT_EQ(ids[0], 1);
  std::string spelled;
  for (int id : ids) spelled += (spelled.empty() ? "" : " ") + std::to_string(id);
  EXPECT_EQ(text.out, spelled + "\n");

  const TempDir folder;
  const auto file = folder.write("text", "Once upon a time").string();
  EXPECT_EQ(run({"tokenize", kModel, "--file", file}).out, text.out);
  EXPECT_EQ(run({"tokenize", kModel, "--file", "-"}, "Once upon a time").out, text.out);
  const Json plain =
      Json::parse(run({"tokenize", kModel, "--no-bos", "--file", file, "--json"}).out);
  EXPECT_EQ(plain["ids"], Json(std::vector<int>(ids.begin() + 1, ids.end())));

  EXPECT_EQ(run({"tokenize", kModel, spelled, "--decode"}).out, "Once upon a time\n");
  EXPECT_EQ(run({"tokenize", kModel, json["ids"].dump(), "--decode"}).out, "Once upon a time\n");
  const Json back =
      Json::parse(run({"tokenize", kModel, spelled, "--decode", "--special", "--json"}).out);
  EXPECT_EQ(back["ids"], json["ids"]);
  EXPECT_THAT(back["text"].get<std::string>(), HasSubstr("<s>"));
}

TEST(CliTokenize, SpecialTokensOnlyWhenAsked) {
  const Json as_text = Json::parse(run({"tokenize", kModel, "</s>", "--no-bos", "--json"}).out);
  const Json as_token =
      Json::parse(run({"tokenize", kModel, "</s>", "--no-bos", "--special", "--json"}).out);
  EXPECT_GT(as_text["ids"].size(), 1U);
  EXPECT_EQ(as_token["ids"], Json({2}));
}

TEST(CliTokenize, RefusesWhatItCannotDo) {
  EXPECT_EQ(run({"tokenize", kModel}).status, 2);
  EXPECT_EQ(run({"tokenize", kModel, "a", "--file", "b"}).status, 2);
  EXPECT_EQ(run({"tokenize", kModel, "a", "b"}).status, 2);
  for (const char* ids : {"1 two", "-1", "99999999999", "1.5"}) {
    const Ran ran = run({"tokenize", kModel, "--decode", "--json", "--", ids});
    EXPECT_EQ(ran.status, 1) << ids;
    EXPECT_THAT(ran.err, HasSubstr("token id"));
    EXPECT_EQ(Json::parse(ran.out)["code"], "invalid_argument");
  }
  const Ran line = run({"tokenize", kModel, "--lines", "-"}, "\"good\"\nbad\n");
  EXPECT_EQ(line.status, 1);
  EXPECT_THAT(line.err, HasSubstr("line 2"));
  EXPECT_THAT(line.out, HasSubstr("["));
  EXPECT_EQ(run({"tokenize", kModel, "--lines", "-"}, "[1]\n").status, 1);
  EXPECT_EQ(run({"tokenize", kModel, "--lines", "-", "--decode"}, "[1, \"a\"]\n").status, 1);
  const Ran absent = run({"tokenize", "no-such-model", "a"});
  EXPECT_EQ(absent.status, 1);
  EXPECT_THAT(absent.err, HasSubstr("no-such-model"));
  EXPECT_EQ(run({"tokenize", kModel, "--file", "no-such-file"}).status, 1);
}

TEST(CliTemplate, EveryPublishedTemplateWithEveryContext) {
  const std::filesystem::path data = test_file("text/data/chat-templates");
  size_t templates = 0;
  for (const auto& file : std::filesystem::directory_iterator(data)) {
    if (file.path().extension() != ".jinja") continue;
    SCOPED_TRACE(file.path().filename().string());
    ++templates;
    const Ran ran = run({"template", file.path().string(), "--contexts",
                         (data / "contexts.json").string(), "--now", "2025-07-26T12:34:56"});
    ASSERT_EQ(ran.status, 0) << ran.err;
    const Json found = Json::parse(ran.out);
    const Json expected =
        Json::parse(read(data / "expected" / (file.path().stem().string() + ".json")));
    ASSERT_EQ(found.size(), expected.size());
    for (const auto& [name, want] : expected.items()) {
      EXPECT_EQ(found[name]["ok"], want["ok"]) << name;
      if (want["ok"] == true) {
        EXPECT_EQ(found[name]["text"], want["text"]) << name;
      }
    }
  }
  EXPECT_EQ(templates, 30U);
}

class CliTemplateFiles : public ::testing::Test {
 protected:
  TempDir folder_;
  std::string messages_ =
      folder_.write("m.json", R"([{"role": "user", "content": "Hi <&>"}])").string();
};

TEST_F(CliTemplateFiles, VariablesAndTokens) {
  const auto jinja = folder_
                         .write("t.jinja",
                                "{{ bos_token }}{{ messages[0].content }}|{{ mood }}|{{ count + 1 "
                                "}}|{{ tools | tojson }}|{{ add_generation_prompt }}|"
                                "{{ strftime_now('%H:%M') }}")
                         .string();
  const auto tools = folder_.write("tools.json", R"([{"name": "f", "a": 1}])").string();
  EXPECT_EQ(run({"template", jinja, "--messages", messages_, "--var", "mood=so so", "--var",
                 "count=41", "--now", "2025-07-26T12:34:56"})
                .out,
            "Hi <&>|so so|42|null|True|12:34");
  const Ran all = run({"template", jinja, "--messages", "-", "--tools", tools, "--var", "count=1",
                       "--no-generation-prompt", "--var", "bos_token=<s>", "--now",
                       "2025-07-26T00:00:00", "--json"},
                      read(messages_));
  EXPECT_EQ(all.status, 0) << all.err;
  EXPECT_EQ(Json::parse(all.out)["prompt"], R"(<s>Hi <&>||2|[{"name": "f", "a": 1}]|False|00:00)");

  // A folder's tokenizer gives the names of its tokens.
  const TempDir model;
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
    std::filesystem::copy(std::filesystem::path(kModel) / name, model / name);
  }
  model.write("chat_template.jinja", "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}");
  EXPECT_EQ(run({"template", model.path().string(), "--messages", messages_}).out, "<s>Hi <&></s>");
}

TEST_F(CliTemplateFiles, RefusesWhatItCannotDo) {
  const auto jinja = folder_.write("t.jinja", "{{ raise_exception('no such role') }}").string();
  EXPECT_EQ(run({"template", jinja}).status, 2);
  EXPECT_EQ(run({"template", jinja, "--messages", messages_, "--var", "a"}).status, 2);
  EXPECT_EQ(run({"template", jinja, "--messages", messages_, "--now", "today"}).status, 2);
  const Ran raised = run({"template", jinja, "--messages", messages_, "--json"});
  EXPECT_EQ(raised.status, 1);
  EXPECT_THAT(raised.err, HasSubstr("no such role"));
  EXPECT_EQ(Json::parse(raised.out)["ok"], false);
  EXPECT_EQ(run({"template", jinja, "--messages", jinja}).status, 1);
  EXPECT_EQ(run({"template", jinja, "--messages", "-"}, "{}").status, 1);
  EXPECT_EQ(run({"template", kModel, "--messages", messages_}).status, 1);
}

}  // namespace
}  // namespace ominix::testing
