// What hubs and disks tell the store; the first byte chooses the reader.
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "store/disk.h"
#include "store/download.h"
#include "store/hub.h"
#include "store/names.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ominix;
  if (size == 0) return 0;
  const std::string text(fuzz::text_of(data + 1, size - 1));
  const auto use = [&](const std::vector<StoreFile>& files) {
    store::check_files(files, "fuzz");
    for (const StoreFile& f : files) {
      if (!store::is_model_path(f.name) || f.name.find("..") == 0) std::abort();
    }
    (void)store::choose_files(files, {}, "org/one");
  };
  fuzz::run([&] {
    std::vector<StoreFile> files;
    switch (data[0]) {
      case 't':
        store::parse_tree(text, files);
        return use(files);
      case 'm':
        return use(store::parse_modelscope(text));
      case 'f':
        return use(store::parse_manifest(text, "fuzz").files);
      case 'c':
        if (!store::is_revision(store::parse_commit(text))) std::abort();
        return;
      case 'l':
        (void)store::next_page(text);
        return;
      case 'r':
        if (const auto range = store::parse_content_range(text);
            range && range->last < range->first)
          std::abort();
        return;
      case 'u': {
        const std::string url = store::resolve_url("https://hub.example/a/b", text);
        if (!url.starts_with("https://")) std::abort();
        (void)store::origin_of(url);
        return;
      }
      case 'o':
        (void)store::origin_of(text);
        (void)store::is_loopback_url(text);
        return;
      default:
        if (is_model_id(text) && store::id_of(store::folder_name(text)) != text) std::abort();
        (void)store::is_model_path(text);
    }
  });
  return 0;
}
