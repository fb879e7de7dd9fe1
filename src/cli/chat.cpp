#include <fmt/format.h>
#include <ominix/tokenizer.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/line_editor.h"
#include "cli/terminal.h"

namespace ominix::cli {
namespace {

constexpr std::string_view kHelp =
    "  /help            this text\n"
    "  /clear           forget the conversation\n"
    "  /system TEXT     new instructions, and forget the conversation; without TEXT, none\n"
    "  /regen           another answer to the last question, sampled at 0.7 or above\n"
    "  /undo            take back the last question and its answer\n"
    "  /save FILE       write the conversation as JSON\n"
    "  /load FILE       go on with a conversation that was saved\n"
    "  /quit            the end; also Ctrl-D\n"
    "A line that ends with \\ goes on in the next one; \"\"\" begins and ends a block of lines.\n"
    "Ctrl-C stops an answer; what it has said so far stays.\n";

class Chat {
 public:
  Chat(Engine& engine, std::shared_ptr<const Model> model, TextRequest settings)
      : engine_(engine), model_(std::move(model)), settings_(std::move(settings)) {}

  void set_system(std::string text) {
    messages_.clear();
    if (!text.empty()) messages_.push_back({"system", std::move(text)});
  }

  // Returns the exit status.
  int talk() {
    if (editor_.on_terminal()) {
      print(fmt::format("{}, {:.0f} M parameters. /help explains; Ctrl-D ends.\n",
                        model_->info().family,
                        static_cast<double>(model_->info().parameters) / 1e6));
    }
    bool interrupted_once = false;
    for (;;) {
      const LineEditor::Line input = read();
      if (input.end == LineEditor::End::end_of_input) return 0;
      if (input.end == LineEditor::End::interrupted) {
        if (interrupted_once || !editor_.on_terminal()) return kInterrupted;
        interrupted_once = true;
        notice("Ctrl-C again, Ctrl-D or /quit ends the chat.");
        continue;
      }
      interrupted_once = false;
      if (input.text.find_first_not_of(" \t\n") == std::string::npos) continue;
      try {
        if (!input.text.starts_with("/")) {
          ask(input.text);
        } else if (!command(input.text)) {
          return 0;
        }
      } catch (const Error& e) {
        if (!editor_.on_terminal()) throw;
        notice(e.what());  // the conversation goes on
      }
    }
  }

 private:
  using Line = LineEditor::Line;

  static void notice(std::string_view text) { fmt::print(stderr, "{}\n", text); }

  // A question of one or more lines.
  Line read() {
    constexpr std::string_view kBlock = "\"\"\"";
    Line all = editor_.read("> ");
    if (all.end != LineEditor::End::line) return all;
    editor_.remember(all.text);
    const bool block = all.text.starts_with(kBlock);
    if (block) all.text.erase(0, kBlock.size());
    const auto open = [&] {
      return block ? !all.text.ends_with(kBlock) : all.text.ends_with('\\');
    };
    while (open()) {
      if (!block) all.text.pop_back();
      Line more = editor_.read("... ");
      if (more.end == LineEditor::End::interrupted) return more;
      if (more.end == LineEditor::End::end_of_input) return all;
      editor_.remember(more.text);
      all.text += "\n" + more.text;
    }
    if (block) all.text.erase(all.text.size() - kBlock.size());
    return all;
  }

  void ask(const std::string& question) {
    messages_.push_back({"user", question});
    try {
      answer(settings_.sampling);
    } catch (const Error&) {
      messages_.pop_back();
      throw;
    }
  }

  void answer(const Sampling& sampling) {
    TextRequest request = settings_;
    request.sampling = sampling;
    request.prompt = model_->chat_prompt(messages_);
    const int64_t room = model_->info().max_positions - static_cast<int64_t>(request.prompt.size());
    if (model_->info().max_positions > 0) {
      if (room <= 0) {
        throw Error(ErrorCode::too_big,
                    fmt::format("chat: the conversation has {} tokens, the model was made for {}; "
                                "/undo or /clear makes room",
                                request.prompt.size(), model_->info().max_positions));
      }
      request.max_tokens = static_cast<int>(std::min<int64_t>(request.max_tokens, room));
    }
    const Answer done = stream_answer(engine_, model_, std::move(request), true);
    print("\n");
    messages_.push_back({"assistant", done.text});
    if (editor_.on_terminal()) {
      notice(fmt::format("[{} tokens at {:.1f}/s{}]", done.stats.completion_tokens,
                         done.decode_tps(),
                         done.reason == FinishReason::cancelled ? ", stopped"
                         : done.reason == FinishReason::length  ? ", at its limit"
                                                                : ""));
    }
  }

