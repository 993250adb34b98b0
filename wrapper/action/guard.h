// The guard: the parent of a node's programs, which outlives the wrapper just long enough to kill
// them before they can see that it is gone (docs/guard.md).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/unique_fd.h"
#include "wrapper/action/guard_protocol.h"
#include "wrapper/action/oom_kills.h"
#include "wrapper/action/run_tree.h"

namespace weir::action {

// Thread: the only one of its process, which must be a subreaper with SIGCHLD blocked.
class Guard {
 public:
  // `control` and `lock` as in guard_protocol.h; `children` is a signalfd for SIGCHLD.
  Guard(UniqueFd control, UniqueFd lock, UniqueFd children, std::unique_ptr<RunTree> tree,
        OomKills oom_kills);

  // Works until the wrapper is gone; then kills everything, and returns when nothing is left.
  // What is in the kernel's hands (a process in uninterruptible sleep) is waited for without a
  // limit: to let go of the lock before would allow a second run beside it.
  void run();

 private:
  struct Exit {
    int wait_status = 0;
    bool out_of_memory = false;
  };
  struct Run {
    RunKey key;
    std::optional<Exit> untold_exit;  // Of its main program.
    bool killing = false;             // Asked to kill; done again until nothing is left.
    std::uint64_t oom_kills_before = 0;
    // Our copies, so that the wrapper's death closes nothing.
    UniqueFd stdin_write;
    UniqueFd stdout_read;
    UniqueFd stderr_read;
  };
  enum class Wake { kWork, kEnd };

  bool wait_for_lock();
  Wake wait(std::chrono::milliseconds limit, short control_events);
  bool read_commands();
  void take_command(Packet packet);
  void start_run(Packet packet);
  bool take_run_fds(Packet* packet, std::string* body, Run* run, UniqueFd program[3]);
  void reap();
  void settle_runs();
  void tell_exits();
  void kill_run(Run& run);
  void finish_off();
  std::size_t free_slot() const;
  std::vector<RunKey> open_keys() const;
  void tell(GuardMessage type, std::uint64_t run, int value, std::string_view body = {});
  void tell_exit(GuardMessage type, std::uint64_t run, const Exit& exit);
  void flush();

  UniqueFd control_;
  UniqueFd lock_;
  UniqueFd children_;
  std::unique_ptr<RunTree> tree_;
  OomKills oom_kills_;
  PacketReader reader_;
  std::map<std::uint64_t, Run> runs_;
  std::deque<std::string> unsent_;  // Bounded by the runs: a few messages each.
  bool no_children_ = true;         // As waitpid said last.
  bool recheck_ = false;            // Look at the runs again soon, without a signal.
  std::chrono::milliseconds recheck_delay_{1};
};

}  // namespace weir::action
