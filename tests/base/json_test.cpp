#include "base/json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "support/expect_error.h"

namespace ominix {
namespace {

TEST(Json, ParsesAndKeepsOrderWhenAsked) {
  EXPECT_EQ(parse_json(R"({"b": 1, "a": [true, null]})", "t").dump(), R"({"a":[true,null],"b":1})");
  EXPECT_EQ(parse_ordered_json(R"({"b": 1, "a": 2})", "t").dump(), R"({"b":1,"a":2})");
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\":1}x", "nan", "\"\xff\"", "'a'", "01", "\xef\xbb"}) {
    EXPECT_ERROR(parse_json(text, "config.json"), ErrorCode::corrupt_data, "config.json: ");
  }
}

TEST(Json, RefusesDuplicateKeys) {
  EXPECT_ERROR(parse_json(R"({"a":1,"a":2})", "t"), ErrorCode::corrupt_data, "'a' stands twice");
  EXPECT_NO_THROW(parse_json(R"([{"a":1},{"a":2}])", "t"));
}

TEST(Json, HasLimits) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  EXPECT_ERROR(parse_json(deep, "t"), ErrorCode::too_big, "deeper than 64");
  EXPECT_ERROR(parse_json("[1,2,3]", "t", {.depth = 4, .values = 3}), ErrorCode::too_big,
               "more than 3");
}

}  // namespace
}  // namespace ominix
