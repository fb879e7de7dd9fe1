#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

namespace ominix::testing {

// A program in a process of its own, with what it writes: a few KB at most on each stream.
class Child {
 public:
  explicit Child(std::vector<std::string> words, std::vector<std::string> environment = {}) {
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) return;
    out_ = out[0], err_ = err[0];
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    ::posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    std::vector<char*> argv, env;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    for (std::string& line : environment) env.push_back(line.data());  // the first of a name counts
    for (char** line = ::environ; *line; ++line) env.push_back(*line);
    env.push_back(nullptr);
    if (::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), env.data()) != 0) pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    ::close(err[1]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::close(out_);
    ::close(err_);
  }

  pid_t pid() const { return pid_; }
  const std::string& out() const { return texts_[0]; }
  const std::string& err() const { return texts_[1]; }

  // Waits for its end; the exit status, or 128 + the signal.
  int wait() {
    read_all(out_, texts_[0]);
    read_all(err_, texts_[1]);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }

 private:
  static void read_all(int fd, std::string& text) {
    std::array<char, 4096> piece;
    for (ssize_t n; (n = ::read(fd, piece.data(), piece.size())) > 0;) {
      text.append(piece.data(), static_cast<size_t>(n));
    }
  }

  pid_t pid_ = -1;
  int out_ = -1, err_ = -1;
  std::array<std::string, 2> texts_;
};

}  // namespace ominix::testing
