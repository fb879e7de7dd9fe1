#include "formats/safetensors_header.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "formats/shown.h"

namespace ominix::formats {
namespace {

constexpr size_t kMaxDimensions = 16;
constexpr size_t kMaxToken = 16u << 20;     // bytes of one string
constexpr size_t kMaxMetadata = 32u << 20;  // bytes of all metadata
constexpr size_t kMaxDepth = 64;

constexpr std::array kTypes = {
    std::pair{std::string_view("BOOL"), DType::boolean},
    std::pair{std::string_view("U8"), DType::u8},
    std::pair{std::string_view("I8"), DType::i8},
    std::pair{std::string_view("U16"), DType::u16},
    std::pair{std::string_view("I16"), DType::i16},
    std::pair{std::string_view("U32"), DType::u32},
    std::pair{std::string_view("I32"), DType::i32},
    std::pair{std::string_view("U64"), DType::u64},
    std::pair{std::string_view("I64"), DType::i64},
    std::pair{std::string_view("F16"), DType::f16},
    std::pair{std::string_view("BF16"), DType::bf16},
    std::pair{std::string_view("F32"), DType::f32},
    std::pair{std::string_view("F64"), DType::f64},
    std::pair{std::string_view("C64"), DType::c64},
    std::pair{std::string_view("F8_E4M3"), DType::f8_e4m3},
    std::pair{std::string_view("F8_E5M2"), DType::f8_e5m2},
    std::pair{std::string_view("F8_E8M0"), DType::f8_e8m0},
};

// Types of the format that OminiX has no use for yet.
constexpr std::array<std::string_view, 5> kOtherTypes = {"F4", "F6_E2M3", "F6_E3M2", "F8_E4M3FNUZ",
                                                         "F8_E5M2FNUZ"};

// Walks the header once, without a tree: 100,000 tensors cost their own size.
class HeaderParser : public nlohmann::json_sax<Json> {
 public:
  explicit HeaderParser(std::string_view where) : where_(where) {}

  std::vector<TensorInfo> tensors;  // offset and bytes as written: relative, unchecked
  std::map<std::string, std::string> metadata;

