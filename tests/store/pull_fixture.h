#pragma once

#include <gtest/gtest.h>
#include <ominix/store.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "store/mirror.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace ominix::testing {

// A mirror with one model of a small and a large file, and an empty store.
struct PullTest : ::testing::Test {
  TempDir dir;
  std::filesystem::path root = dir / "store";
  Mirror mirror;
  std::string weights = noise(300'000, 1), config = R"({"model_type":"test"})";
  PullOptions options;

  PullTest() {
    options.endpoint = mirror.url();
    options.retry_delay = std::chrono::milliseconds(1);
    options.stall_timeout = std::chrono::milliseconds(500);
    options.connect_timeout = std::chrono::milliseconds(3000);
    options.attempts = 3;
    options.parallel = 2;
    mirror.publish("org/one", {{"config.json", {config, false}}, {"model.safetensors", {weights}}});
  }

  static std::string noise(size_t size, uint64_t seed) {
    std::string out(size, '\0');
    for (char& c : out) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      c = static_cast<char>(seed >> 56);
    }
    return out;
  }

  static std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  // Leaves the first `size` bytes of the weights behind, as an interrupted pull does.
  void leave_part(size_t size) {
    const auto folder = root / "downloads" / "org--one";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / (sha256(weights) + ".part"), std::ios::binary)
        << weights.substr(0, size);
  }

  void expect_whole() {
    const Store store(root);
    const auto model = store.find("org/one");
    ASSERT_TRUE(model);
    EXPECT_TRUE(store.verify("org/one").empty());
    EXPECT_EQ(bytes_of(model->folder / "model.safetensors"), weights);
    EXPECT_EQ(bytes_of(model->folder / "config.json"), config);
    EXPECT_FALSE(std::filesystem::exists(root / "downloads" / "org--one"));
    EXPECT_TRUE(std::filesystem::is_empty(root / "trash") ||
                !std::filesystem::exists(root / "trash"));
  }

  bool is_weights(const Mirror::Request& request) const {
    return request.path.find("model.safetensors") != std::string::npos &&
           request.path.find("/resolve/") != std::string::npos;
  }
  static bool is_list(const Mirror::Request& request) {
    return request.path.find("/tree/") != std::string::npos;
  }
};

}  // namespace ominix::testing
