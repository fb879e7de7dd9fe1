#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ominix/error.h>

namespace ominix {

// One file of a model as its publisher describes it.
struct StoreFile {
  std::string name;   // "config.json", "onnx/model.onnx"
  uint64_t size = 0;  // bytes
  std::string hash;   // lower-case hex: sha256 (64 digits), or git's id of the file (40 digits)

  bool operator==(const StoreFile&) const = default;
};

struct StoredModel {
  std::string id;                      // "ORG/NAME" or "NAME"
  std::string revision;                // the publisher's commit
  std::filesystem::path folder;        // what a command takes as MODEL
  uint64_t bytes = 0;                  // of all files
  bool in_hugging_face_cache = false;  // found and used in place: never changed by the store
};

// Where models come from, and how patiently.
struct PullOptions {
  enum class Hub { hugging_face, modelscope };

  Hub hub = Hub::hugging_face;
  std::string endpoint;              // "https://huggingface.co"
  std::string token;                 // sent to that host only; may be empty
  std::string revision;              // a branch, tag or commit; empty: the hub's main branch
  std::vector<std::string> include;  // patterns with '*'; empty: what OminiX can use
  int parallel = 4;                  // files at a time

  std::chrono::milliseconds connect_timeout{30'000};
  std::chrono::milliseconds stall_timeout{30'000};  // under 1 KiB/s for so long is given up
  std::chrono::milliseconds retry_delay{1'000};     // doubled by each failure in a row
  int attempts = 5;                                 // failures in a row without any progress

  // Called about ten times a second from the caller's thread, with zeros until the sizes are known;
  // false stops.
  std::function<bool(uint64_t done, uint64_t total)> progress;

  // With endpoint and token of the environment: HF_ENDPOINT and HF_TOKEN, or MODELSCOPE_DOMAIN and
  // MODELSCOPE_API_TOKEN. Errors: invalid_argument (an endpoint that is no URL).
  static PullOptions from_environment(Hub hub = Hub::hugging_face);
};

struct PullResult {
  StoredModel model;
  uint64_t received_bytes = 0;  // over the network, this time
  uint64_t reused_bytes = 0;    // were here already
};

// The models on this machine. A model is listed when it is whole: every file went through size and
// hash on its way in, and the folder appeared by one rename. Nothing outside `root` is ever
// written. Processes and threads may share a root.
class Store {
 public:
  // Clears what an interrupted run left behind, but keeps unfinished downloads for a week.
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

  // Fetches a model, or what is missing of it: nothing that is here already is fetched again, and a
  // download that was interrupted goes on where it stopped. Without `include`: all files but other
  // programs' weights (where there are safetensors or GGUF); of several GGUF files one must be
  // chosen.
  // Errors: not_found (no such model, revision or file, or no permission), corrupt_data (the hub's
  // answers contradict each other), too_big, io (network, disk), invalid_argument, cancelled.
  PullResult pull(std::string_view id, const PullOptions& options);

  // Takes the files of `staged`, a folder on the same file system, as the model `id`: checks each
  // against its size and hash, syncs, and moves the folder into place. Replaces an older revision.
  // Errors: invalid_argument (id, names), corrupt_data (a file that is not what was published), io.
  void install(std::string_view id, std::string_view revision, const std::vector<StoreFile>& files,
               const std::filesystem::path& staged);

  // All or nothing; an unfinished download goes as well. Errors: not_found, invalid_argument (no
  // id, or a model of the Hugging Face cache, which is not ours to delete).
  void remove(std::string_view id);

  // Reads every byte again; one line a file that is not as published. Empty: all good.
  std::vector<std::string> verify(std::string_view id) const;

 private:
  std::filesystem::path models() const { return root_ / "models"; }
  std::filesystem::path downloads() const { return root_ / "downloads"; }
  std::filesystem::path trash() const { return root_ / "trash"; }

  void recover();
  void publish(const std::filesystem::path& staged, const std::filesystem::path& target);
  // Gone from where it was at once; discard() deletes the bytes as well.
  std::filesystem::path to_trash(const std::filesystem::path& folder);
  void discard(const std::filesystem::path& folder);

  std::filesystem::path root_, cache_;
};

// True for "NAME" and "ORG/NAME": parts of letters, digits, '.', '_' and '-', starting with a
// letter or digit, not ending with '.' or '-', without ".." or "--", at most 96 characters each.
bool is_model_id(std::string_view id);

// What a command's MODEL means: a file or folder as it is, else the folder of that id in the
// default store or the Hugging Face cache. Errors: not_found, with the advice to pull it.
std::filesystem::path find_model(const std::string& model);

}  // namespace ominix
