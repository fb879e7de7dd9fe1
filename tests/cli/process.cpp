#include "cli/process.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <utility>

namespace ominix::testing {
namespace {

struct Pipe {
  int read = -1, write = -1;
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    read = ends[0];
    write = ends[1];
  }
};

void close_and_forget(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

[[noreturn]] void execute(const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment) {
  std::vector<char*> words = {const_cast<char*>(OMINIX_COMMAND)};
  for (const std::string& a : arguments) words.push_back(const_cast<char*>(a.c_str()));
  words.push_back(nullptr);
  for (const std::string& e : environment) ::putenv(const_cast<char*>(e.c_str()));
  ::execv(words[0], words.data());
  ::_exit(127);
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, Streams streams,
                 const std::vector<std::string>& environment) {
  if (streams == Streams::terminal) {
    winsize size{.ws_row = 24, .ws_col = 80, .ws_xpixel = 0, .ws_ypixel = 0};
    int master = -1;
    pid_ = ::forkpty(&master, nullptr, nullptr, &size);
    if (pid_ < 0) throw std::runtime_error("no pseudo-terminal");
    if (pid_ == 0) execute(arguments, environment);
    ::fcntl(master, F_SETFD, FD_CLOEXEC);
    input_ = output_ = master;
    return;
  }
  const Pipe in, out, err;
  pid_ = ::fork();
  if (pid_ < 0) throw std::runtime_error("no process");
  if (pid_ == 0) {
    ::dup2(in.read, STDIN_FILENO);
    ::dup2(out.write, STDOUT_FILENO);
    ::dup2(err.write, STDERR_FILENO);
    execute(arguments, environment);
  }
  ::close(in.read);
  ::close(out.write);
  ::close(err.write);
  input_ = in.write;
  output_ = out.read;
  error_ = err.read;
}

Process::~Process() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (input_ == output_) input_ = -1;
  close_and_forget(input_);
  close_and_forget(output_);
  close_and_forget(error_);
}

void Process::write(std::string_view text) const {
  while (!text.empty()) {
    const ssize_t n = ::write(input_, text.data(), text.size());
    if (n < 0) throw std::runtime_error("the command does not read its input");
    text.remove_prefix(static_cast<size_t>(n));
  }
}

void Process::close_input() {
  if (input_ != output_) close_and_forget(input_);
}

void Process::close_output() {
  if (input_ != output_) close_and_forget(output_);
}

void Process::signal(int number) const { ::kill(pid_, number); }

// False when both streams have ended or nothing came in time.
bool Process::read_some(int milliseconds) {
  std::array<pollfd, 2> fds = {pollfd{output_, POLLIN, 0}, pollfd{error_, POLLIN, 0}};
  if (output_ < 0 && error_ < 0) return false;
  if (::poll(fds.data(), fds.size(), milliseconds) <= 0) return false;
  bool open = false;
  for (const pollfd& fd : fds) {
    if (fd.fd < 0 || fd.revents == 0) continue;
    std::array<char, 4096> bytes{};
    const ssize_t n = ::read(fd.fd, bytes.data(), bytes.size());
    if (n > 0) {
      (fd.fd == output_ ? out_ : err_).append(bytes.data(), static_cast<size_t>(n));
      open = true;
    } else if (fd.fd == error_) {
      close_and_forget(error_);
      open = output_ >= 0;
    } else if (input_ == output_) {  // the terminal's other side is closed
      input_ = -1;
      close_and_forget(output_);
    } else {
      close_and_forget(output_);
      open = error_ >= 0;
    }
  }
  return open;
}

bool Process::wait_for(std::string_view text) {
  constexpr int kPatience = 60'000;
  for (;;) {
    for (auto [all, seen] : {std::pair(&out_, &seen_out_), {&err_, &seen_err_}}) {
      const size_t at = all->find(text, *seen);
      if (at == std::string::npos) continue;
      *seen = at + text.size();
      return true;
    }
    if (!read_some(kPatience)) return false;
  }
}

int Process::wait() {
  close_input();
  while (read_some(60'000)) {
  }
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool Process::running() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == 0;
}

Ran run(const std::vector<std::string>& arguments, std::string_view input) {
  Process process(arguments);
  if (!input.empty()) process.write(input);
  const int status = process.wait();
  return {status, process.out(), process.err()};
}

std::string test_file(std::string_view name) { return OMINIX_TEST_DATA "/" + std::string(name); }

}  // namespace ominix::testing
