#include "formats/safetensors.h"

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "formats/safetensors_header.h"
#include "formats/shown.h"

namespace ominix::formats {
namespace {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

constexpr uint64_t kMaxHeader = 100'000'000;  // the reference's limit

std::string where_of(const std::filesystem::path& path) {
  return fmt::format("safetensors: '{}'", shown(path.string()));
}

}  // namespace

Safetensors::Safetensors(const std::filesystem::path& path) : TensorFile(path) {
  const std::string where = where_of(path);
  uint64_t length = 0;
  if (file_.size() < sizeof length) {
    throw fail(ErrorCode::corrupt_data, "{}: {} bytes, too short for a header", where,
               file_.size());
  }
  file_.read_at(0, std::as_writable_bytes(std::span(&length, 1)));
  const uint64_t rest = file_.size() - sizeof length;
  if (length > kMaxHeader) {
    throw fail(ErrorCode::too_big, "{}: header of {} bytes, expected at most {}", where, length,
               kMaxHeader);
  }
  if (length > rest) {
    throw fail(ErrorCode::corrupt_data,
               "{}: header of {} bytes in a file of {}: it is truncated, fetch it again", where,
               length, file_.size());
  }
  std::string json(length, '\0');
  file_.read_at(sizeof length, std::as_writable_bytes(std::span(json)));
  auto header = parse_safetensors_header(json, sizeof length + length, rest - length, where);
  metadata_ = std::move(header.metadata);
  set_tensors(std::move(header.tensors), where);
}

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& path,
                                     std::span<const SafetensorsEntry> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path), path_(path.string()) {
  const std::string where = where_of(path_);
  // Written by hand, entry by entry, in the order of the data.
  std::string json = "{";
  const auto quoted = [&](const std::string& text) {
    if (!utf8::is_valid(text)) {
      throw fail(ErrorCode::invalid_argument, "{}: '{}' is not valid UTF-8", where, shown(text));
    }
    return Json(text).dump();
  };
  if (!metadata.empty()) {
    json += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      if (json.back() != '{') json += ',';
      json += quoted(key) + ':' + quoted(value);
    }
    json += '}';
  }
  std::vector<std::string_view> names;
  for (const SafetensorsEntry& t : tensors) {
    const auto type = safetensors_name(t.type);
    uint64_t elements = 1;
    bool fits = !type.empty() && t.name != "__metadata__";
    for (int64_t d : t.shape) {
      fits = fits && d >= 0 && !__builtin_mul_overflow(elements, d, &elements);
    }
    const auto bytes = fits ? checked_bytes(t.type, elements) : std::nullopt;
    uint64_t end = 0;
    if (!bytes || __builtin_add_overflow(missing_, *bytes, &end)) {
      throw fail(ErrorCode::invalid_argument,
                 "{}: tensor '{}' of type {} and shape ({}) cannot be written", where,
                 shown(t.name), to_string(t.type), fmt::join(t.shape, ", "));
    }
    if (json.size() > 1) json += ',';
    json += fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                        quoted(t.name), type, fmt::join(t.shape, ","), missing_, end);
    missing_ = end;
    names.push_back(t.name);
  }
  json += '}';
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    throw fail(ErrorCode::invalid_argument, "{}: tensor '{}' stands twice", where, shown(*twice));
  }
  json.resize((json.size() + 7) / 8 * 8, ' ');  // the data starts at a multiple of 8
  if (json.size() > kMaxHeader) {
    throw fail(ErrorCode::too_big, "{}: header of {} bytes, expected at most {}", where,
               json.size(), kMaxHeader);
  }
  const uint64_t length = json.size();
  file_.write(std::as_bytes(std::span(&length, 1)));
  file_.write(json);
}

void SafetensorsWriter::append(std::span<const std::byte> bytes) {
  if (bytes.size() > missing_) {
    throw fail(ErrorCode::invalid_argument, "{}: {} bytes more than the tensors have",
               where_of(path_), bytes.size() - missing_);
  }
  file_.write(bytes);
  missing_ -= bytes.size();
}

void SafetensorsWriter::commit() {
  if (missing_ != 0) {
    throw fail(ErrorCode::invalid_argument, "{}: {} bytes of the tensors were not written",
               where_of(path_), missing_);
  }
  file_.commit();
}

}  // namespace ominix::formats
