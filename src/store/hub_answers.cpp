#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "formats/shown.h"
#include "store/hash.h"
#include "store/hub.h"
#include "store/names.h"

namespace ominix::store {
namespace {

using formats::shown;

constexpr std::string_view kWhere = "pull: the hub's list of files";
constexpr JsonLimits kLimits = {.depth = 32, .values = 2'000'000};
constexpr size_t kMaxListed = 20'000;

const Json& member(const Json& object, const char* key, std::string_view where) {
  if (!object.is_object() || !object.contains(key)) {
    throw fail(ErrorCode::corrupt_data, "{}: '{}' is missing", where, key);
  }
  return object.at(key);
}

std::string text(const Json& object, const char* key, std::string_view where) {
  const Json& value = member(object, key, where);
  if (!value.is_string()) {
    throw fail(ErrorCode::corrupt_data, "{}: '{}' is {}, expected a text", where, key,
               value.type_name());
  }
  return value.get<std::string>();
}

uint64_t size(const Json& object, const char* key, std::string_view where) {
  const Json& value = member(object, key, where);
  if (!value.is_number_unsigned()) {
    throw fail(ErrorCode::corrupt_data, "{}: '{}' is {}, expected a number of bytes", where, key,
               shown(value.dump(-1, ' ', true)));
  }
  return value.get<uint64_t>();
}

// Hubs write hashes with and without the kind in front, in either case.
std::string hash(std::string hex) {
  if (hex.starts_with("sha256:")) hex.erase(0, 7);
  for (char& c : hex) c = c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
  return hex;
}

void append(std::vector<StoreFile>& files, StoreFile file) {
  if (files.size() == kMaxListed) {
    throw fail(ErrorCode::too_big, "{}: more than {} files", kWhere, kMaxListed);
  }
  files.push_back(std::move(file));
}

}  // namespace

std::string parse_commit(std::string_view json) {
  constexpr std::string_view kModel = "pull: the hub's page of the model";
  std::string commit = text(parse_json(json, kModel, kLimits), "sha", kModel);
  if (!is_revision(commit)) {
    throw fail(ErrorCode::corrupt_data, "{}: 'sha' is '{}', expected a commit", kModel,
               shown(commit));
  }
  return commit;
}

void parse_tree(std::string_view json, std::vector<StoreFile>& files) {
  const Json page = parse_json(json, kWhere, kLimits);
  if (!page.is_array()) {
    throw fail(ErrorCode::corrupt_data, "{}: is {}, expected an array", kWhere, page.type_name());
  }
  for (const Json& entry : page) {
    if (text(entry, "type", kWhere) != "file") continue;
    StoreFile file{text(entry, "path", kWhere), size(entry, "size", kWhere)};
    const auto lfs = entry.find("lfs");
    if (lfs != entry.end() && !lfs->is_null()) {
      file.hash = hash(text(*lfs, "oid", kWhere));
      if (size(*lfs, "size", kWhere) != file.size) {
        throw fail(ErrorCode::corrupt_data, "{}: '{}' has two sizes", kWhere, shown(file.name));
      }
    } else {
      file.hash = hash(text(entry, "oid", kWhere));
    }
    append(files, std::move(file));
  }
}

std::vector<StoreFile> parse_modelscope(std::string_view json) {
  const Json answer = parse_json(json, kWhere, kLimits);
  const Json& list = member(member(answer, "Data", kWhere), "Files", kWhere);
  if (!list.is_array()) {
    throw fail(ErrorCode::corrupt_data, "{}: 'Files' is {}, expected an array", kWhere,
               list.type_name());
  }
  std::vector<StoreFile> files;
  for (const Json& entry : list) {
    if (text(entry, "Type", kWhere) != "blob") continue;
    append(files, {text(entry, "Path", kWhere), size(entry, "Size", kWhere),
                   hash(text(entry, "Sha256", kWhere))});
  }
  return files;
}

std::string next_page(std::string_view link) {
  while (!link.empty()) {
    const size_t open = link.find('<'), close = link.find('>', open);
    if (open == link.npos || close == link.npos) return {};
    size_t end = link.find('<', close);
    if (end == link.npos) end = link.size();
    const std::string_view parameters = link.substr(close, end - close);
    if (parameters.find("rel=\"next\"") != link.npos || parameters.find("rel=next") != link.npos) {
      return std::string(link.substr(open + 1, close - open - 1));
    }
    link.remove_prefix(end);
  }
  return {};
}

}  // namespace ominix::store
