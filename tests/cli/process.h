#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace ominix::testing {

// The `ominix` command as a user runs it: with its standard streams on pipes or, as `terminal`, on
// one pseudo-terminal of 80 columns. Ends with the object.
class Process {
 public:
  enum class Streams { pipes, terminal };
  explicit Process(const std::vector<std::string>& arguments, Streams streams = Streams::pipes,
                   const std::vector<std::string>& environment = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();

  void write(std::string_view text) const;
  void close_input();
  // Closes the reading end of its standard output, as `| head` does.
  void close_output();
  void signal(int number) const;
  // Reads until `text` has appeared in what it wrote so far (both streams), from where the last
  // call found its text. False when the process ends first or a minute goes by.
  bool wait_for(std::string_view text);
  // Closes the input, reads the rest, and gives the exit status, 128 + the signal that ended it.
  int wait();
  bool running() const;

  const std::string& out() const { return out_; }  // a terminal's: both streams
  const std::string& err() const { return err_; }
  int terminal() const { return input_; }  // the descriptor, for termios

 private:
  bool read_some(int milliseconds);

  pid_t pid_ = -1;
  int input_ = -1, output_ = -1, error_ = -1;
  std::string out_, err_;
  size_t seen_out_ = 0, seen_err_ = 0;
};

struct Ran {
  int status = 0;
  std::string out, err;
};
Ran run(const std::vector<std::string>& arguments, std::string_view input = {});

// tests/`name`
std::string test_file(std::string_view name);

}  // namespace ominix::testing
