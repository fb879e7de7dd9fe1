#include "models/config_reader.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/expect_error.h"

namespace ominix::models {
namespace {

TEST(ConfigReader, ReadsAndRemembersWhatNobodyRead) {
  const Json json =
      Json::parse(R"({"a": 3, "b": null, "c": 2.5, "new_feature": true, "dtype": "x"})");
  ConfigReader r(json, "config.json");
  int a = 0, b = 7;
  float c = 0;
  r.require("a", a);
  EXPECT_FALSE(r.optional("b", b));
  EXPECT_TRUE(r.optional("c", c));
  EXPECT_EQ(a, 3);
  EXPECT_EQ(b, 7);
  EXPECT_EQ(c, 2.5f);
  EXPECT_EQ(r.unread(), std::vector<std::string>{"new_feature"});
}

TEST(ConfigReader, NamesTheFieldThatIsWrong) {
  const Json json = Json::parse(
      R"({"big": 99999999999, "half": 1.5, "text": "x", "huge": 1e308, "zero": 0, "list": [1, "a"]})");
  ConfigReader r(json, "config.json");
  int i = 0;
  float f = 0;
  std::vector<float> list;
  EXPECT_ERROR(r.require("gone", i), ErrorCode::corrupt_data, "config.json: 'gone' is missing");
  EXPECT_ERROR(r.require("big", i), ErrorCode::corrupt_data,
               "'big' is 99999999999, expected a whole number");
  EXPECT_ERROR(r.require("half", i), ErrorCode::corrupt_data, "'half' is 1.5");
  EXPECT_ERROR(r.optional("text", f), ErrorCode::corrupt_data,
               "'text' is \"x\", expected a number");
  EXPECT_ERROR(r.optional("huge", f), ErrorCode::corrupt_data, "'huge'");
  EXPECT_ERROR(r.optional("list", list), ErrorCode::corrupt_data, "a list of numbers");
  EXPECT_ERROR(r.size("zero", 0), ErrorCode::corrupt_data, "'zero' is 0, expected 1 to");
  EXPECT_ERROR(ConfigReader(Json::array(), "config.json"), ErrorCode::corrupt_data,
               "expected a JSON object");
}

}  // namespace
}  // namespace ominix::models
