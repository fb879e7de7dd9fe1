#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "text/merge.h"

namespace ominix::text {

// Buffers of one encode call, kept between pieces.
struct Scratch {
  std::vector<Symbol> symbols;
  Merger merger;
  std::vector<double> best;    // Viterbi: score of the best path to each byte
  std::vector<uint32_t> back;  // and the length of its last token
  std::vector<int32_t> ids;
};

// Turns a piece of text into ids. Thread-safe.
class Model {
 public:
  virtual ~Model() = default;
  virtual void encode(std::string_view piece, std::vector<int32_t>& out,
                      Scratch& scratch) const = 0;
};

}  // namespace ominix::text
