#include "formats/gguf_vocabulary.h"

#include <bitset>
#include <cmath>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "formats/shown.h"

namespace ominix::formats {
namespace {

constexpr size_t kMaxTokens = 1u << 24;
constexpr size_t kMaxPiece = 65535;
constexpr int32_t kByteType = 6;

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// "<0x0A>" -> 10, or -1.
int byte_of(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  const int high = hex(piece[3]), low = hex(piece[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace

void check_vocabulary(const GgufMetadata& metadata, std::string_view where) {
  const StringArray* tokens = metadata.find_strings("tokenizer.ggml.tokens");
  if (!tokens) return;
  const auto bad = [&](std::string_view what) {
    return fail(ErrorCode::corrupt_data, "{}: {}", where, what);
  };
  if (tokens->empty()) throw bad("tokenizer.ggml.tokens is empty");
  if (tokens->size() > kMaxTokens) {
    throw fail(ErrorCode::too_big, "{}: {} tokens, expected at most {}", where, tokens->size(),
               kMaxTokens);
  }
  for (size_t i = 0; i < tokens->size(); ++i) {
    if ((*tokens)[i].size() > kMaxPiece) {
      throw fail(ErrorCode::too_big, "{}: token {} has {} bytes, expected at most {}", where, i,
                 (*tokens)[i].size(), kMaxPiece);
    }
  }
  const auto agree = [&](std::string_view key, size_t size) {
    if (size != tokens->size()) {
      throw bad(
          fmt::format("{} has {} values, expected {}, one a token", key, size, tokens->size()));
    }
  };
  if (const auto* value = metadata.get("tokenizer.ggml.scores")) {
    const auto* scores = std::get_if<std::vector<float>>(value);
    if (!scores) {
      throw bad(
          fmt::format("tokenizer.ggml.scores is {}, expected an array of f32", describe(*value)));
    }
    agree("tokenizer.ggml.scores", scores->size());
    for (size_t i = 0; i < scores->size(); ++i) {
      if (std::isnan((*scores)[i])) throw bad(fmt::format("the score of token {} is NaN", i));
    }
  }
  if (const auto* value = metadata.get("tokenizer.ggml.token_type")) {
    const auto* types = std::get_if<std::vector<int32_t>>(value);
    if (!types) {
      throw bad(fmt::format("tokenizer.ggml.token_type is {}, expected an array of i32",
                            describe(*value)));
    }
    agree("tokenizer.ggml.token_type", types->size());
    std::bitset<256> bytes;
    for (size_t i = 0; i < types->size(); ++i) {
      const int32_t type = (*types)[i];
      if (type < 0 || type > kByteType) {
        throw bad(fmt::format("token {} has type {}, expected 0 to {}", i, type, kByteType));
      }
      if (type != kByteType) continue;
      const int byte = byte_of((*tokens)[i]);
      if (byte < 0 || bytes[static_cast<size_t>(byte)]) {
        throw bad(
            fmt::format("token {} is the byte token '{}', expected one of '<0x00>' to "
                        "'<0xFF>', each once",
                        i, shown((*tokens)[i])));
      }
      bytes.set(static_cast<size_t>(byte));
    }
  }
  if (const StringArray* merges = metadata.find_strings("tokenizer.ggml.merges")) {
    for (size_t i = 0; i < merges->size(); ++i) {
      const std::string_view merge = (*merges)[i];
      const size_t space = merge.find(' ', 1);
      if (merge.size() < 3 || space == std::string_view::npos || space + 1 == merge.size()) {
        throw bad(fmt::format("merge {} is '{}', expected two pieces and a space between", i,
                              shown(merge)));
      }
    }
  }
  constexpr std::string_view kPrefix = "tokenizer.ggml.", kSuffix = "_token_id";
  for (auto at = metadata.values().lower_bound(kPrefix);
       at != metadata.values().end() && at->first.starts_with(kPrefix); ++at) {
    if (!at->first.ends_with(kSuffix)) continue;
    const auto id = metadata.require<int64_t>(at->first);
    if (id < 0 || static_cast<uint64_t>(id) >= tokens->size()) {
      throw bad(
          fmt::format("{} is {}, but there are {} tokens", shown(at->first), id, tokens->size()));
    }
  }
}

}  // namespace ominix::formats
