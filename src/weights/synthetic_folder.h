#pragma once

#include <filesystem>
#include <functional>

#include "weights/scope.h"

namespace ominix::weights {

// Writes a safetensors file with all that `build` asks of its scope, values from the generator: a
// checkpoint of any family at any size, for tests and measurements. What `build` constructs must not
// be computed with. Errors: io, those of `build`.
void write_synthetic(const std::filesystem::path& file, const SyntheticOptions& options,
                     const std::function<void(const Scope& w)>& build);

}  // namespace ominix::weights
