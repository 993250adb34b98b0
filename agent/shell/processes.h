// The wrappers' processes: starts them, adopts those that were there before, notices their end,
// signals them. Owns pidfds and their watches, not the processes: they outlive the agent.
// Loop thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "agent/core/layout.h"
#include "agent/core/wrapper_life.h"
#include "schema/runtime/loop.h"
#include "schema/runtime/process.h"

namespace weir::agent {

struct ProcessOptions {
  std::string identity;         // What the folder of the logs has; see identity_of().
  std::string wrapper_program;  // Empty: weir-wrapper, where programs of weir are found.
  int lifeline_fd = -1;         // Handed on under the same number.
  std::vector<int> keep_fds;    // Likewise.
  std::string log_level = "info";
  // What wrappers leave free of this host (R7); 0: by what there is when the agent starts.
  uint64_t disk_reserve_bytes = 0;
  uint64_t memory_reserve_bytes = 0;
  std::string memory_file = "/proc/meminfo";
};

class Processes {
 public:
  using OnEnded = std::function<void(const wire::InstanceKey& key, const Ended& ended)>;

  Processes(runtime::Loop& loop, const Layout& layout, ProcessOptions options, OnEnded on_ended);
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;
  ~Processes();

  // Makes the folders that it needs. The order is on disk. Started, LockHeld or StartFailed.
  LifeEvent launch(const wire::StartOrder& order);
  // LockFree, LockHeld or StartFailed.
  LifeEvent probe(const wire::StartOrder& order);
  // False if the process is over, or not the one that holds the wrapper's lock.
  bool follow(const wire::StartOrder& order, pid_t pid);
  void signal(const wire::InstanceKey& key, int signal);

  bool empty() const { return processes_.empty(); }
  void signal_all(int signal);

 private:
  struct Process {
    runtime::Child child;
    runtime::WatchId watch{};
    off_t log_from = 0;  // Where this run's lines begin.
  };

  Result<runtime::FileLock> take_lock(const wire::StartOrder& order);
  Result<runtime::Child> spawn(const wire::InstanceKey& key, const runtime::FileLock& lock);
  void watch(const wire::InstanceKey& key, runtime::Child child, off_t log_from);
  void ended(const wire::InstanceKey& key);

  runtime::Loop& loop_;
  const Layout& layout_;
  ProcessOptions options_;
  OnEnded on_ended_;
  std::map<wire::InstanceKey, Process> processes_;
};

}  // namespace weir::agent
