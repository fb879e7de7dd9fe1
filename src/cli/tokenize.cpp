#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ominix/tokenizer.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

constexpr JsonLimits kLine = {.depth = 2, .values = 1u << 24};

// "1 2 3", "1,2,3" or "[1, 2, 3]".
std::vector<int32_t> parse_ids(std::string_view text) {
  constexpr std::string_view kBetween = " \t\r\n,[]";
  std::vector<int32_t> ids;
  for (size_t at = text.find_first_not_of(kBetween); at < text.size();
       at = text.find_first_not_of(kBetween, at)) {
    const std::string_view word = text.substr(at, text.find_first_of(kBetween, at) - at);
    int32_t id = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || end != word.data() + word.size() || id < 0) {
      throw Error(ErrorCode::invalid_argument,
                  fmt::format("tokenize: '{}' is no token id; expected numbers, \"1 2 3\"", word));
    }
    ids.push_back(id);
    at += word.size();
  }
  return ids;
}

class Worker {
 public:
  explicit Worker(const Arguments& args)
      : tokenizer_(load_tokenizer(args[0])),
        special_(args.has("special")),
        bos_(!args.has("no-bos")) {}

  std::vector<int32_t> encode(std::string_view text) const {
    return tokenizer_->encode(text, {.add_special = bos_, .parse_special = special_});
  }
  std::string decode(std::span<const int32_t> ids) const {
    return tokenizer_->decode(ids, !special_);
  }

  // One line of JSON to another.
  Json encode_line(const Json& line) const {
    if (!line.is_string()) throw Error(ErrorCode::corrupt_data, "expected a JSON string");
    return encode(line.get_ref<const std::string&>());
  }
  Json decode_line(const Json& line) const {
    const auto is_id = [](const Json& v) {
      return v.is_number_integer() && v >= 0 && v <= std::numeric_limits<int32_t>::max();
    };
    if (!line.is_array() || !std::ranges::all_of(line, is_id)) {
      throw Error(ErrorCode::corrupt_data, "expected a JSON array of token ids");
    }
    return decode(line.get<std::vector<int32_t>>());
  }

 private:
  std::shared_ptr<const Tokenizer> tokenizer_;
  bool special_, bos_;
};

int run_lines(const Worker& worker, const Arguments& args) {
  const bool decode = args.has("decode");
  const std::string all = read_input(args.text("lines"));
  size_t number = 0;
  for (size_t at = 0; at < all.size();) {
    const size_t end = std::min(all.find('\n', at), all.size());
    const std::string_view line = std::string_view(all).substr(at, end - at);
    at = end + 1;
    ++number;
    const std::string where = fmt::format("tokenize: line {}", number);
    Json out;
    try {
      const Json value = parse_json(line, where, kLine);
      out = decode ? worker.decode_line(value) : worker.encode_line(value);
    } catch (const Error& e) {
      const std::string_view text = e.what();
      if (text.starts_with(where)) throw;
      throw Error(e.code(), fmt::format("{}: {}", where, text));
    }
    if (!print_json(out)) return 0;
  }
  return 0;
}

int run(Arguments& args) {
  const int sources = static_cast<int>(args.count() == 2) + static_cast<int>(args.has("file")) +
                      static_cast<int>(args.has("lines"));
  if (sources != 1) {
    throw UsageError("ominix tokenize: expected one of TEXT, --file F and --lines F");
  }
  const Worker worker(args);
  if (args.has("lines")) return run_lines(worker, args);
  const std::string text = args.has("file") ? read_input(args.text("file")) : args[1];
  const bool json = args.has("json");
  if (args.has("decode")) {
    const std::vector<int32_t> ids = parse_ids(text);
    const std::string decoded = worker.decode(ids);
    json ? print_json({{"ids", ids}, {"text", decoded}}) : print(decoded + "\n");
  } else {
    const std::vector<int32_t> ids = worker.encode(text);
    json ? print_json({{"ids", ids}}) : print(fmt::format("{}\n", fmt::join(ids, " ")));
  }
  return 0;
}

}  // namespace

Command tokenize_command() {
  return {
      .name = "tokenize",
      .usage = "MODEL TEXT",
      .summary = "text to token ids, and back",
      .examples =
          "  ominix tokenize MODEL \"Hello, world\"\n"
          "  ominix tokenize MODEL --file book.txt --json\n"
          "  ominix tokenize MODEL \"1 2 3\" --decode\n"
          "  ominix tokenize vocab.gguf --lines strings.jsonl    # a JSON string a line in, an "
          "array out\n"
          "MODEL may hold a tokenizer alone: tokenizer.json, tekken.json, vocab.json and "
          "merges.txt,\n"
          "tokenizer.model, a .tiktoken file or a .gguf file of a vocabulary. F may be -, standard "
          "input.\n",
      .options = {{"file", "F", "the text of a file"},
                  {"lines", "F", "a JSON string a line; with --decode, an array of ids a line"},
                  {"decode", "", "ids to text"},
                  {"special", "",
                   "text that spells a special token becomes it; shows them with "
                   "--decode"},
                  {"no-bos", "", "leave out what the model's tokenizer adds around a text"}},
      .min_positional = 1,
      .max_positional = 2,
      .run = run};
}

}  // namespace ominix::cli
