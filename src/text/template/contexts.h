#pragma once

#include <ominix/template.h>

#include <string>
#include <string_view>

namespace ominix::text {

// 2025-07-26 12:34:56 UTC: the clock of the published expectations.
inline constexpr int64_t kContextsNow = 1'753'533'296;

// Renders a template with each of the named contexts. `contexts`: a JSON object whose members are
// objects of variables. The result is a JSON object of {"ok": true, "text": …} or
// {"ok": false, "error": …} by name, in the same order.
// Errors: corrupt_data, too_big (`contexts` itself); what one context meets is in its entry.
std::string render_contexts(const ChatTemplate& chat_template, std::string_view contexts,
                            int64_t now = kContextsNow, const TemplateLimits& limits = {});

}  // namespace ominix::text
