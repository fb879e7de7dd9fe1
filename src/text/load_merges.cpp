#include "text/load_merges.h"

#include <array>
#include <utility>

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/json_reader.h"

namespace ominix::text {
namespace {

// Collects merges and looks their tokens up a few at a time, so that memory is asked for all of
// them before the first is needed.
class MergeLoader {
 public:
  MergeLoader(const Vocabulary& vocabulary, bool byte_keys, std::string_view prefix,
              std::string_view where)
      : vocabulary_(vocabulary), byte_keys_(byte_keys), prefix_(prefix), where_(where) {}

  void add(std::string_view left, std::string_view right) {
    Pending& p = pending_[count_++];
    key(left, p.left);
    key(right, p.right);
    // A continuing prefix stands once in the joint token.
    std::string_view tail = p.right;
    if (!prefix_.empty() && tail.starts_with(prefix_)) tail.remove_prefix(prefix_.size());
    p.joint.assign(p.left).append(tail);
    const std::string* texts[] = {&p.left, &p.right, &p.joint};
    for (size_t i = 0; i < 3; ++i) {
      p.hashes[i] = hash_bytes(*texts[i]);
      vocabulary_.prefetch(p.hashes[i]);
    }
    if (count_ == pending_.size()) flush();
  }

  MergeTable finish() {
    flush();
    return std::move(merges_);
  }

 private:
  struct Pending {
    std::string left, right, joint;
    std::array<uint64_t, 3> hashes{};
  };

  void key(std::string_view token, std::string& out) const {
    if (byte_keys_) {
      byte_key(token, out);
    } else {
      out = token;
    }
  }

  void flush() {
    for (size_t i = 0; i < count_; ++i) {
      const Pending& p = pending_[i];
      const int32_t left = vocabulary_.find(p.left, p.hashes[0]),
                    right = vocabulary_.find(p.right, p.hashes[1]),
                    joint = vocabulary_.find(p.joint, p.hashes[2]);
      if (left == kNoToken || right == kNoToken || joint == kNoToken) {
        throw fail(ErrorCode::corrupt_data,
                   "{}: merge {} joins tokens that are not all in the vocabulary", where_, rank_);
      }
      merges_.set(left, right, {rank_++, joint});
    }
    count_ = 0;
  }

  const Vocabulary& vocabulary_;
  bool byte_keys_;
  std::string_view prefix_, where_;
  std::array<Pending, 32> pending_;
  size_t count_ = 0;
  uint32_t rank_ = 0;
  MergeTable merges_;
};

}  // namespace

MergeTable read_merges(std::string_view json, const Vocabulary& vocabulary, bool byte_keys,
                       const std::string& prefix, std::string_view where) {
  MergeLoader merges(vocabulary, byte_keys, prefix, where);
  JsonReader r = JsonReader::of_value(json, where);
  std::string first;
  r.array([&] {
    if (r.peek() == JsonReader::Kind::string) {
      const std::string_view merge = r.string();
      const size_t space = merge.find(' ');
      if (space == merge.npos) r.refuse("a merge that is not two tokens");
      merges.add(merge.substr(0, space), merge.substr(space + 1));
      return;
    }
    int n = 0;
    r.array([&] {
      if (n == 0)
        first = r.string();
      else if (n == 1)
        merges.add(first, r.string());
      ++n;
    });
    if (n != 2) r.refuse("a merge that is not two tokens");
  });
  return merges.finish();
}

}  // namespace ominix::text
