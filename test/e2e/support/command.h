// A program that a test has started: what it is given, what it writes, how it ends.
//
// Thread: one.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/base/unique_fd.h"
#include "schema/runtime/process.h"
#include "test/e2e/support/wait.h"

namespace weir::e2e {

inline constexpr Limit kRunLimit{kSlowdown * 90'000};

struct Outcome {
  bool in_time = false;  // False: it was killed, because its limit had come.
  int code = -1;         // Exit status, or 128 + signal.
  std::string out;
  std::string err;
};

struct CommandOptions {
  std::vector<std::string> argv{};
  std::string stdin_file = "/dev/null";
  std::string stdout_file{};  // Empty, and likewise the next: a file of the scene.
  std::string stderr_file{};  // Goes on at its end.
  // Pipes that the test holds: feed(), end_stdin(); read_stdout(), close_stdout().
  bool stdin_pipe = false;
  bool stdout_pipe = false;
  // Instead of files: these descriptors. They stay the caller's.
  int stdin_fd = -1;
  int stdout_fd = -1;
  std::vector<runtime::FdMapping> fds{};  // Beside 0, 1 and 2.
  std::string working_dir{};              // Empty: the scene's folder.
  std::vector<std::string> environment{};
};

// A child in a process group of its own. Killed with its group when it goes.
class Command {
 public:
  // `folder`: where it works unless its options say something else. All files have to be named. A
  // failure of the test if it cannot be started.
  static Command start(const CommandOptions& options, const std::string& folder);

  Command(Command&&) noexcept;
  Command& operator=(Command&&) noexcept;  // Kills the one that was there.
  ~Command();

  pid_t pid() const { return child_.pid; }
  bool running() const;
  // Waits; kills the group at the limit.
  Outcome wait(Limit limit = kRunLimit);
  void signal(int number) const;
  // SIGKILL for the process alone, and its end.
  void kill();

  void feed(std::string_view bytes) const;
  void end_stdin() { stdin_.reset(); }
  // So many bytes, or fewer if it ends, or time is up.
  std::string read_stdout(size_t bytes) const;
  void close_stdout() { stdout_.reset(); }
  // What it has written so far.
  std::string out_so_far() const;
  std::string err_so_far() const;

 private:
  Command() = default;

  runtime::Child child_;
  UniqueFd stdin_;
  UniqueFd stdout_;
  std::string out_file_;  // Empty: the test has its output elsewhere.
  std::string err_file_;
};

}  // namespace weir::e2e
