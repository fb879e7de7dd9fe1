#pragma once

#include <cstdint>

namespace ominix::sampling {

// Uniform in [0, 1), from the three numbers alone: a counter-based generator (splitmix64's mix,
// twice). `draw` tells apart several draws for one position.
inline double uniform(uint64_t seed, int64_t position, uint64_t draw) {
  const auto mix = [](uint64_t x) {
    x += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
  };
  const uint64_t x = mix(mix(seed) ^ (static_cast<uint64_t>(position) * 4 + draw));
  return static_cast<double>(x >> 11) * 0x1p-53;
}

}  // namespace ominix::sampling
