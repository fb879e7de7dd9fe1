// chat, on a pseudo-terminal and on pipes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/process.h"
#include "support/temp_dir.h"

namespace ominix::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

// stories260K with a template, so that it "answers".
class CliChat : public ::testing::Test {
 protected:
  CliChat() {
    for (const auto& file : std::filesystem::directory_iterator(test_file("data/stories260k/hf"))) {
      std::filesystem::copy(file.path(), folder_ / file.path().filename().string());
    }
    // Room for an answer that is still under way when it is interrupted.
    Json config = Json::parse(std::ifstream(folder_ / "config.json"));
    config["max_position_embeddings"] = 1 << 20;
    folder_.write("config.json", config.dump());
    folder_.write(
        "chat_template.jinja",
        "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}. "
        "{% else %}{{ m.content }}{% endif %}{% endfor %}");
  }

  std::vector<std::string> chat(std::vector<std::string> more = {}) const {
    std::vector<std::string> words = {"chat", folder_.path().string(), "--exact", "-n", "12"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  Json saved(const char* name) const { return Json::parse(std::ifstream(folder_ / name)); }

  const std::vector<std::string> environment_ = {"TERM=xterm", "LC_ALL=C.UTF-8",
                                                 "HOME=/nonexistent"};
  TempDir folder_;
};

// The prompt stands there and the editor has the terminal: before that, the terminal itself would
// take Ctrl-C and Ctrl-D.
bool ready(Process& p) {
  if (!p.wait_for("> ")) return false;
  termios mode{};
  for (int i = 0; i < 2000; ++i) {
    if (::tcgetattr(p.terminal(), &mode) == 0 && (mode.c_lflag & ICANON) == 0) return true;
    ::usleep(5000);
  }
  return false;
}

TEST_F(CliChat, TalksOnATerminal) {
  Process p(chat(), Process::Streams::terminal, environment_);
  ASSERT_TRUE(ready(p)) << p.out();
  termios before{};
  ASSERT_EQ(::tcgetattr(p.terminal(), &before), 0);
  EXPECT_EQ(before.c_lflag & ICANON, 0U);  // the editor has it

  p.write("Once upon a time\n");
  ASSERT_TRUE(p.wait_for(", there was")) << p.out();
  ASSERT_TRUE(p.wait_for("12 tokens at")) << p.out();
  ASSERT_TRUE(ready(p));
  // Lines that go on, a block, characters of several bytes, a correction.
  p.write("Zoë said \\\n");
  ASSERT_TRUE(p.wait_for("... "));
  p.write("hellx\x7fo\n");
  ASSERT_TRUE(p.wait_for("tokens at")) << p.out();
  ASSERT_TRUE(ready(p));
  p.write("\"\"\"one\n");
  ASSERT_TRUE(p.wait_for("... "));
  p.write("猫\"\"\"\n");
  ASSERT_TRUE(p.wait_for("tokens at")) << p.out();
  ASSERT_TRUE(ready(p));
  p.write("/save " + (folder_ / "talk.json").string() + "\n");
  ASSERT_TRUE(p.wait_for("6 messages")) << p.out();
  ASSERT_TRUE(ready(p));
  p.write("\x04");
  EXPECT_EQ(p.wait(), 0);

  const Json talk = saved("talk.json");
  ASSERT_EQ(talk.size(), 6U);
  EXPECT_EQ(talk[0]["content"], "Once upon a time");
  EXPECT_EQ(talk[1]["role"], "assistant");
  EXPECT_THAT(talk[1]["content"].get<std::string>(), HasSubstr(", there was"));
  EXPECT_EQ(talk[2]["content"], "Zoë said \nhello");
  EXPECT_EQ(talk[4]["content"], "one\n猫");
}

TEST_F(CliChat, HasAHistoryOfLines) {
  Process p(chat(), Process::Streams::terminal, environment_);
  ASSERT_TRUE(ready(p)) << p.out();
  p.write("Tim went\n");
  ASSERT_TRUE(p.wait_for("tokens at"));
  ASSERT_TRUE(ready(p));
  p.write("\x1b[A home\n");  // arrow up, then more
  ASSERT_TRUE(p.wait_for("tokens at")) << p.out();
  ASSERT_TRUE(ready(p));
  p.write("/save " + (folder_ / "talk.json").string() + "\n");
  ASSERT_TRUE(p.wait_for("4 messages")) << p.out();
  p.write("/quit\n");
  EXPECT_EQ(p.wait(), 0);
  EXPECT_EQ(saved("talk.json")[2]["content"], "Tim went home");
}

TEST_F(CliChat, AnInterruptEndsTheAnswerAndNotTheChat) {
  Process p(chat({"-n", "200000", "--logit-bias", "1=-100", "--logit-bias", "2=-100"}),
            Process::Streams::terminal, environment_);
  ASSERT_TRUE(ready(p)) << p.out();
  p.write("Once upon a time\n");
  ASSERT_TRUE(p.wait_for("there was")) << p.out();
  p.signal(SIGINT);
  ASSERT_TRUE(p.wait_for("stopped]")) << p.out();
  ASSERT_TRUE(ready(p));
  p.write("half a line\x03");  // Ctrl-C from the terminal itself drops the line
  ASSERT_TRUE(p.wait_for("again")) << p.out();
  ASSERT_TRUE(ready(p));
  p.write("/save " + (folder_ / "talk.json").string() + "\n");
  ASSERT_TRUE(p.wait_for("2 messages")) << p.out();
  ASSERT_TRUE(ready(p));
  p.write("\x03");
  ASSERT_TRUE(p.wait_for("again"));
  ASSERT_TRUE(ready(p));
  p.write("\x03");
  ASSERT_FALSE(p.wait_for("never")) << p.out();
  EXPECT_EQ(p.wait(), 130);
}

TEST_F(CliChat, GivesTheTerminalBack) {
  Process p(chat(), Process::Streams::terminal, environment_);
  ASSERT_TRUE(ready(p)) << p.out();
  p.write("Tim\n");
  ASSERT_TRUE(p.wait_for("tokens at"));
  ASSERT_TRUE(ready(p));
  p.write("/quit\n");
  // The terminal outlives the command: look before it is closed.
  termios after{};
  for (int i = 0; i < 2000 && p.running(); ++i) ::usleep(5000);
  ASSERT_EQ(::tcgetattr(p.terminal(), &after), 0);
  EXPECT_NE(after.c_lflag & ICANON, 0U);
  EXPECT_NE(after.c_lflag & ECHO, 0U);
  EXPECT_EQ(p.wait(), 0);
}

TEST_F(CliChat, ObeysCommandsFromAPipe) {
  const std::string file = (folder_ / "talk.json").string();
  const Ran ran = run(chat({"--system", "A story"}),
                      "Once upon a time\n/regen\n/save " + file + "\n/undo\n/save " + file +
                          "2\n/undo\n/system\nTim\n/save " + file + "3\n/clear\n/load " + file +
                          "\n/save " + file + "4\n/help\n/nonsense\n/regen now\n\n");
  EXPECT_EQ(ran.status, 0) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("there was"));
  EXPECT_THAT(ran.out, HasSubstr("/save FILE"));
  EXPECT_THAT(ran.err, HasSubstr("There is no /nonsense"));
  EXPECT_THAT(ran.err, HasSubstr("nothing to take back"));
  const Json talk = saved("talk.json");
  ASSERT_EQ(talk.size(), 3U);
  EXPECT_EQ(talk[0], Json({{"role", "system"}, {"content", "A story"}}));
  EXPECT_EQ(saved("talk.json2").size(), 1U);
  EXPECT_EQ(saved("talk.json3").size(), 2U);
  EXPECT_EQ(saved("talk.json4"), talk);
}

// A long conversation answers as if it had been read at once.
TEST_F(CliChat, RemembersWithoutAnotherAnswer) {
  const std::string file = (folder_ / "talk.json").string();
  ASSERT_EQ(
      run(chat(), "Once upon a time\n went to the park\n and then\n/save " + file + "\n").status,
      0);
  const Json talk = saved("talk.json");
  ASSERT_EQ(talk.size(), 6U);
  std::string prompt;
  for (size_t i = 0; i < 5; ++i) prompt += talk[i]["content"].get<std::string>();
  const Ran once = run({"run", folder_.path().string(), prompt, "--exact", "-n", "12", "--json"});
  ASSERT_EQ(once.status, 0) << once.err;
  EXPECT_EQ(Json::parse(once.out)["text"], talk[5]["content"]);
}

TEST_F(CliChat, RefusesWhatItCannotDo) {
  EXPECT_EQ(run({"chat"}).status, 2);
  EXPECT_EQ(run(chat({"--raw"})).status, 2);
  const Ran none = run({"chat", test_file("data/stories260k/hf")});
  EXPECT_EQ(none.status, 1);
  EXPECT_THAT(none.err, HasSubstr("chat template"));
  folder_.write("bad.json", R"([{"role": "user"}])");
  const Ran bad = run(chat(), "/load " + (folder_ / "bad.json").string() + "\n");
  EXPECT_EQ(bad.status, 1);
  EXPECT_THAT(bad.err, HasSubstr("message 1"));
}

}  // namespace
}  // namespace ominix::testing
