// `weirctl up` as a real process, for tests: what is typed, what comes out, and what is left.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/unique_fd.h"
#include "schema/runtime/process.h"
#include "test/e2e/slowdown.h"

namespace weir::e2e {

inline constexpr std::chrono::seconds kUpLimit{kSlowdown * 60};

// Waits for the condition; a failure of the test if it does not come in time.
bool wait_until(const std::string& what, const std::function<bool()>& condition,
                std::chrono::milliseconds limit = kUpLimit);

std::string read_file(const std::string& path);

// A folder of its own, which is the working folder and TMPDIR of what runs in it. Removed at the
// end, unless the test has failed.
class UpFolder {
 public:
  UpFolder();
  UpFolder(const UpFolder&) = delete;
  UpFolder& operator=(const UpFolder&) = delete;
  ~UpFolder();

  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, const std::string& text, unsigned mode = 0644) const;
  // The temporary folders that runs have left here.
  std::vector<std::string> left() const;
  // Processes of weir that were started for something in this folder.
  std::vector<pid_t> processes(const std::string& program = "weir-") const;

 private:
  std::string path_;
};

struct UpHow {
  std::vector<std::string> args{};          // After "weirctl up".
  std::optional<std::string> stdin_text{};  // Without it stdin is a pipe: see feed().
  bool stdout_pipe = false;                 // stdout is a pipe that the test reads.
  std::string stdout_to{};                  // ... or this file.
};

class UpRun {
 public:
  UpRun(const UpFolder& folder, const UpHow& how);
  UpRun(const UpRun&) = delete;
  UpRun& operator=(const UpRun&) = delete;
  ~UpRun();  // Kills it if it still runs.

  void feed(const std::string& text) const;
  void end_stdin() { stdin_.reset(); }
  // Reads from the pipe until `bytes` are there, it ends, or time is up.
  std::string read_stdout(size_t bytes);
  void close_stdout() { stdout_.reset(); }
  void signal(int number) const;

  // The exit status, or 128 + the signal; -1 if it does not end in time.
  int wait(std::chrono::milliseconds limit = kUpLimit);
  bool is_running();
  // What has been written so far.
  std::string out() const { return read_file(out_); }
  std::string err() const { return read_file(err_); }
  pid_t pid() const { return child_.pid; }

 private:
  runtime::Child child_;
  std::optional<int> status_;
  UniqueFd stdin_;
  UniqueFd stdout_;
  std::string out_;
  std::string err_;
};

struct UpOutcome {
  int code = -1;
  std::string out;
  std::string err;
};

// Runs it to its end.
UpOutcome run_up(const UpFolder& folder, const UpHow& how);

}  // namespace weir::e2e
