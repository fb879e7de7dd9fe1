#pragma once

#include <fmt/format.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "store/pull_fixture.h"

namespace ominix::testing {

// A mirror that lies or breaks. After each test the store holds the published bytes or nothing, and
// an honest pull works.
struct HostileMirror : PullTest {
  // Answers requests for the weights; the first ones only where `times` says so.
  void weights_by(const std::function<void(const Mirror::Request&, Mirror::Connection&)>& answer,
                  int times = 1000) {
    auto left = std::make_shared<std::atomic<int>>(times);
    mirror.intercept([this, answer, left](const Mirror::Request& request, Mirror::Connection& to) {
      if (!is_weights(request) || left->fetch_sub(1) <= 0) return false;
      answer(request, to);
      return true;
    });
  }
  void list_by(const std::string& body, const std::string& head = "") {
    mirror.intercept([=](const Mirror::Request& request, Mirror::Connection& to) {
      if (!is_list(request)) return false;
      to.answer(200, body, head);
      return true;
    });
  }
  std::string entry(const std::string& name, const std::string& size = "1") const {
    return fmt::format(R"({{"type":"file","path":"{}","size":{},"oid":"{}"}})", name, size,
                       std::string(40, 'a'));
  }

  void expect_good() {
    Store(root).pull("org/one", options);
    expect_whole();
  }
  void expect_refused(ErrorCode code, const std::string& text) {
    Store store(root);
    EXPECT_ERROR(store.pull("org/one", options), code, text);
    EXPECT_TRUE(Store(root).list().empty());
    EXPECT_FALSE(std::filesystem::exists(root / "models" / "org--one"));
    mirror.intercept({});
    expect_good();
  }
};

}  // namespace ominix::testing
