#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "text/config_reader.h"
#include "text/load_files.h"
#include "text/shown.h"

namespace ominix::text {
namespace {

constexpr uint64_t kMaxFile = 4u << 20;
constexpr std::string_view kAdded = "added_tokens.json", kConfig = "tokenizer_config.json";

using ById = std::map<int32_t, AddedToken>;

void add(ById& all, AddedToken token, std::string_view where) {
  if (token.content.empty()) {
    throw fail(ErrorCode::corrupt_data, "{}: token {} is empty", where, token.id);
  }
  all.insert_or_assign(token.id, std::move(token));
}

int32_t checked_id(int64_t id, std::string_view where) {
  if (id < 0 || id > INT32_MAX) {
    throw fail(ErrorCode::corrupt_data, "{}: the id {} is out of range", where, id);
  }
  return static_cast<int32_t>(id);
}

void read_added(const Json& object, ById& all, int depth) {
  for (const auto& [token, value] : object.items()) {
    if (value.is_object() && depth == 0) {
      read_added(value, all, depth + 1);
    } else if (value.is_number_integer()) {
      const int32_t id = checked_id(value.get<int64_t>(), kAdded);
      const auto known = all.find(id);
      if (known != all.end() && known->second.content != token) {
        throw fail(ErrorCode::corrupt_data, "{}: id {} is both '{}' and '{}'", kAdded, id,
                   shown(known->second.content), shown(token));
      }
      add(all, {.content = token, .id = id, .special = true}, kAdded);
    }
  }
}

void read_decoder(const Json& decoder, ById& all) {
  for (const auto& [key, value] : decoder.items()) {
    int32_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0) {
      throw fail(ErrorCode::corrupt_data,
                 "{}: 'added_tokens_decoder' has the key '{}', expected an id", kConfig,
                 shown(key));
    }
    const ConfigReader r(value, kConfig);
    add(all,
        {.content = r.require<std::string>("content"),
         .id = id,
         .single_word = r.optional("single_word", false),
         .lstrip = r.optional("lstrip", false),
         .rstrip = r.optional("rstrip", false),
         .normalized = r.optional("normalized", false),
         .special = r.optional("special", false)},
        kConfig);
  }
}

}  // namespace

std::vector<AddedToken> added_tokens_beside(const std::filesystem::path& folder) {
  ById all;
  if (std::filesystem::exists(folder / kAdded)) {
    const Json json = parse_json(read_text(folder / kAdded, kMaxFile), kAdded);
    if (!json.is_object()) {
      throw fail(ErrorCode::corrupt_data, "{}: expected an object of tokens", kAdded);
    }
    read_added(json, all, 0);
  }
  if (std::filesystem::exists(folder / kConfig)) {
    const Json json = parse_json(read_text(folder / kConfig, kMaxFile), kConfig);
    const auto decoder = json.is_object() ? json.find("added_tokens_decoder") : json.end();
    if (decoder != json.end() && decoder->is_object()) read_decoder(*decoder, all);
  }
  std::vector<AddedToken> out;
  out.reserve(all.size());
  for (auto& [id, token] : all) out.push_back(std::move(token));
  return out;
}

}  // namespace ominix::text
