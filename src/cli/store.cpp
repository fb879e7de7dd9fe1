#include <fmt/format.h>
#include <ominix/store.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

Store default_store() { return Store(Store::default_root(), Store::default_hugging_face_cache()); }

int list(Arguments& args) {
  const auto models = default_store().list();
  if (args.has("json")) {
    Json out = Json::array();
    for (const StoredModel& m : models) {
      out.push_back({{"id", m.id},
                     {"revision", m.revision},
                     {"folder", m.folder.string()},
                     {"bytes", m.bytes},
                     {"in_hugging_face_cache", m.in_hugging_face_cache}});
    }
    print_json({{"models", std::move(out)}});
    return 0;
  }
  size_t width = 0;
  for (const StoredModel& m : models) width = std::max(width, m.id.size());
  for (const StoredModel& m : models) {
    print(fmt::format("{:<{}}  {:>8.1f} MB  {:.12}{}\n", m.id, width,
                      static_cast<double>(m.bytes) / 1e6, m.revision,
                      m.in_hugging_face_cache ? "  (Hugging Face cache)" : ""));
  }
  if (models.empty()) fmt::print(stderr, "no models yet; `ominix pull ID` fetches one\n");
  return 0;
}

int rm(Arguments& args) {
  default_store().remove(args[0]);
  if (args.has("json")) print_json({{"ok", true}, {"id", args[0]}});
  return 0;
}

int verify(Arguments& args) {
  const Store store = default_store();
  std::vector<std::string> ids;
  for (size_t i = 0; i < args.count(); ++i) ids.push_back(args[i]);
  if (ids.empty()) {
    for (const StoredModel& m : store.list()) {
      if (!m.in_hugging_face_cache) ids.push_back(m.id);
    }
  }
  bool all_good = true;
  Json models = Json::array();
  for (const std::string& id : ids) {
    const std::vector<std::string> complaints = store.verify(id);
    all_good = all_good && complaints.empty();
    models.push_back({{"id", id}, {"ok", complaints.empty()}, {"errors", complaints}});
    if (args.has("json")) continue;
    if (complaints.empty()) print(fmt::format("{}: as published\n", id));
    for (const std::string& what : complaints) {
      log::write(log::Level::error, fmt::format("{}: {}", id, what));
    }
  }
  if (args.has("json")) print_json({{"ok", all_good}, {"models", std::move(models)}});
  return all_good ? 0 : 1;
}

}  // namespace

Command list_command() {
  return {.name = "list",
          .usage = "",
          .summary = "the models on this machine",
          .examples = "  ominix list --json\n",
          .options = {},
          .min_positional = 0,
          .max_positional = 0,
          .run = list};
}

Command rm_command() {
  return {.name = "rm",
          .usage = "ID",
          .summary = "deletes a model of the store",
          .examples = "  ominix rm Qwen/Qwen2.5-0.5B-Instruct\n",
          .options = {},
          .min_positional = 1,
          .max_positional = 1,
          .run = rm};
}

Command verify_command() {
  return {.name = "verify",
          .usage = "[ID…]",
          .summary = "reads models again and compares them with the published hashes",
          .examples = "  ominix verify\n  ominix verify Qwen/Qwen2.5-0.5B-Instruct --json\n",
          .options = {},
          .min_positional = 0,
          .max_positional = 1000,
          .run = verify};
}

}  // namespace ominix::cli
