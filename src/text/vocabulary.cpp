#include "text/vocabulary.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <random>

#include "base/error.h"

namespace ominix::text {
namespace {

const uint64_t kSecret = [] {
  std::random_device device;
  return (uint64_t{device()} << 32 | device()) | 1;
}();

uint64_t fold_multiply(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t load8(const char* p) {
  uint64_t value;
  std::memcpy(&value, p, 8);
  return value;
}

constexpr uint64_t kOdd = 0x9E3779B97F4A7C15u;

}  // namespace

uint64_t hash_bytes(std::string_view bytes) {
  uint64_t hash = kSecret ^ (bytes.size() * kOdd);
  const char* p = bytes.data();
  size_t n = bytes.size();
  for (; n >= 8; n -= 8, p += 8) hash = fold_multiply(hash ^ load8(p), kOdd ^ kSecret);
  uint64_t tail = 0;
  if (n != 0) std::memcpy(&tail, p, n);
  return fold_multiply(hash ^ tail, kSecret ^ 0xD6E8FEB86659FD93u);
}

Vocabulary::Vocabulary(std::span<const Entry> entries, std::string_view where) {
  size_t bytes = 0;
  int32_t last = -1;
  for (const Entry& e : entries) {
    if (e.id < 0) {
      throw fail(ErrorCode::corrupt_data, "{}: a token has the id {}, expected 0 or more", where,
                 e.id);
    }
    last = std::max(last, e.id);
    bytes += e.token.size();
  }
  if (static_cast<size_t>(last) + 1 > entries.size() * 8 + (1u << 18)) {
    throw fail(ErrorCode::too_big, "{}: id {} among only {} tokens", where, last, entries.size());
  }
  if (bytes > 0x7FFFFFFF) throw fail(ErrorCode::too_big, "{}: more than 2 GiB of tokens", where);

  const size_t ids = static_cast<size_t>(last + 1);
  std::vector<const Entry*> by_id(ids);
  for (const Entry& e : entries) {
    const Entry*& place = by_id[static_cast<size_t>(e.id)];
    if (place) throw fail(ErrorCode::corrupt_data, "{}: two tokens have the id {}", where, e.id);
    place = &e;
  }
  bytes_.reserve(bytes);
  begin_.reserve(ids + 1);
  present_.resize(ids);
  for (size_t id = 0; id < ids; ++id) {
    begin_.push_back(static_cast<uint32_t>(bytes_.size()));
    if (by_id[id]) bytes_ += by_id[id]->token;
    present_[id] = by_id[id] != nullptr;
  }
  begin_.push_back(static_cast<uint32_t>(bytes_.size()));

  slots_.resize(std::bit_ceil(std::max<size_t>(16, entries.size() * 2)));
  mask_ = slots_.size() - 1;
  for (const Entry& e : entries) {
    const uint64_t hash = hash_bytes(e.token);
    const auto tag = static_cast<uint32_t>(hash >> 32);
    size_t at = hash & mask_;
    for (; slots_[at].id != kNoToken; at = (at + 1) & mask_) {
      if (slots_[at].tag == tag && token(slots_[at].id) == e.token) {
        throw fail(ErrorCode::corrupt_data, "{}: ids {} and {} are the same token", where,
                   slots_[at].id, e.id);
      }
    }
    slots_[at] = {tag, e.id};
  }
}

uint64_t MergeTable::mix(uint64_t key) { return fold_multiply(key ^ kSecret, kOdd); }

void MergeTable::reserve(size_t merges) {
  const size_t slots = std::bit_ceil(std::max<size_t>(16, merges + merges / 2));
  if (slots > slots_.size()) grow(slots);
}

void MergeTable::grow(size_t slots) {
  std::vector<Slot> old(slots);
  old.swap(slots_);
  mask_ = slots - 1;
  used_ = 0;
  for (const Slot& slot : old) {
    if (slot.key != kFree) {
      set(static_cast<int32_t>(slot.key >> 32), static_cast<int32_t>(slot.key), slot.merge);
    }
  }
}

void MergeTable::set(int32_t left, int32_t right, Merge merge) {
  if (used_ * 4 >= slots_.size() * 3) grow(std::max<size_t>(16, slots_.size() * 2));
  const uint64_t key = join(left, right);
  size_t at = mix(key) & mask_;
  while (slots_[at].key != kFree && slots_[at].key != key) at = (at + 1) & mask_;
  if (slots_[at].key == kFree) ++used_;
  slots_[at] = {key, merge};
}

}  // namespace ominix::text
