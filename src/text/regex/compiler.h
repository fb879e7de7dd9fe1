#pragma once

#include "text/regex/program.h"

namespace ominix::text::regex {

// Errors: unsupported, too_big.
RegexProgram compile(Tree tree);

}  // namespace ominix::text::regex
