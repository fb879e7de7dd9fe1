#pragma once

#include <ominix/store.h>

#include <string>
#include <string_view>
#include <vector>

namespace ominix::store {

// The store's own record in each model's folder.
inline constexpr std::string_view kManifest = "ominix-manifest.json";

// "ORG/NAME" <-> "ORG--NAME": one folder name. Errors: invalid_argument (no model id).
std::string folder_name(std::string_view id);
std::string id_of(std::string_view folder_name);

// A branch, tag or commit: "main", "refs/pr/1", 40 hex digits.
bool is_revision(std::string_view text);

// A file inside a model's folder, such as "onnx/config.json": valid UTF-8, parts that are plain
// names on every system (no "..", no control character, no reserved name, no dot or space at the
// end), at most 16 of them and 512 bytes, and not the store's own record.
bool is_model_path(std::string_view path);

// Refuses a list that no folder can hold: names that are no model paths, that stand twice or differ
// only in case, a file that is another's folder, hashes of another form, too many files.
// Errors: corrupt_data, too_big; `where` starts the text.
void check_files(const std::vector<StoreFile>& files, std::string_view where);

}  // namespace ominix::store
