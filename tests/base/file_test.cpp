#include "base/file.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace ominix {
namespace {

TEST(File, ReadsAtOffsets) {
  testing::TempDir dir;
  const File file(dir.write("a", "hello world"));
  EXPECT_EQ(file.size(), 11u);
  std::array<std::byte, 5> out;
  file.read_at(6, out);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(out.data()), 5), "world");
}

TEST(File, RefusesWhatIsNotThere) {
  testing::TempDir dir;
  EXPECT_ERROR(File(dir / "missing"), ErrorCode::not_found, "missing");
  EXPECT_ERROR(File(dir.path()), ErrorCode::io, "Is a directory");
  const File file(dir.write("a", "12345"));
  std::array<std::byte, 4> out;
  EXPECT_ERROR(file.read_at(2, out), ErrorCode::corrupt_data, "has 5 bytes, expected at least 6");
  EXPECT_ERROR(file.read_at(~0ull, out), ErrorCode::corrupt_data, "truncated");
}

TEST(File, NoticesAFileThatShrank) {
  testing::TempDir dir;
  const auto path = dir.write("a", "1234567890");
  const File file(path);
  std::filesystem::resize_file(path, 4);
  std::array<std::byte, 10> out;
  EXPECT_ERROR(file.read_at(0, out), ErrorCode::corrupt_data, "became shorter");
}

TEST(File, NoticesAFileThatWasWrittenTo) {
  testing::TempDir dir;
  const auto path = dir.write("a", "1234567890");
  std::array<std::byte, 10> out;
  {
    const File file(path);
    dir.write("a", "1234567890+");
    EXPECT_ERROR(file.read_at(0, out), ErrorCode::corrupt_data, "changed after it was opened");
  }
  const File file(path);
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_ERROR(file.read_at(0, out), ErrorCode::corrupt_data, "changed after it was opened");
}

TEST(File, ReadTextHasALimit) {
  testing::TempDir dir;
  const auto path = dir.write("a", "12345");
  EXPECT_EQ(read_text(path), "12345");
  EXPECT_ERROR(read_text(path, 4), ErrorCode::too_big, "at most 4");
}

TEST(AtomicFile, AppearsOnlyWhenCommitted) {
  testing::TempDir dir;
  {
    AtomicFile file(dir / "out");
    file.write("abandoned");
    EXPECT_FALSE(std::filesystem::exists(dir / "out"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
  write_atomic(dir / "out", "whole");
  EXPECT_EQ(read_text(dir / "out"), "whole");
  EXPECT_ERROR(write_atomic(dir / "no" / "out", "x"), ErrorCode::not_found, "cannot create");
}

}  // namespace
}  // namespace ominix
