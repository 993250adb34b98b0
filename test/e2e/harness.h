// What the end-to-end suites share: a folder per test, commands with a hard limit, and finding all
// processes that a command has started, however far down and in whatever session.
//
// Thread: a Scene and its Commands belong to one thread; several Scenes may live side by side.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/unique_fd.h"
#include "test/e2e/slowdown.h"

namespace weir::e2e {

using Limit = std::chrono::milliseconds;
// Generous: a machine may be busy with other things. Only a hang should meet it.
inline constexpr Limit kRunLimit{kSlowdown * 90'000};
inline constexpr Limit kWaitLimit{kSlowdown * 30'000};

struct Outcome {
  bool in_time = false;  // False: it was killed, because its limit had come.
  int code = -1;         // Exit status, or 128 + signal.
  std::string out;
  std::string err;
};

struct CommandOptions {
  std::vector<std::string> argv;
  std::string stdin_file = "/dev/null";
  // Instead of files: these descriptors. They stay the caller's.
  int stdin_fd = -1;
  int stdout_fd = -1;
  std::string working_dir;  // Empty: the scene's folder.
  std::vector<std::string> environment;
};

// A child in a process group of its own. Killed with its group when it goes.
class Command {
 public:
  Command(Command&&) noexcept;
  Command& operator=(Command&&) noexcept;  // Kills the one that was there.
  ~Command();

  pid_t pid() const { return pid_; }
  bool running() const;
  // Waits; kills the group at the limit.
  Outcome wait(Limit limit = kRunLimit);
  void signal(int number) const;
  // What it has written so far.
  std::string out_so_far() const;
  std::string err_so_far() const;

 private:
  friend class Scene;
  Command() = default;

  pid_t pid_ = 0;
  UniqueFd pidfd_;
  std::string out_file_;
  std::string err_file_;
};

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  std::string command;  // Its words, with blanks between.
};

// Folder, environment and processes of one test. At its end nothing may be left of what it has
// started: neither processes nor folders of `weirctl up`.
class Scene {
 public:
  Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene();

  const std::string& folder() const { return folder_; }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  // Makes a file and returns its path.
  std::string write(const std::string& name, std::string_view bytes, int mode = 0644) const;
  std::string read(const std::string& name) const;
  std::string make_folder(const std::string& name) const;

  Command start(CommandOptions options);
  Outcome run(CommandOptions options, Limit limit = kRunLimit);
  // `weirctl WORDS...` and `weirctl up WORDS...`.
  CommandOptions weirctl(std::vector<std::string> words) const;
  CommandOptions up(std::vector<std::string> words) const;
  // `sh -c`, in the C locale.
  CommandOptions shell(const std::string& script) const;

  // All processes with this scene's mark in their environment, except zombies.
  std::vector<Process> processes() const;
  // Those with `text` in their command line.
  std::vector<Process> processes_with(const std::string& text) const;
  // The wrapper of a node, its guard and its program, when they are there.
  std::optional<pid_t> wrapper(const std::string& node) const;
  std::optional<pid_t> guard(const std::string& node) const;
  std::optional<pid_t> program(const std::string& node) const;

  // No processes (they are given a moment), no temporary folders, no sockets. What is wrong, or "".
  std::string leftovers(bool data_may_stay = false) const;
  // Kills what is there. For tests that have failed, and at the end.
  void kill_all() const;

 private:
  std::string folder_;
  std::string mark_;
  int commands_ = 0;
};

// Looks again and again until the condition holds. False: the limit has come.
bool wait_until(const std::function<bool()>& condition, Limit limit = kWaitLimit);

std::string read_file(const std::string& path);
// A command in quotes, as the expression of `up -e` wants it.
std::string quoted(const std::string& command);
// The beginning of long bytes with what cannot be printed escaped, and how many there are.
std::string excerpt(std::string_view bytes);
// Where two runs of bytes differ first; empty if they are equal.
std::string difference(std::string_view expected, std::string_view actual);
// Runs the jobs in a few threads.
void in_parallel(const std::vector<std::function<void()>>& jobs, size_t threads);

// Set by the environment variable WEIR_TEST_SEED, or the default.
uint64_t seed_from_environment(uint64_t otherwise);

}  // namespace weir::e2e
