#pragma once

#include <string>

#include "text/gguf_vocab.h"

namespace ominix::testing {

// A small byte-level vocabulary: all bytes, a few merges, one control and one user-defined token.
inline text::GgufVocab small_vocab() {
  text::GgufVocab v;
  v.model = "gpt2";
  v.pre = "qwen2";
  for (int b = 0; b < 256; ++b) {
    const bool plain = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    static int next;
    if (b == 0) next = 256;
    const int c = plain ? b : next++;
    std::string s;
    if (c < 0x80) {
      s += static_cast<char>(c);
    } else {
      s += static_cast<char>(0xC0 | c >> 6);
      s += static_cast<char>(0x80 | (c & 63));
    }
    v.tokens.push_back(s);
  }
  v.tokens.insert(v.tokens.end(), {"he", "ll", "hell", "hello", "<|end|>", "<tool>"});
  v.merges = {"h e", "l l", "he ll", "hell o"};
  v.token_types.assign(v.tokens.size(), 1);
  v.token_types[260] = 3;
  v.token_types[261] = 4;
  v.eos = 260;
  return v;
}

}  // namespace ominix::testing
