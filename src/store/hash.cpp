#include "store/hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/file.h"

namespace ominix::store {
namespace {

constexpr size_t kSha256Digits = 64, kGitDigits = 40;

EVP_MD_CTX* evp(void* context) { return static_cast<EVP_MD_CTX*>(context); }

void check(int done) {
  if (done != 1) throw fail(ErrorCode::internal, "hash: the digest functions do not work");
}

}  // namespace

bool is_hash(std::string_view hex) {
  return (hex.size() == kSha256Digits || hex.size() == kGitDigits) &&
         hex.find_first_not_of("0123456789abcdef") == hex.npos;
}

void Hasher::Free::operator()(void* context) const { EVP_MD_CTX_free(evp(context)); }

Hasher::Hasher(HashKind kind) : context_(EVP_MD_CTX_new()) {
  check(EVP_DigestInit_ex(evp(context_.get()), kind == HashKind::sha256 ? EVP_sha256() : EVP_sha1(),
                          nullptr));
}

void Hasher::update(std::span<const std::byte> bytes) {
  check(EVP_DigestUpdate(evp(context_.get()), bytes.data(), bytes.size()));
}

std::string Hasher::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  check(EVP_DigestFinal_ex(evp(context_.get()), digest.data(), &size));
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + size, ""));
}

std::string hash_of(const std::filesystem::path& path, std::string_view like) {
  const File file(path);
  const bool git = like.size() == kGitDigits;
  Hasher hasher(git ? HashKind::sha1 : HashKind::sha256);
  if (git) {
    const std::string head = fmt::format("blob {}", file.size());
    hasher.update(std::as_bytes(std::span(head.c_str(), head.size() + 1)));  // with its NUL
  }
  std::vector<std::byte> piece(std::min<uint64_t>(file.size(), 1u << 20));
  for (uint64_t at = 0; at < file.size(); at += piece.size()) {
    const auto part = std::span(piece).first(std::min<uint64_t>(piece.size(), file.size() - at));
    file.read_at(at, part);
    hasher.update(part);
  }
  return hasher.hex();
}

}  // namespace ominix::store
