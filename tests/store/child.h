#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

namespace ominix::testing {

// A program in a process of its own, with what it writes.
class Child {
 public:
  Child(std::vector<std::string> words, const std::vector<std::string>& environment) {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    out_ = ends[0];
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    std::vector<char*> argv, env;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<std::string> all = environment;
    for (std::string& line : all) env.push_back(line.data());
    for (char** line = ::environ; *line; ++line) env.push_back(*line);
    env.push_back(nullptr);
    if (::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), env.data()) != 0) pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (out_ >= 0) ::close(out_);
  }

  pid_t pid() const { return pid_; }

  // Waits for its end; the status as waitpid() gives it, and the text.
  int wait(std::string* text = nullptr) {
    std::array<char, 4096> piece;
    for (ssize_t n; (n = ::read(out_, piece.data(), piece.size())) > 0;) {
      if (text) text->append(piece.data(), static_cast<size_t>(n));
    }
    int status = -1;
    ::waitpid(pid_, &status, 0);
    return status;
  }

 private:
  pid_t pid_ = -1;
  int out_ = -1;
};

}  // namespace ominix::testing
