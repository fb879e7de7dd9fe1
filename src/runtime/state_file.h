#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "kernels/kv.h"

namespace ominix::runtime {

// What a model remembers of a text, between runs of the program: a safetensors file with the tokens
// that the states have seen (`ids`, int32) and, for each layer, the planes of its state
// (`layers.N.keys`, …; kernels/kv.h). Metadata: "format" "ominix-state-1", and "model", whatever
// tells states that fit from others.

// `ids`: as many as the states have seen. Errors: io.
void save_state(const std::filesystem::path& path, const std::string& model,
                std::span<const int32_t> ids, std::span<const kernels::KvState> states);

// States of the longest text that begins both the file's and `prompt`, at least one token shorter
// than the prompt; none where that text is empty or a window has dropped what it would need. Reads
// only what it keeps, so memory is bounded by the prompt. The file may be anything. Errors: those
// of Safetensors; corrupt_data (a tensor that is missing or misshapen), invalid_argument (another
// model's, or another form).
std::vector<kernels::KvState> load_state(const std::filesystem::path& path,
                                         const std::string& model,
                                         std::span<const kernels::KvSpec> specs,
                                         std::span<const int32_t> prompt);

}  // namespace ominix::runtime
