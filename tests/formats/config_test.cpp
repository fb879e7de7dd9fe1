#include "formats/config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace ominix::formats {
namespace {

void check(std::string_view text) {
  testing::TempDir dir;
  check_config(read_config(dir.write("config.json", text)));
}

TEST(Config, AcceptsRealOnes) {
  EXPECT_NO_THROW(check("{}"));
  EXPECT_NO_THROW(check(R"({"model_type":"x","hidden_size":896,"num_attention_heads":14,
      "num_key_value_heads":2,"num_hidden_layers":24,"intermediate_size":4864,"vocab_size":151936,
      "rms_norm_eps":1e-06,"rope_theta":1000000.0,"rope_scaling":null,"head_dim":null,
      "sliding_window":null,"max_position_embeddings":32768})"));
  // The size of a head stands by itself; per-layer lists; nested configs; nested rope parameters.
  EXPECT_NO_THROW(check(R"({"text_config":{"hidden_size":2560,"num_attention_heads":24,
      "head_dim":256,"intermediate_size":[1024,2048],
      "rope_parameters":{"full_attention":{"rope_type":"linear","factor":8.0,"rope_theta":1e6}}},
      "rope_scaling":{"type":"yarn","factor":4,"original_max_position_embeddings":32768}})"));
}

TEST(ConfigB08, ValuesThatNoModelHas) {
  for (const char* value : {"0", "-1", "1.5", "1e308", "1000000000000", "18446744073709551615",
                            "\"64\"", "true", "[]", "[0]", "{}"}) {
    for (const char* field :
         {"hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
          "vocab_size", "intermediate_size", "head_dim"}) {
      EXPECT_ERROR(check(fmt::format(R"({{"{}":{}}})", field, value)), ErrorCode::corrupt_data,
                   fmt::format("{} is ", field));
    }
  }
  EXPECT_ERROR(check(R"({"num_hidden_layers":1000000000})"), ErrorCode::corrupt_data,
               "num_hidden_layers is 1000000000, expected a whole number from 1 to 4096");
  for (const char* value : {"0", "-1e-5", "1e308", "\"1\"", "[]", "false"}) {
    EXPECT_ERROR(check(fmt::format(R"({{"rms_norm_eps":{}}})", value)), ErrorCode::corrupt_data,
                 "rms_norm_eps is ");
    EXPECT_ERROR(check(fmt::format(R"({{"rope_theta":{}}})", value)), ErrorCode::corrupt_data,
                 "rope_theta is ");
    EXPECT_ERROR(check(fmt::format(R"({{"rope_scaling":{{"factor":{}}}}})", value)),
                 ErrorCode::corrupt_data, "rope_scaling.factor is ");
  }
  EXPECT_ERROR(check(R"({"rope_scaling":2})"), ErrorCode::corrupt_data,
               "rope_scaling is 2, expected an object");
  EXPECT_ERROR(check(R"({"text_config":{"hidden_size":0}})"), ErrorCode::corrupt_data,
               "text_config.hidden_size is 0");
}

TEST(ConfigB08, HeadsThatDoNotDivide) {
  EXPECT_ERROR(check(R"({"num_attention_heads":14,"num_key_value_heads":4})"),
               ErrorCode::corrupt_data,
               "num_attention_heads is 14, expected a multiple of num_key_value_heads (4)");
  EXPECT_ERROR(check(R"({"hidden_size":100,"num_attention_heads":16})"), ErrorCode::corrupt_data,
               "hidden_size is 100, expected a multiple of num_attention_heads (16)");
  EXPECT_NO_THROW(check(R"({"hidden_size":100,"num_attention_heads":16,"head_dim":8})"));
}

TEST(ConfigB08, TheFileItself) {
  EXPECT_ERROR(check("[1]"), ErrorCode::corrupt_data, "is array, expected an object");
  EXPECT_ERROR(check("{"), ErrorCode::corrupt_data, "not valid JSON");
  EXPECT_ERROR(check(R"({"a":1,"a":2})"), ErrorCode::corrupt_data, "stands twice");
  EXPECT_ERROR(check(std::string(100'000, '[')), ErrorCode::too_big, "deeper than 32");
  EXPECT_ERROR(check("{\"a\":[0" + fmt::format("{:,>900000}", "") + "]}"), ErrorCode::corrupt_data,
               "not valid JSON");
  std::string many = "{\"a\":[0";
  for (int i = 0; i < 400'001; ++i) many += ",0";
  EXPECT_ERROR(check(many + "]}"), ErrorCode::too_big, "more than 400000");
  EXPECT_ERROR(check(std::string(17u << 20, ' ')), ErrorCode::too_big, "expected at most");
}

}  // namespace
}  // namespace ominix::formats