  bool null() override {
    // The reference reads "__metadata__": null as none.
    if (at_ == At::top && name_ == kMetadata) return true;
    return other("null");
  }
  bool boolean(bool) override { return other("a boolean"); }
  bool number_integer(number_integer_t) override { return other("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return other("a number that is not a 64-bit integer");
  }
  bool binary(binary_t&) override { return other("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (at_ == At::shape) {
      auto& shape = tensors.back().shape;
      if (shape.size() == kMaxDimensions) {
        throw fail(ErrorCode::too_big, "{}: tensor '{}' has more than {} dimensions", where_,
                   shown(name_), kMaxDimensions);
      }
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return other("a number past 63 bits");
      }
      shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (at_ == At::offsets && offsets_ < 2) {
      (offsets_++ == 0 ? tensors.back().offset : end_) = value;
      return true;
    }
    return other("a number");
  }

  bool string(string_t& text) override {
    if (at_ == At::tensor && field_ == Field::type) {
      tensors.back().type = type_of(text);
      return true;
    }
    if (at_ == At::metadata) {
      metadata_bytes_ += text.size();
      if (metadata_bytes_ > kMaxMetadata) {
        throw fail(ErrorCode::too_big, "{}: more than {} bytes of metadata", where_, kMaxMetadata);
      }
      metadata_value_->second = text;
      return true;
    }
    return other("a string");
  }

  bool key(string_t& name) override {
    if (depth_ > 0) return true;
    switch (at_) {
      case At::top:
        name_ = name;
        if (name_ == kMetadata && std::exchange(seen_metadata_, true)) {
          throw bad("key '__metadata__' stands twice");
        }
        break;
      case At::metadata: {
        metadata_bytes_ += name.size() + kEntryCost;
        const auto [entry, fresh] = metadata.try_emplace(name);
        if (!fresh) throw bad(fmt::format("metadata key '{}' stands twice", shown(name)));
        metadata_value_ = entry;
        break;
      }
      case At::tensor:
        field_ = name == "dtype"          ? Field::type
                 : name == "shape"        ? Field::shape
                 : name == "data_offsets" ? Field::offsets
                                          : Field::unknown;
        if (field_ != Field::unknown) {
          const unsigned bit = 1u << static_cast<unsigned>(field_);
          if (seen_ & bit) throw bad_tensor(fmt::format("has '{}' twice", name));
          seen_ |= bit;
        }
        break;
      default:
        break;
    }
    return true;
  }

  bool start_object(size_t) override {
    if (at_ == At::start) {
      at_ = At::top;
    } else if (at_ == At::top && name_ == kMetadata) {
      at_ = At::metadata;
    } else if (at_ == At::top) {
      if (tensors.size() == kMaxTensors) {
        throw fail(ErrorCode::too_big, "{}: more than {} tensors", where_, kMaxTensors);
      }
      tensors.emplace_back().name = name_;
      seen_ = 0, offsets_ = 0;
      at_ = At::tensor;
    } else {
      return open("an object");
    }
    return true;
  }

  bool end_object() override {
    if (depth_ > 0) return close();
    if (at_ == At::tensor) {
      if (seen_ != 7) throw bad_tensor("needs dtype, shape and data_offsets");
      TensorInfo& t = tensors.back();
      if (end_ < t.offset) {
        throw bad_tensor(
            fmt::format("has data_offsets [{}, {}], the second below the first", t.offset, end_));
      }
      t.bytes = end_ - t.offset;
    }
    at_ = at_ == At::top ? At::start : At::top;
    return true;
  }

  bool start_array(size_t) override {
    if (at_ == At::tensor && field_ == Field::shape) {
      at_ = At::shape;
    } else if (at_ == At::tensor && field_ == Field::offsets) {
      at_ = At::offsets;
    } else {
      return open("an array");
    }
    return true;
  }

  bool end_array() override {
    if (depth_ > 0) return close();
    if (at_ == At::offsets && offsets_ != 2) throw bad_tensor("needs two data_offsets");
    at_ = At::tensor;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception&) override {
    throw bad(fmt::format("header is not valid JSON at byte {}", position));
  }

 private:
  static constexpr std::string_view kMetadata = "__metadata__";
  static constexpr size_t kEntryCost = 128;  // memory of a map entry beside its text

  // Where the parser stands; `depth_` counts what is open inside an unknown field of a tensor.
  enum class At { start, top, metadata, tensor, shape, offsets };
  enum class Field { type, shape, offsets, unknown };

  Error bad(std::string_view what) const {
    return fail(ErrorCode::corrupt_data, "{}: {}", where_, what);
  }
  Error bad_tensor(std::string_view what) const {
    return bad(fmt::format("tensor '{}' {}", shown(name_), what));
  }

  bool skipping() const { return depth_ > 0 || (at_ == At::tensor && field_ == Field::unknown); }

  // A value of a kind that this place does not take.
  bool other(std::string_view found) {
    if (skipping()) return true;
    switch (at_) {
      case At::start:
        throw bad(fmt::format("header is {}, expected an object", found));
      case At::top:
        if (name_ == kMetadata) {
          throw bad(fmt::format("'__metadata__' is {}, expected an object of strings", found));
        }
        throw bad_tensor(fmt::format("is {}, expected an object", found));
      case At::metadata:
        throw bad(fmt::format("metadata '{}' is {}, expected a string",
                              shown(metadata_value_->first), found));
      case At::shape:
        throw bad_tensor(fmt::format("has {} in its shape, expected sizes", found));
      case At::offsets:
        throw bad_tensor(fmt::format("has {} in data_offsets, expected two offsets", found));
      case At::tensor:
        break;
    }
    constexpr std::array<std::string_view, 3> kFields = {"dtype", "shape", "data_offsets"};
    throw bad_tensor(fmt::format("has {} as {}", found, kFields.at(static_cast<size_t>(field_))));
  }

  bool open(std::string_view found) {
    other(found);
    if (++depth_ > kMaxDepth) {
      throw fail(ErrorCode::too_big, "{}: JSON nested deeper than {} levels", where_, kMaxDepth);
    }
    return true;
  }
  bool close() {
    --depth_;
    return true;
  }

  DType type_of(std::string_view text) const {
    for (const auto& [name, type] : kTypes) {
      if (name == text) return type;
    }
    if (std::find(kOtherTypes.begin(), kOtherTypes.end(), text) != kOtherTypes.end()) {
      throw fail(ErrorCode::unsupported, "{}: tensor '{}' has dtype {}, which OminiX cannot read",
                 where_, shown(name_), text);
    }
    throw bad_tensor(fmt::format("has the unknown dtype '{}'", shown(text)));
  }

  std::string_view where_;
  At at_ = At::start;
  size_t depth_ = 0;
  std::string name_;
  Field field_ = Field::unknown;
  unsigned seen_ = 0;  // one bit a Field
  int offsets_ = 0;
  uint64_t end_ = 0;
  bool seen_metadata_ = false;
  size_t metadata_bytes_ = 0;
  std::map<std::string, std::string>::iterator metadata_value_;
};

// The JSON parser holds one token at a time, twice: keep tokens small against the file.
void check_tokens(std::string_view json, std::string_view where) {
  size_t start = 0;
  bool inside = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (inside ? c == '"' : c == '"' || c == ',' || c == ':' || c == '[' || c == '{') {
      inside = c == '"' && !inside;
      start = i;
    } else if (inside && c == '\\') {
      ++i;
    }
    if (i - start > kMaxToken) {
      throw fail(ErrorCode::too_big, "{}: a string of more than {} bytes in the header", where,
                 kMaxToken);
    }
  }
}

void check_tensor(const TensorInfo& t, std::string_view where) {
  uint64_t elements = 1;
  bool fits = true;
  for (int64_t d : t.shape) fits = fits && !__builtin_mul_overflow(elements, d, &elements);
  const auto bytes = fits ? checked_bytes(t.type, elements) : std::nullopt;
  if (!bytes) {
    throw fail(ErrorCode::corrupt_data, "{}: tensor '{}' has a shape of more than 2^63 bytes",
               where, shown(t.name));
  }
  if (*bytes != t.bytes) {
    throw fail(ErrorCode::corrupt_data,
               "{}: tensor '{}' has {} bytes in data_offsets, expected {} for its shape and dtype",
               where, shown(t.name), t.bytes, *bytes);
  }
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view json, uint64_t data_start,
                                           uint64_t data_bytes, std::string_view where) {
  if (json.empty() || json.front() != '{') {
    throw fail(ErrorCode::corrupt_data, "{}: header does not start with '{{'", where);
  }
  check_tokens(json, where);
  HeaderParser parser(where);
  Json::sax_parse(json, &parser);
  auto& tensors = parser.tensors;
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.offset, a.bytes) < std::tie(b.offset, b.bytes);
  });
  uint64_t end = 0;
  for (TensorInfo& t : tensors) {
    if (t.offset != end) {
      throw fail(ErrorCode::corrupt_data,
                 "{}: tensor '{}' starts at byte {} of the data, expected {}: {}", where,
                 shown(t.name), t.offset, end, t.offset < end ? "it overlaps another" : "a hole");
    }
    check_tensor(t, where);
    end += t.bytes;  // cannot wrap: offset + bytes is the second offset, a uint64_t
    if (end > data_bytes) {
      throw fail(ErrorCode::corrupt_data,
                 "{}: tensor '{}' ends at byte {} of the data, but the file has {}: it is "
                 "truncated, fetch it again",
                 where, shown(t.name), end, data_bytes);
    }
    t.offset += data_start;
  }
  if (end != data_bytes) {
    throw fail(ErrorCode::corrupt_data, "{}: {} bytes after the last tensor", where,
               data_bytes - end);
  }
  return {std::move(tensors), std::move(parser.metadata)};
}

std::string_view safetensors_name(DType type) {
  for (const auto& [name, t] : kTypes) {
    if (t == type) return name;
  }
  return {};
}

}  // namespace ominix::formats
