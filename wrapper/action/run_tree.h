// How the guard finds and kills what descends from a run. Two ways behind one interface: a cgroup
// for each run, or process groups, sessions and the descent from the guard, to which all orphans
// come because it is a subreaper.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace weir::action {

// A run as the tree needs to know it.
struct RunKey {
  std::uint64_t run = 0;
  std::size_t slot = 0;  // Below kRunsMax; free for another run when this one is gone.
  pid_t main = 0;        // Leads a session and a group of its own.
  bool main_reaped = false;
};

// All of it is called with all open runs, because an orphan that left its session may be anyone's:
// it is told by kRunMarker in its environment, and one that lost even that goes with the first run
// that ends.
class RunTree {
 public:
  virtual ~RunTree() = default;

  // A descriptor of the cgroup in which to start the run of that slot; -1: none.
  virtual int cgroup_of(std::size_t slot) = 0;
  // Sends the signal once to each process of the run.
  virtual void signal(const RunKey& key, std::span<const RunKey> open, int signal) = 0;
  // SIGKILL to each process of the run. Once may not be enough; repeat until it is empty.
  virtual void kill(const RunKey& key, std::span<const RunKey> open) = 0;
  // Whether nothing of the run is left. What is dead was reaped before.
  virtual bool empty(const RunKey& key, std::span<const RunKey> open) = 0;
  // SIGKILL to everything that descends from this process.
  virtual void kill_all() = 0;
  // The folder of the cgroup that holds all runs; empty: none.
  virtual std::string folder() const { return {}; }
};

// The variable that marks the processes of a run: "GUARD_PID.RUN".
inline constexpr const char* kRunMarker = "WEIR_GUARD_RUN";
std::string run_marker(std::uint64_t run);

std::unique_ptr<RunTree> make_group_tree();
// Nothing when this process may not make cgroups (v2, with cgroup.kill); `why` says why.
std::unique_ptr<RunTree> make_cgroup_tree(std::string* why);

// The folder of this process's own cgroup of version 2; empty: it has none.
std::string own_cgroup();

// Kills all in the cgroup at `folder` and removes it; for whoever outlives a guard that was
// killed. False while something is left.
bool kill_cgroup(const std::string& folder);
bool remove_cgroup(const std::string& folder);

}  // namespace weir::action
