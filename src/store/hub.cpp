#include "store/hub.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "base/error.h"
#include "base/glob.h"
#include "formats/checkpoint_files.h"
#include "formats/shown.h"

namespace ominix {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

PullOptions PullOptions::from_environment(Hub hub) {
  PullOptions options{.hub = hub};
  if (hub == Hub::modelscope) {
    options.endpoint = environment("MODELSCOPE_DOMAIN");
    if (options.endpoint.empty()) options.endpoint = "www.modelscope.cn";
    if (options.endpoint.find("://") == std::string::npos) {
      options.endpoint.insert(0, "https://");
    }
    options.token = environment("MODELSCOPE_API_TOKEN");
  } else {
    options.endpoint = environment("HF_ENDPOINT");
    if (options.endpoint.empty()) options.endpoint = "https://huggingface.co";
    options.token = environment("HF_TOKEN");
  }
  (void)store::origin_of(options.endpoint);
  return options;
}

namespace store {
namespace {

using formats::shown;

constexpr uint64_t kMaxAnswer = 32u << 20;
constexpr int kMaxPages = 200;

bool has_suffix(const std::string& name, std::span<const std::string_view> suffixes) {
  return std::any_of(suffixes.begin(), suffixes.end(),
                     [&](std::string_view s) { return name.ends_with(s); });
}

// Weights of other programs, beside ours in many repositories.
bool is_foreign(const std::string& name) {
  constexpr std::array<std::string_view, 15> kSuffixes = {
      ".bin", ".pt",        ".pth",    ".ckpt",    ".pkl", ".h5",      ".msgpack", ".onnx",
      ".ot",  ".onnx_data", ".tflite", ".mlmodel", ".npz", ".weights", ".engine"};
  return has_suffix(name, kSuffixes);
}

bool is_hidden(const std::string& name) {
  return name.starts_with(".") || name.find("/.") != name.npos;
}

std::string base_of(const PullOptions& options) {
  std::string base = options.endpoint;
  while (base.ends_with('/')) base.pop_back();
  return base;
}

// "a/b c" -> "a/b%20c"
std::string encoded_path(std::string_view path) {
  std::string out;
  for (;;) {
    const size_t slash = path.find('/');
    out += encoded(path.substr(0, slash));
    if (slash == path.npos) return out;
    out += '/';
    path.remove_prefix(slash + 1);
  }
}

}  // namespace

Listing list_files(HttpClient& client, const PullOptions& options, std::string_view id) {
  const std::string base = base_of(options);
  Listing out;
  if (options.hub == PullOptions::Hub::modelscope) {
    out.revision = options.revision.empty() ? "master" : options.revision;
    out.files = parse_modelscope(
        client.text(fmt::format("{}/api/v1/models/{}/repo/files?Revision={}&Recursive=true", base,
                                encoded_path(id), encoded(out.revision)),
                    kMaxAnswer));
  } else {
    // The list and the files are asked for by commit, so that they belong together.
    const std::string revision = options.revision.empty() ? "main" : options.revision;
    const std::string api = fmt::format("{}/api/models/{}", base, encoded_path(id));
    out.revision = parse_commit(
        client.text(fmt::format("{}/revision/{}", api, encoded(revision)), kMaxAnswer));
    std::string url = fmt::format("{}/tree/{}?recursive=true", api, encoded(out.revision));
    for (int page = 0; !url.empty(); ++page) {
      if (page == kMaxPages) {
        throw fail(ErrorCode::too_big, "pull: the list of files of {} has more than {} pages", id,
                   kMaxPages);
      }
      Response head;
      parse_tree(client.text(url, kMaxAnswer, &head), out.files);
      const std::string next = next_page(head.link);
      url = next.empty() ? next : resolve_url(url, next);
      if (!url.empty() && origin_of(url) != origin_of(base)) {
        throw fail(ErrorCode::corrupt_data, "pull: the list of files goes on at another host");
      }
    }
  }
  return out;
}

std::string file_url(const PullOptions& options, std::string_view id, const std::string& revision,
                     const std::string& name) {
  if (options.hub == PullOptions::Hub::modelscope) {
    return fmt::format("{}/api/v1/models/{}/repo?Revision={}&FilePath={}", base_of(options),
                       encoded_path(id), encoded(revision), encoded(name));
  }
  return fmt::format("{}/{}/resolve/{}/{}", base_of(options), encoded_path(id), encoded(revision),
                     encoded_path(name));
}

std::vector<StoreFile> choose_files(const std::vector<StoreFile>& listing,
                                    const std::vector<std::string>& include, std::string_view id) {
  std::vector<StoreFile> out;
  const bool has_ours = std::any_of(listing.begin(), listing.end(), [](const StoreFile& f) {
    return f.name.ends_with(".safetensors") || f.name.ends_with(".gguf");
  });
  std::set<std::string> ggufs;  // whole files, or splits by the name of their first part
  for (const StoreFile& file : listing) {
    const bool wanted =
        include.empty() ? !is_hidden(file.name) && !(has_ours && is_foreign(file.name))
                        : std::any_of(include.begin(), include.end(), [&](const std::string& glob) {
                            return matches(glob, file.name);
                          });
    if (!wanted) continue;
    out.push_back(file);
    if (file.name.ends_with(".gguf")) {
      const auto shard = formats::parse_shard_name(file.name);
      ggufs.insert(shard ? shard->with_number(1) : file.name);
    }
  }
  if (include.empty() && ggufs.size() > 1) {
    throw fail(ErrorCode::invalid_argument,
               "pull: {} has {} GGUF models: choose with --include, such as '{}'; there are {}", id,
               ggufs.size(), shown(*ggufs.begin()),
               shown(fmt::format("{}", fmt::join(ggufs, ", "))));
  }
  if (out.empty()) {
    throw fail(ErrorCode::not_found, "pull: {} has no file that matches, of {} files", id,
               listing.size());
  }
  std::sort(out.begin(), out.end(),
            [](const StoreFile& a, const StoreFile& b) { return a.name < b.name; });
  return out;
}

}  // namespace store
}  // namespace ominix
