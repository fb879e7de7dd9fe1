#include "store/names.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/error.h"
#include "base/utf8.h"
#include "formats/shown.h"
#include "store/hash.h"

namespace ominix {
namespace {

using formats::shown;

constexpr size_t kMaxFiles = 20'000;
constexpr size_t kMaxPath = 512, kMaxDepth = 16;
constexpr uint64_t kMaxBytes = uint64_t{1} << 50;

bool is_alnum(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_part(std::string_view part) {
  return !part.empty() && part.size() <= 96 && is_alnum(part.front()) && part.back() != '-' &&
         part.back() != '.' && part.find("--") == part.npos && part.find("..") == part.npos &&
         is_word(part);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// Device names of Windows, with any extension.
bool is_reserved(std::string_view part) {
  const std::string stem = lower(part.substr(0, part.find('.')));
  constexpr std::array<std::string_view, 4> kNames = {"con", "prn", "aux", "nul"};
  if (std::find(kNames.begin(), kNames.end(), stem) != kNames.end()) return true;
  return stem.size() == 4 && (stem.starts_with("com") || stem.starts_with("lpt")) &&
         stem[3] >= '1' && stem[3] <= '9';
}

bool is_path_part(std::string_view part) {
  if (part.empty() || part.size() > 255 || part == "." || part == ".." || part.back() == '.' ||
      part.back() == ' ' || is_reserved(part)) {
    return false;
  }
  return std::none_of(part.begin(), part.end(), [](char c) {
    return static_cast<unsigned char>(c) < 32 || c == 127 ||
           std::string_view("\\:*?\"<>|").find(c) != std::string_view::npos;
  });
}

}  // namespace

bool is_model_id(std::string_view id) {
  const size_t slash = id.find('/');
  if (slash == id.npos) return is_part(id);
  return is_part(id.substr(0, slash)) && is_part(id.substr(slash + 1));
}

namespace store {

std::string folder_name(std::string_view id) {
  if (!is_model_id(id)) {
    throw fail(ErrorCode::invalid_argument, "store: '{}' is no model id, expected ORG/NAME",
               shown(id));
  }
  const size_t slash = id.find('/');
  if (slash == id.npos) return std::string(id);
  return fmt::format("{}--{}", id.substr(0, slash), id.substr(slash + 1));
}

std::string id_of(std::string_view folder_name) {
  const size_t at = folder_name.find("--");
  if (at == folder_name.npos) return std::string(folder_name);
  return fmt::format("{}/{}", folder_name.substr(0, at), folder_name.substr(at + 2));
}

bool is_revision(std::string_view text) {
  if (text.empty() || text.size() > 128 || text.find("..") != text.npos) return false;
  return std::all_of(
             text.begin(), text.end(),
             [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-' || c == '/'; }) &&
         text.front() != '/' && text.back() != '/' && text.find("//") == text.npos;
}

bool is_model_path(std::string_view path) {
  if (path.size() > kMaxPath || !utf8::is_valid(path) || lower(path) == kManifest) return false;
  for (size_t depth = 0; depth < kMaxDepth; ++depth) {
    const size_t slash = path.find('/');
    if (!is_path_part(path.substr(0, slash))) return false;
    if (slash == path.npos) return true;
    path.remove_prefix(slash + 1);
  }
  return false;
}

void check_files(const std::vector<StoreFile>& files, std::string_view where) {
  if (files.size() > kMaxFiles) {
    throw fail(ErrorCode::too_big, "{}: {} files, expected at most {}", where, files.size(),
               kMaxFiles);
  }
  std::set<std::string> names;
  for (const StoreFile& file : files) {
    if (!is_model_path(file.name)) {
      throw fail(ErrorCode::corrupt_data, "{}: names the file '{}', expected a plain path", where,
                 shown(file.name));
    }
    if (!is_hash(file.hash)) {
      throw fail(ErrorCode::corrupt_data,
                 "{}: '{}' has the hash '{}', expected 64 or 40 hex digits", where,
                 shown(file.name), shown(file.hash));
    }
    if (file.size > kMaxBytes) {
      throw fail(ErrorCode::too_big, "{}: '{}' has {} bytes, expected at most {}", where,
                 shown(file.name), file.size, kMaxBytes);
    }
    if (!names.insert(lower(file.name)).second) {
      throw fail(ErrorCode::corrupt_data, "{}: names '{}' twice (case aside)", where,
                 shown(file.name));
    }
  }
  for (const std::string& name : names) {
    for (size_t slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
      if (names.contains(name.substr(0, slash))) {
        throw fail(ErrorCode::corrupt_data, "{}: '{}' is a file and a folder", where,
                   shown(name.substr(0, slash)));
      }
    }
  }
}

}  // namespace store
}  // namespace ominix
