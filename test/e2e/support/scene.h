// A test's own folder and all that it starts there, and finding the processes of that, however far
// down and in whatever session.
//
// Thread: a Scene and its Commands belong to one thread; several Scenes may live side by side.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "test/e2e/support/command.h"
#include "test/e2e/support/text.h"
#include "test/e2e/support/wait.h"

namespace weir::e2e {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  std::string command;  // Its words, with blanks between.
};

// The most memory that a process has had, and how many descriptors it has; 0 if it is gone.
size_t peak_kb(pid_t pid);
size_t descriptors(pid_t pid);

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

// Runs the jobs in a few threads.
void in_parallel(const std::vector<std::function<void()>>& jobs, size_t threads);

// Set by the environment variable WEIR_TEST_SEED, or the default.
uint64_t seed_from_environment(uint64_t otherwise);

}  // namespace weir::e2e
