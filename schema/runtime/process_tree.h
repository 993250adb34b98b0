// Finding and signalling everything that descends from this process. Needs nothing but the C
// library, so that the guard can have it too.
//
// Signals go only to processes that were just seen to be descendants: a direct child cannot lose
// its pid before we reap it, and anything deeper is held by a pidfd while its parent is checked.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <vector>

namespace weir::runtime {

struct ProcessStat {
  pid_t pid = 0;
  pid_t parent = 0;
  pid_t group = 0;
  pid_t session = 0;
  // As in proc(5). A 'Z' may still have threads that run: only waitpid says that it is dead.
  char state = '?';
};

// What /proc says of `pid`; nothing when it is gone.
std::optional<ProcessStat> process_stat(pid_t pid);

// The children of a process, zombies included. A snapshot: it may miss some while they come and go.
std::vector<pid_t> children_of(pid_t pid);

// Makes orphaned descendants become children of this process. False when the kernel refuses.
bool become_subreaper();

// Which of our own children to take, with all that descends from them. Asked for each child that
// turns up, because orphans arrive while others die.
using ChildFilter = std::function<bool(pid_t child)>;

// Sends `signal` once to each process of the trees, parents first. Returns to how
// many, zombies included.
int signal_trees(const ChildFilter& filter, int signal);

// Kills the trees: stops process by process until nothing new turns up (a limited number of
// rounds), so that a fork bomb stands still, then sends SIGKILL to all. Returns to how many,
// zombies included: only reaping tells whether something is left.
int kill_trees(const ChildFilter& filter);

}  // namespace weir::runtime
