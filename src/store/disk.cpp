#include "store/disk.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "formats/shown.h"
#include "store/hash.h"
#include "store/names.h"

namespace ominix::store {
namespace {

namespace fs = std::filesystem;
using formats::shown;

constexpr uint64_t kMaxManifest = 32u << 20;

void sync(const fs::path& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  const bool done = fd >= 0 && ::fsync(fd) == 0;
  const std::error_code error(errno, std::generic_category());
  if (fd >= 0) ::close(fd);
  if (!done) throw_io("write", path, error);
}

}  // namespace

void throw_io(std::string_view doing, const fs::path& path, const std::error_code& error) {
  throw fail(ErrorCode::io, "store: cannot {} '{}': {}", doing, shown(path.string()),
             error.message());
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw_io("create", path, error);
}

void sync_file(const fs::path& path) { sync(path, O_RDONLY); }
void sync_folder(const fs::path& path) { sync(path, O_RDONLY | O_DIRECTORY); }

void move_synced(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) throw_io("move", from, error);
  sync_folder(to.parent_path());
}

bool exchange(const fs::path& a, const fs::path& b) {
#ifdef __APPLE__
  return ::renamex_np(a.c_str(), b.c_str(), RENAME_SWAP) == 0;
#else
  constexpr unsigned kExchange = 2;  // RENAME_EXCHANGE
  return ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), kExchange) == 0;
#endif
}

std::vector<std::string> names_in(const fs::path& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  return names;
}

Manifest parse_manifest(std::string_view text, std::string_view where) {
  const Json json = parse_json(text, where);
  try {
    Manifest out{.revision = json.at("revision").get<std::string>()};
    for (const Json& f : json.at("files")) {
      if (!f.at("size").is_number_unsigned())
        throw fail(ErrorCode::corrupt_data, "{}: a size is no number", where);
      out.files.push_back({f.at("name").get<std::string>(), f.at("size").get<uint64_t>(),
                           f.at("hash").get<std::string>()});
    }
    check_files(out.files, where);
    return out;
  } catch (const Json::exception&) {
    throw fail(ErrorCode::corrupt_data, "{}: {} is not what the store wrote", where, kManifest);
  }
}

Manifest read_manifest(const fs::path& folder) {
  return parse_manifest(read_text(folder / kManifest, kMaxManifest),
                        fmt::format("store: '{}'", shown(folder.string())));
}

void write_manifest(const fs::path& folder, std::string_view id, const Manifest& manifest) {
  Json list = Json::array();
  for (const StoreFile& file : manifest.files) {
    list.push_back({{"name", file.name}, {"size", file.size}, {"hash", file.hash}});
  }
  const Json json = {{"id", id}, {"revision", manifest.revision}, {"files", std::move(list)}};
  write_atomic(folder / kManifest, json.dump(1) + "\n");
}

std::string complaint(const fs::path& folder, const StoreFile& file) {
  try {
    const fs::path path = folder / file.name;
    std::error_code error;
    if (!fs::is_regular_file(fs::symlink_status(path, error))) {
      return fmt::format("'{}' is missing", shown(file.name));
    }
    const uint64_t size = fs::file_size(path);
    if (size != file.size) {
      return fmt::format("'{}' has {} bytes, expected {}", shown(file.name), size, file.size);
    }
    const std::string hash = hash_of(path, file.hash);
    if (hash != file.hash) {
      return fmt::format("'{}' has hash {}, expected {}", shown(file.name), hash, file.hash);
    }
    return {};
  } catch (const std::exception& e) {
    return e.what();
  }
}

}  // namespace ominix::store
