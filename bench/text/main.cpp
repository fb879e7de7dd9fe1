// ominix-bench-text load MODEL            median seconds to load a tokenizer
// ominix-bench-text encode MODEL FILE     median MB/s of encoding a text, and of decoding its ids
//                                         (both of the processor's time)
// ominix-bench-text lines MODEL [special] one JSON string a line in; {"ids", "text", "stream"} a
// line
//                                         out, for comparisons with other libraries
// ominix-bench-text contexts TEMPLATE     a JSON object of contexts in, their renderings out
// One line of JSON each.
#include <fmt/format.h>
#include <ominix/template.h>
#include <ominix/tokenizer.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace {

using namespace ominix;

// Of one thread's processor, so that a busy machine does not count.
double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double median_seconds(int runs, const std::function<void()>& work) {
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    const double start = cpu_seconds();
    work();
    seconds.push_back(cpu_seconds() - start);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

void load(const std::string& model) {
  size_t tokens = 0;
  const double seconds = median_seconds(7, [&] { tokens = Tokenizer::load(model)->vocab_size(); });
  fmt::print("{{\"tokens\": {}, \"load_s\": {:.4f}}}\n", tokens, seconds);
}

void encode(const std::string& model, const std::string& file) {
  const auto tokenizer = Tokenizer::load(model);
  const std::string text = read_text(file);
  std::vector<int32_t> ids;
  std::string back;
  const double mb = static_cast<double>(text.size()) / 1e6;
  const double seconds =
      median_seconds(7, [&] { ids = tokenizer->encode(text, {.add_special = false}); });
  const double decode_seconds = median_seconds(7, [&] { back = tokenizer->decode(ids); });
  fmt::print(
      "{{\"bytes\": {}, \"tokens\": {}, \"encode_mb_s\": {:.2f}, \"decode_mb_s\": {:.2f}}}\n",
      text.size(), ids.size(), mb / seconds, mb / decode_seconds);
}

void lines(const std::string& model, bool special) {
  const auto tokenizer = Tokenizer::load(model);
  for (std::string line; std::getline(std::cin, line);) {
    const auto text = nlohmann::json::parse(line).get<std::string>();
    const auto ids = tokenizer->encode(text, {.add_special = false, .parse_special = special});
    Detokenizer detokenizer(tokenizer, false);
    std::string stream;
    for (const int32_t id : ids) stream += detokenizer.push(id);
    stream += detokenizer.finish();
    std::cout << nlohmann::json{{"ids", ids},
                                {"text", tokenizer->decode(ids, false)},
                                {"stream", stream}}
                     .dump()
              << '\n';
  }
}

void contexts(const std::string& file) {
  const std::string all{std::istreambuf_iterator<char>(std::cin), {}};
  constexpr int64_t kNow = 1'753'533'296;  // 2025-07-26 12:34:56 UTC
  std::cout << render_contexts(ChatTemplate(read_text(file)), all, kNow) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  std::ios::sync_with_stdio(false);
  const std::vector<std::string> args(argv + 1, argv + argc);
  try {
    if (args.size() == 2 && args[0] == "load") {
      load(args[1]);
    } else if (args.size() == 3 && args[0] == "encode") {
      encode(args[1], args[2]);
    } else if (args.size() >= 2 && args[0] == "lines") {
      lines(args[1], args.size() == 3);
    } else if (args.size() == 2 && args[0] == "contexts") {
      contexts(args[1]);
    } else {
      std::cerr << "ominix-bench-text load MODEL | encode MODEL FILE | lines MODEL [special] | "
                   "contexts TEMPLATE\n";
      return 2;
    }
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
}
