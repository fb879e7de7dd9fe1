#pragma once

#include <ominix/store.h>

#include <string>
#include <string_view>
#include <vector>

#include "store/http.h"

namespace ominix::store {

// What a hub publishes for one revision of a model.
struct Listing {
  std::string revision;  // to ask for files with: a commit where the hub says it
  std::vector<StoreFile> files;
};

// Asks for the list of files; names and hashes in it are not checked yet. Errors: those of
// HttpClient and of the parsers below.
Listing list_files(HttpClient& client, const PullOptions& options, std::string_view id);

// Where a file of that listing lies.
std::string file_url(const PullOptions& options, std::string_view id, const std::string& revision,
                     const std::string& name);

// The parts of `listing` that were asked for, or that OminiX can use; ascending names.
// Errors: not_found (nothing matches), invalid_argument (several GGUF files: which?).
std::vector<StoreFile> choose_files(const std::vector<StoreFile>& listing,
                                    const std::vector<std::string>& include, std::string_view id);

// Answers of the hubs, from bytes nobody vouches for. Errors: corrupt_data, too_big.
//
// Hugging Face, /api/models/ID/revision/R: the commit.
std::string parse_commit(std::string_view json);
// /api/models/ID/tree/COMMIT?recursive=true: one page, appended.
void parse_tree(std::string_view json, std::vector<StoreFile>& files);
// ModelScope, /api/v1/models/ID/repo/files?Recursive=true.
std::vector<StoreFile> parse_modelscope(std::string_view json);
// The address of rel="next" in a Link header, or nothing (RFC 8288).
std::string next_page(std::string_view link);

}  // namespace ominix::store
