#include "formats/gguf_parser.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "formats/file_reader.h"
#include "formats/gguf_types.h"
#include "formats/shown.h"

namespace ominix::formats {
namespace {

constexpr uint64_t kMaxKeys = 1u << 16;
constexpr uint64_t kMaxName = 65535;  // bytes of a key or a tensor's name
constexpr uint32_t kMaxDimensions = 4;
constexpr uint64_t kMinAlignment = 8, kMaxAlignment = 65536;

// How value types are written.
enum class Tag : uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64
};

class Parser {
 public:
  Parser(const File& file, std::string where)
      : where_(std::move(where)), in_(file, where_), file_size_(file.size()) {}

  GgufContents parse() {
    if (file_size_ < 24) throw bad(fmt::format("{} bytes, too short for a header", file_size_));
    std::array<char, 4> magic{};
    in_.read(magic.data(), magic.size());
    if (std::string_view(magic.data(), 4) != "GGUF") throw bad("does not start with 'GGUF'");
    version_ = in_.number<uint32_t>();
    if (version_ == 0x02000000 || version_ == 0x03000000) {
      throw fail(ErrorCode::unsupported, "{}: a big-endian file, expected little-endian", where_);
    }
    if (version_ < 2 || version_ > 3) {
      throw fail(ErrorCode::unsupported, "{}: version {}, expected 2 or 3", where_, version_);
    }
    const auto tensor_count = in_.number<uint64_t>();
    const auto key_count = in_.number<uint64_t>();
    limit(tensor_count, kMaxTensors, kSmallestTensor, "tensors");
    limit(key_count, kMaxKeys, kSmallestKey, "keys");
    in_.expect(tensor_count * kSmallestTensor + key_count * kSmallestKey, 1,
               "bytes of keys and tensors");
    for (uint64_t i = 0; i < key_count; ++i) read_key();
    read_alignment();
    tensors_.reserve(tensor_count);
    for (uint64_t i = 0; i < tensor_count; ++i) read_tensor();
    check_layout();
    return {version_, std::move(values_), std::move(tensors_)};
  }

 private:
  // Bytes that an entry takes at least: name length, one letter, type, value; and so on.
  static constexpr uint64_t kSmallestKey = 8 + 1 + 4 + 1;
  static constexpr uint64_t kSmallestTensor = 8 + 1 + 4 + 8 + 4 + 8;

  Error bad(std::string_view what) const {
    return fail(ErrorCode::corrupt_data, "{}: {}", where_, what);
  }

  void limit(uint64_t count, uint64_t most, uint64_t bytes, std::string_view what) const {
    in_.expect(count, bytes, what);
    if (count > most) {
      throw fail(ErrorCode::too_big, "{}: {} {}, expected at most {}", where_, count, what, most);
    }
  }

  std::string name(std::string_view what) {
    std::string text = in_.string(kMaxName, what);
    if (text.empty()) throw bad(fmt::format("{} is empty", what));
    if (!utf8::is_valid(text)) {
      throw bad(fmt::format("{} '{}' is not valid UTF-8", what, shown(text)));
    }
    return text;
  }

  void read_key() {
    std::string key = name("a key");
    const auto tag = static_cast<Tag>(in_.number<uint32_t>());
    GgufValue value = tag == Tag::array ? array(key) : scalar(key, tag);
    const auto [at, fresh] = values_.try_emplace(std::move(key), std::move(value));
    if (!fresh) throw bad(fmt::format("key '{}' stands twice", shown(at->first)));
  }

  Error unknown(std::string_view key, Tag tag) const {
    return bad(
        fmt::format("key '{}' has the unknown type {}", shown(key), static_cast<uint32_t>(tag)));
  }

  bool boolean(std::string_view key) {
    const auto byte = in_.number<uint8_t>();
    if (byte > 1) {
      throw bad(fmt::format("key '{}' is the bool {}, expected 0 or 1", shown(key), byte));
    }
    return byte != 0;
  }

  GgufValue scalar(std::string_view key, Tag tag) {
    switch (tag) {
      case Tag::u8:
        return in_.number<uint8_t>();
      case Tag::i8:
        return in_.number<int8_t>();
      case Tag::u16:
        return in_.number<uint16_t>();
      case Tag::i16:
        return in_.number<int16_t>();
      case Tag::u32:
        return in_.number<uint32_t>();
      case Tag::i32:
        return in_.number<int32_t>();
      case Tag::u64:
        return in_.number<uint64_t>();
      case Tag::i64:
        return in_.number<int64_t>();
      case Tag::f32:
        return in_.number<float>();
      case Tag::f64:
        return in_.number<double>();
      case Tag::boolean:
        return boolean(key);
      case Tag::string:
        return in_.string(file_size_, "a text");
      case Tag::array:
        break;
    }
    throw unknown(key, tag);
  }

  template <class T>
  std::vector<T> numbers(uint64_t count) {
    in_.expect(count, sizeof(T), "array elements");
    std::vector<T> out(count);
    in_.read(out.data(), count * sizeof(T));
    return out;
  }

  GgufValue array(std::string_view key) {
    const auto tag = static_cast<Tag>(in_.number<uint32_t>());
    const auto count = in_.number<uint64_t>();
    switch (tag) {
      case Tag::u8:
        return numbers<uint8_t>(count);
      case Tag::i8:
        return numbers<int8_t>(count);
      case Tag::u16:
        return numbers<uint16_t>(count);
      case Tag::i16:
        return numbers<int16_t>(count);
      case Tag::u32:
        return numbers<uint32_t>(count);
      case Tag::i32:
        return numbers<int32_t>(count);
      case Tag::u64:
        return numbers<uint64_t>(count);
      case Tag::i64:
        return numbers<int64_t>(count);
      case Tag::f32:
        return numbers<float>(count);
      case Tag::f64:
        return numbers<double>(count);
      case Tag::boolean: {
        in_.expect(count, 1, "array elements");
        std::vector<bool> out(count);
        for (uint64_t i = 0; i < count; ++i) out[i] = boolean(key);
        return out;
      }
      case Tag::string:
        return strings(count);
      case Tag::array:
        throw fail(ErrorCode::unsupported, "{}: key '{}' is an array of arrays", where_,
                   shown(key));
    }
    throw unknown(key, tag);
  }

