#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "formats/checkpoint_files.h"
#include "formats/shown.h"

namespace ominix::formats {
namespace {

constexpr uint64_t kMaxIndex = 64u << 20;
constexpr size_t kMaxTensors = 1u << 20;
constexpr size_t kMaxFiles = 100'000;
constexpr size_t kMaxDepth = 64;

// Takes "weight_map" and walks over everything else.
class IndexParser : public nlohmann::json_sax<Json> {
 public:
  explicit IndexParser(std::string_view where) : where_(where) {}

  SafetensorsIndex index;
  bool seen = false;

  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_integer(number_integer_t) override { return other(); }
  bool number_unsigned(number_unsigned_t) override { return other(); }
  bool number_float(number_float_t, const string_t&) override { return other(); }
  bool binary(binary_t&) override { return other(); }

  bool string(string_t& file) override {
    if (!in_map()) return other();
    if (!is_plain_name(file) || !file.ends_with(".safetensors")) {
      throw bad(
          fmt::format("tensor '{}' lies in '{}', expected the plain name of a .safetensors "
                      "file in the same folder",
                      shown(tensor_), shown(file)));
    }
    if (index.tensors.size() == kMaxTensors) {
      throw fail(ErrorCode::too_big, "{}: more than {} tensors", where_, kMaxTensors);
    }
    // Neighbours mostly lie in the same file.
    if (last_ == files_.end() || last_->first != file) {
      last_ = files_.try_emplace(file, static_cast<uint32_t>(files_.size())).first;
      if (files_.size() > kMaxFiles) {
        throw fail(ErrorCode::too_big, "{}: more than {} files", where_, kMaxFiles);
      }
    }
    index.tensors.emplace_back(std::move(tensor_), last_->second);
    return true;
  }

  bool key(string_t& name) override {
    if (depth_ == 1) {
      map_next_ = name == "weight_map";
      if (map_next_ && std::exchange(seen, true)) throw bad("'weight_map' stands twice");
    } else if (in_map()) {
      tensor_ = name;
    }
    return true;
  }

  bool start_object(size_t) override {
    if (depth_ == 1 && map_next_) {
      map_open_ = true;
    } else if (depth_ > 0) {
      other();
    }
    return deeper();
  }
  bool end_object() override {
    if (--depth_ == 1) map_open_ = false;
    return true;
  }
  bool start_array(size_t) override {
    other();
    return deeper();
  }
  bool end_array() override {
    --depth_;
    return true;
  }

  bool parse_error(size_t position, const std::string&, const Json::exception&) override {
    throw bad(fmt::format("not valid JSON at byte {}", position));
  }

  void finish() {
    if (!seen) throw bad("no 'weight_map'");
    if (index.tensors.empty()) throw bad("'weight_map' is empty");
    std::vector<uint32_t> order(files_.size());  // number by first use -> number by name
    for (const auto& [file, number] : files_) {
      order[number] = static_cast<uint32_t>(index.files.size());
      index.files.push_back(file);
    }
    for (auto& [tensor, file] : index.tensors) file = order[file];
    std::sort(index.tensors.begin(), index.tensors.end());
    const auto twice =
        std::adjacent_find(index.tensors.begin(), index.tensors.end(),
                           [](const auto& a, const auto& b) { return a.first == b.first; });
    if (twice != index.tensors.end()) {
      throw bad(fmt::format("tensor '{}' stands twice", shown(twice->first)));
    }
  }

 private:
  Error bad(std::string_view what) const {
    return fail(ErrorCode::corrupt_data, "{}: {}", where_, what);
  }

  bool in_map() const { return map_open_ && depth_ == 2; }

  bool other() {
    if (depth_ == 0) throw bad("is not a JSON object");
    if (depth_ == 1 && map_next_) throw bad("'weight_map' is not an object");
    if (in_map()) throw bad(fmt::format("tensor '{}' has no file name", shown(tensor_)));
    return true;
  }

  bool deeper() {
    if (++depth_ > kMaxDepth) {
      throw fail(ErrorCode::too_big, "{}: JSON nested deeper than {} levels", where_, kMaxDepth);
    }
    return true;
  }

  std::string_view where_;
  size_t depth_ = 0;
  bool map_next_ = false, map_open_ = false;
  std::string tensor_;
  std::map<std::string, uint32_t> files_;
  std::map<std::string, uint32_t>::iterator last_ = files_.end();
};

}  // namespace

SafetensorsIndex read_safetensors_index(const std::filesystem::path& path) {
  const std::string where = fmt::format("index: '{}'", shown(path.string()));
  const std::string text = read_text(path, kMaxIndex);
  IndexParser parser(where);
  Json::sax_parse(text, &parser);
  parser.finish();
  return std::move(parser.index);
}

}  // namespace ominix::formats
