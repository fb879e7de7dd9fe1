#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace ominix::store {

// What hubs publish for a file: the sha256 of its bytes, or the id that git gives it (sha1 of "blob
// SIZE\0" and its bytes). In lower-case hex, 64 and 40 digits tell them apart.
bool is_hash(std::string_view hex);

enum class HashKind { sha256, sha1 };

// A digest, piece by piece.
class Hasher {
 public:
  explicit Hasher(HashKind kind);
  void update(std::span<const std::byte> bytes);
  std::string hex();  // of everything so far; ends the computation

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;  // OpenSSL's EVP_MD_CTX
};

// Of a whole file, in the kind of `like`, a published hash. Errors: those of File.
std::string hash_of(const std::filesystem::path& path, std::string_view like);

}  // namespace ominix::store
