#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ominix/error.h>

namespace ominix {

// One file of a model as its publisher describes it.
struct StoreFile {
  std::string name;    // one plain file name
  uint64_t size = 0;   // bytes
  std::string sha256;  // 64 lower-case hex digits
};

struct StoredModel {
  std::string id;                      // "ORG/NAME" or "NAME"
  std::string revision;                // the publisher's commit
  std::filesystem::path folder;        // what a command takes as MODEL
  uint64_t bytes = 0;                  // of all files
  bool in_hugging_face_cache = false;  // found and used in place: never changed by the store
};

// The models on this machine. A model is listed when it is whole: every file went through size and
// hash on its way in, and the folder appeared by one rename. Nothing outside `root` is ever
// written.
class Store {
 public:
  // Creates the folder when it is needed, and clears what an interrupted run left behind.
  // `hugging_face_cache` may be empty or absent.
  explicit Store(std::filesystem::path root, std::filesystem::path hugging_face_cache = {});

  // $OMINIX_HOME, else $XDG_CACHE_HOME/ominix, else ~/.cache/ominix.
  static std::filesystem::path default_root();
  // $HF_HUB_CACHE, else $HF_HOME/hub, else ~/.cache/huggingface/hub.
  static std::filesystem::path default_hugging_face_cache();

  // Ids ascending; models of the store first where the Hugging Face cache has them too.
  std::vector<StoredModel> list() const;
  // Exactly this id. Errors: invalid_argument (no such id can be).
  std::optional<StoredModel> find(std::string_view id) const;

  // Takes the files of `staged`, a folder on the same file system, as the model `id`: checks each
  // against its size and hash, syncs, and moves the folder into place. Replaces an older revision.
  // Errors: invalid_argument (id, names), corrupt_data (a file that is not what was published), io.
  void install(std::string_view id, std::string_view revision, const std::vector<StoreFile>& files,
               const std::filesystem::path& staged);

  // All or nothing. Errors: not_found, invalid_argument (no id, or a model of the Hugging Face
  // cache, which is not ours to delete).
  void remove(std::string_view id);

  // Reads every byte again; one line a file that is not as published. Empty: all good.
  std::vector<std::string> verify(std::string_view id) const;

 private:
  std::filesystem::path models() const { return root_ / "models"; }
  std::filesystem::path trash() const { return root_ / "trash"; }

  std::filesystem::path root_, cache_;
};

// True for "NAME" and "ORG/NAME": parts of letters, digits, '.', '_' and '-', starting with a
// letter or digit, not ending with '.' or '-', without ".." or "--", at most 96 characters each.
bool is_model_id(std::string_view id);

}  // namespace ominix
