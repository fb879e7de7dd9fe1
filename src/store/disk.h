#pragma once

#include <ominix/store.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace ominix::store {

// Errors of the system, with the path and a reason: always ErrorCode::io.
[[noreturn]] void throw_io(std::string_view doing, const std::filesystem::path& path,
                           const std::error_code& error);

void make_folder(const std::filesystem::path& path);

// Bytes of a file, or the names in a folder, are on disk when it returns.
void sync_file(const std::filesystem::path& path);
void sync_folder(const std::filesystem::path& path);

// Renames, and syncs the folder that `to` lies in.
void move_synced(const std::filesystem::path& from, const std::filesystem::path& to);

// Exchanges two folders in one step; false where the file system cannot.
bool exchange(const std::filesystem::path& a, const std::filesystem::path& b);

// Names in a folder; none when it cannot be read.
std::vector<std::string> names_in(const std::filesystem::path& path);

// The record that makes a folder a model.
struct Manifest {
  std::string revision;
  std::vector<StoreFile> files;
};

// Errors: those of reading a file; corrupt_data.
Manifest read_manifest(const std::filesystem::path& folder);
Manifest parse_manifest(std::string_view json, std::string_view where);
void write_manifest(const std::filesystem::path& folder, std::string_view id,
                    const Manifest& manifest);

// What is wrong with one file, or nothing. Reads all of it.
std::string complaint(const std::filesystem::path& folder, const StoreFile& file);

}  // namespace ominix::store