  // Takes back the last answer and, with it, its question.
  bool take_back(bool question) {
    if (messages_.empty() || messages_.back().role != "assistant") return false;
    messages_.pop_back();
    if (question && !messages_.empty() && messages_.back().role == "user") messages_.pop_back();
    return true;
  }

  // False ends the chat.
  bool command(const std::string& line) {
    const size_t space = line.find_first_of(" \n");
    const std::string name = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (name == "/quit" || name == "/exit") return false;
    if (name == "/help") {
      print(kHelp);
    } else if (name == "/clear") {
      const bool system = !messages_.empty() && messages_.front().role == "system";
      set_system(system ? messages_.front().content : "");
    } else if (name == "/system") {
      set_system(rest);
    } else if (name == "/undo") {
      if (!take_back(true)) notice("There is nothing to take back.");
    } else if (name == "/regen") {
      if (take_back(false)) {
        Sampling sampling = settings_.sampling;
        sampling.seed = ++settings_.sampling.seed;
        sampling.temperature = std::max(sampling.temperature, 0.7f);
        answer(sampling);
      } else {
        notice("There is no answer yet.");
      }
    } else if (name == "/save" || name == "/load") {
      if (rest.empty()) {
        notice(name + " needs the name of a file.");
      } else {
        name == "/save" ? save(rest) : load_from(rest);
      }
    } else {
      notice(fmt::format("There is no {}; /help lists the commands.", name));
    }
    return true;
  }

  void save(const std::string& path) const {
    OrderedJson all = OrderedJson::array();
    for (const ChatMessage& m : messages_) {
      all.push_back({{"role", m.role}, {"content", m.content}});
    }
    write_atomic(path, all.dump(1, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
    notice(fmt::format("{} messages are in {}.", messages_.size(), path));
  }

  void load_from(const std::string& path) {
    const Json all = parse_json(read_text(path), path);
    std::vector<ChatMessage> messages;
    for (const Json& m : all) {
      const auto text = [&](const char* key) {
        const auto found = m.is_object() ? m.find(key) : m.end();
        if (found == m.end() || !found->is_string()) {
          throw Error(ErrorCode::corrupt_data,
                      fmt::format("chat: message {} of '{}' has no text '{}'", messages.size() + 1,
                                  path, key));
        }
        return found->get<std::string>();
      };
      messages.push_back({text("role"), text("content")});
    }
    messages_ = std::move(messages);
    notice(fmt::format("{} messages.", messages_.size()));
  }

  Engine& engine_;
  std::shared_ptr<const Model> model_;
  TextRequest settings_;
  std::vector<ChatMessage> messages_;
  LineEditor editor_;
};

int run(Arguments& args) {
  TextRequest settings;
  settings.max_tokens = args.number("max-tokens", 2048, 1, 1 << 24);
  settings.sampling = sampling(args);
  settings.stop = args.all("stop");
  settings.memory = std::make_shared<TextMemory>();
  const EngineOptions choice = engine_options(args);
  std::unique_ptr<Engine> engine;
  std::shared_ptr<const Model> model;
  {
    const InterruptScope interrupt;
    engine = std::make_unique<Engine>(choice);
    model = load(*engine, args[0]);
    static_cast<void>(model->chat_template());  // an Error that says so where there is none
  }
  Chat chat(*engine, model, std::move(settings));
  chat.set_system(args.text("system"));
  return chat.talk();
}

}  // namespace

Command chat_command() {
  return {.name = "chat",
          .usage = "MODEL",
          .summary = "a conversation in the terminal",
          .examples =
              "  ominix chat SmolLM2-135M-Instruct.Q4_1.gguf\n"
              "  ominix chat MODEL --system \"You are terse.\" --temperature 0.8 --seed 7\n"
              "Inside, /help lists the commands.\n",
          .options = with_sampling_options(
              {{"system", "TEXT", "instructions before the first question"},
               {"max-tokens", "N", "length of an answer at most (2048)", 'n'}}),
          .min_positional = 1,
          .max_positional = 1,
          .run = run};
}

}  // namespace ominix::cli
