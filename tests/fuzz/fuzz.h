#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <ominix/error.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace ominix::fuzz {

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// What hostile input may do: work, or throw an Error of one line that is not our own fault.
// Every other exception ends the program, which is a finding.
template <class F>
void run(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    const std::string_view text = e.what();
    if (text.find('\n') != text.npos || e.code() == ErrorCode::internal) {
      std::fprintf(stderr, "fuzz: %s\n", e.what());
      std::abort();
    }
  }
}

}  // namespace ominix::fuzz
