// Running a command and measuring it from outside: the clock, and what the kernel says it used
// (wait4), with all that it has waited for.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "schema/runtime/process.h"

namespace weir::bench {

using Clock = std::chrono::steady_clock;

// SIGINT, SIGTERM and SIGHUP make all that waits here throw this.
class Interrupted {};
void catch_interrupts();

double seconds_since(Clock::time_point start);
std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);

// Looks now and then; Failed, with `what`, when it did not come in time.
void wait_until(const std::string& what, std::chrono::seconds limit,
                const std::function<bool()>& condition,
                std::chrono::milliseconds look = std::chrono::milliseconds(5));

struct Command {
  std::vector<std::string> argv;  // The program's path first.
  std::string stdout_to;          // A file; empty: /dev/null.
  std::string stderr_to;          // Likewise. Its end is in the text of a failure.
  std::vector<std::string> environment;
};

struct Usage {
  double wall_s = 0;
  double cpu_s = 0;  // User and system, of all that it has waited for.
};

// A child of ours. Whoever leaves it running kills it, and what it has started, by going.
class Running {
 public:
  explicit Running(Command command);
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();

  pid_t pid() const { return child_.pid; }
  bool has_ended();
  // TERM, and waits; any end is good.
  void terminate(std::chrono::seconds limit = std::chrono::seconds(20));
  // Failed when it does not end in time, or not with status 0. `look` is called meanwhile, often.
  Usage wait(std::chrono::seconds limit, const std::function<void()>& look = nullptr);

 private:
  bool reap(int flags);

  Command command_;
  Clock::time_point started_;
  runtime::Child child_;
  bool ended_ = false;
  int status_ = 0;
  Usage usage_;
};

// Runs it to its end.
Usage run(const Command& command, std::chrono::seconds limit);
// A line of the shell, and what it printed.
struct Printed {
  Usage usage;
  std::string out;
};
Printed run_shell(const std::string& line, const std::string& out_file, std::chrono::seconds limit);

}  // namespace weir::bench
