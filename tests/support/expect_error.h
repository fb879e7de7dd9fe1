#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ominix/error.h>

// EXPECT_ERROR(statement, code, "text"): throws Error with that code, and the text in its message,
// which is one line.
#define EXPECT_ERROR(statement, expected_code, text)                              \
  try {                                                                           \
    statement;                                                                    \
    ADD_FAILURE() << "no error from " #statement;                                 \
  } catch (const ::ominix::Error& e) {                                            \
    EXPECT_EQ(::ominix::to_string(e.code()), ::ominix::to_string(expected_code)); \
    EXPECT_THAT(e.what(), ::testing::HasSubstr(text));                            \
    EXPECT_THAT(e.what(), ::testing::Not(::testing::HasSubstr("\n")));            \
  }
