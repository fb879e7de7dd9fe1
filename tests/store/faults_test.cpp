// The disk fails: full at any byte, or an error from any call. The pull ends with one line, nothing
// wrong is listed, and it goes on once there is room, in the same process as well.
#include <fmt/format.h>

#include "store/child.h"
#include "store/pull_fixture.h"

namespace ominix {
namespace {

namespace fs = std::filesystem;

struct FaultyDisk : testing::PullTest {
  // Exit status, and what it wrote: an error, or its counts.
  std::pair<int, std::string> pull(const std::vector<std::string>& faults) {
    testing::Child child({OMINIX_TEST_PULL, root.string(), mirror.url(), "org/one"}, faults);
    const int status = child.wait();
    EXPECT_LE(status, 1);  // no signal
    return {status, child.err() + child.out()};
  }
  static bool is_one_line(const std::string& text) {
    return !text.empty() && text.find('\n') == text.size() - 1;
  }
  void expect_nothing_wrong() {
    const Store store(root);
    for (const auto& model : store.list()) EXPECT_TRUE(store.verify(model.id).empty());
  }
};

TEST_F(FaultyDisk, FullAtAnyByte) {
  const size_t all = weights.size() + config.size();
  for (size_t space = 0; space < all; space += all / 50 + 1) {
    SCOPED_TRACE(space);
    const auto [status, text] = pull({fmt::format("OMINIX_TEST_SPACE={}", space)});
    EXPECT_EQ(status, 1);
    EXPECT_TRUE(is_one_line(text)) << text;
    EXPECT_NE(text.find("io: pull: no space left"), text.npos) << text;
    EXPECT_TRUE(Store(root).list().empty());
    // Room again: what was taken in stays taken in.
    const auto [good, counts] = pull({});
    EXPECT_EQ(good, 0) << counts;
    EXPECT_LE(std::stoull(counts), all - space * 9 / 10);
    expect_whole();
    Store(root).remove("org/one");
  }
}

TEST_F(FaultyDisk, RoomAgainInTheSameProcess) {
  const auto [status, text] = pull({"OMINIX_TEST_SPACE=100000", "OMINIX_TEST_AGAIN=1"});
  EXPECT_EQ(status, 0) << text;
  EXPECT_NE(text.find("no space left"), text.npos);
  expect_whole();
}

TEST_F(FaultyDisk, AnyCallFails) {
  for (const char* call : {"write", "fsync", "rename", "link", "mkdir"}) {
    int failures = 0;
    for (int n = 1;; ++n) {
      SCOPED_TRACE(fmt::format("{} {}", call, n));
      // Something to replace and something that is half there.
      if (n % 2 == 0) {
        config += " ";
        mirror.publish("org/one",
                       {{"config.json", {config, false}}, {"model.safetensors", {weights}}},
                       std::string(40, 'b'));
      }
      const auto [status, text] = pull({fmt::format("OMINIX_TEST_FAIL={}:{}", call, n)});
      expect_nothing_wrong();
      if (status != 0) {
        ++failures;
        EXPECT_TRUE(is_one_line(text)) << text;
      }
      ASSERT_EQ(pull({}).first, 0);
      expect_whole();
      const bool counted_out = status == 0 && n > 12;
      if (counted_out) break;
      ASSERT_LT(n, 200);
      if (n % 3 == 0) Store(root).remove("org/one");
    }
    // A link that fails becomes a copy; the others must be reported.
    if (std::string(call) != "link") {
      EXPECT_GT(failures, 0) << call;
    }
  }
}

}  // namespace
}  // namespace ominix
