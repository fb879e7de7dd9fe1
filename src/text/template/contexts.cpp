#include <ominix/template.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"

namespace ominix {

std::string render_contexts(const ChatTemplate& chat_template, std::string_view contexts,
                            int64_t now, const TemplateLimits& limits) {
  const OrderedJson all = parse_ordered_json(contexts, "contexts");
  if (!all.is_object()) {
    throw Error(ErrorCode::corrupt_data, "contexts: expected an object of named contexts");
  }
  OrderedJson out = OrderedJson::object();
  for (const auto& [name, variables] : all.items()) {
    OrderedJson& entry = out[name];
    try {
      std::string text = chat_template.render(variables.dump(), now, limits).text;
      entry["ok"] = true;
      entry["text"] = std::move(text);
    } catch (const Error& error) {
      entry = {{"ok", false}, {"error", error.what()}};
    }
  }
  return out.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace ominix