  // Two passes: the first finds the total, so that memory is taken once and exactly.
  StringArray strings(uint64_t count) {
    in_.expect(count, sizeof(uint64_t), "strings");
    const uint64_t start = in_.position();
    uint64_t total = 0;
    for (uint64_t i = 0; i < count; ++i) {
      const auto size = in_.number<uint64_t>();
      in_.skip(size);
      total += size;
    }
    in_.seek(start);
    std::string text(total, '\0');
    std::vector<uint64_t> ends(count);
    uint64_t end = 0;
    for (uint64_t i = 0; i < count; ++i) {
      const auto size = in_.number<uint64_t>();
      if (size > total - end) throw bad("the file changed while it was being read");
      in_.read(text.data() + end, size);
      ends[i] = end += size;
    }
    return {std::move(text), std::move(ends)};
  }

  void read_alignment() {
    const auto at = values_.find("general.alignment");
    if (at == values_.end()) return;
    const auto* value = std::get_if<uint32_t>(&at->second);
    if (!value || !std::has_single_bit(*value) || *value < kMinAlignment ||
        *value > kMaxAlignment) {
      const std::string found = value ? fmt::format("{}", *value) : describe(at->second);
      throw bad(fmt::format("general.alignment is {}, expected a u32 power of two from {} to {}",
                            found, kMinAlignment, kMaxAlignment));
    }
    alignment_ = *value;
  }

  void read_tensor() {
    TensorInfo t;
    t.name = name("a tensor's name");
    const auto dimensions = in_.number<uint32_t>();
    if (dimensions < 1 || dimensions > kMaxDimensions) {
      throw bad(fmt::format("tensor '{}' has {} dimensions, expected 1 to {}", shown(t.name),
                            dimensions, kMaxDimensions));
    }
    uint64_t elements = 1;
    t.shape.resize(dimensions);
    for (uint32_t i = 0; i < dimensions; ++i) {
      const auto size = in_.number<uint64_t>();
      if (size == 0 || __builtin_mul_overflow(elements, size, &elements) ||
          elements > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        throw bad(fmt::format("tensor '{}' has a dimension of {}, expected 1 to 2^63 elements",
                              shown(t.name), size));
      }
      t.shape[dimensions - 1 - i] = static_cast<int64_t>(size);
    }
    const auto id = in_.number<uint32_t>();
    const auto type = gguf_type(id);
    if (!type) {
      const auto other = gguf_other_type(id);
      if (other.empty()) {
        throw bad(fmt::format("tensor '{}' has the unknown type {}", shown(t.name), id));
      }
      throw fail(ErrorCode::unsupported, "{}: tensor '{}' has type {}, which OminiX cannot read",
                 where_, shown(t.name), other);
    }
    t.type = *type;
    // Blocks lie within rows.
    const auto bytes = checked_bytes(t.type, elements);
    if (!bytes || static_cast<uint64_t>(t.shape.back()) % info(t.type).block != 0) {
      throw bad(fmt::format("tensor '{}' has rows of {}, expected a multiple of {} for {}",
                            shown(t.name), t.shape.back(), info(t.type).block, to_string(t.type)));
    }
    t.bytes = *bytes;
    t.offset = in_.number<uint64_t>();
    if (t.offset % alignment_ != 0) {
      throw bad(fmt::format("tensor '{}' has offset {}, expected a multiple of {}", shown(t.name),
                            t.offset, alignment_));
    }
    tensors_.push_back(std::move(t));
  }

  uint64_t aligned(uint64_t position) const {
    return (position + alignment_ - 1) / alignment_ * alignment_;
  }

  // Tensor after tensor, each at the first aligned byte after the one before.
  void check_layout() {
    std::stable_sort(tensors_.begin(), tensors_.end(),
                     [](const TensorInfo& a, const TensorInfo& b) { return a.offset < b.offset; });
    const uint64_t start = aligned(in_.position());
    uint64_t end = in_.position();
    uint64_t next = 0;
    for (TensorInfo& t : tensors_) {
      if (t.offset != next) {
        throw bad(fmt::format("tensor '{}' has offset {}, expected {}: {}", shown(t.name), t.offset,
                              next, t.offset < next ? "it overlaps another" : "a hole"));
      }
      // `next` is below file_size_, so start + next cannot wrap.
      if (start > file_size_ || t.bytes > file_size_ - start - std::min(next, file_size_ - start)) {
        throw bad(fmt::format(
            "tensor '{}' ends past the file's {} bytes: it is truncated, fetch it again",
            shown(t.name), file_size_));
      }
      end = start + next + t.bytes;
      t.offset = start + next;
      next = aligned(end) - start;
    }
    // Writers may or may not pad after the last tensor.
    if (file_size_ > aligned(end)) {
      throw bad(fmt::format("{} bytes after the last tensor", file_size_ - end));
    }
  }

  std::string where_;
  FileReader in_;
  uint64_t file_size_;
  uint64_t alignment_ = 32;
  uint32_t version_ = 0;
  GgufMetadata::Map values_;
  std::vector<TensorInfo> tensors_;
};

}  // namespace

GgufContents parse_gguf(const File& file, const std::string& where) {
  return Parser(file, where).parse();
}

}  // namespace ominix::formats
