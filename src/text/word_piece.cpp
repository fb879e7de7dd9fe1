#include "text/word_piece.h"

#include <utility>

#include "base/error.h"
#include "text/shown.h"

namespace ominix::text {
namespace {

bool is_char_start(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

}  // namespace

WordPiece::WordPiece(std::shared_ptr<const Vocabulary> vocabulary, Options options,
                     std::string_view where)
    : vocabulary_(std::move(vocabulary)),
      options_(std::move(options)),
      unk_(vocabulary_->find(options_.unk_token)) {
  if (unk_ == kNoToken) {
    throw fail(ErrorCode::corrupt_data, "{}: the unknown-token '{}' is not in the vocabulary",
               where, shown(options_.unk_token));
  }
}

void WordPiece::encode(std::string_view piece, std::vector<int32_t>& out, Scratch& scratch) const {
  size_t chars = 0;
  for (const char c : piece) chars += is_char_start(c) ? 1 : 0;
  if (chars > options_.max_input_chars_per_word) {
    out.push_back(unk_);
    return;
  }
  scratch.ids.clear();
  std::string key;
  for (size_t begin = 0; begin < piece.size();) {
    const std::string& prefix =
        begin == 0 ? options_.first_prefix : options_.continuing_subword_prefix;
    key.assign(prefix).append(piece.substr(begin));
    size_t end = piece.size();
    int32_t id = kNoToken;
    while (end > begin && (id = vocabulary_->find(key)) == kNoToken) {
      do {
        --end;
        key.pop_back();
      } while (end > begin && !is_char_start(piece[end]));
    }
    if (id == kNoToken) {
      out.push_back(unk_);
      return;
    }
    scratch.ids.push_back(id);
    begin = end;
  }
  out.insert(out.end(), scratch.ids.begin(), scratch.ids.end());
}

WordLevel::WordLevel(std::shared_ptr<const Vocabulary> vocabulary, std::string_view unk_token)
    : vocabulary_(std::move(vocabulary)), unk_(vocabulary_->find(unk_token)) {}

void WordLevel::encode(std::string_view piece, std::vector<int32_t>& out, Scratch&) const {
  const int32_t id = vocabulary_->find(piece);
  if (id != kNoToken) {
    out.push_back(id);
  } else if (unk_ != kNoToken) {
    out.push_back(unk_);
  }
}

}  // namespace ominix::text
