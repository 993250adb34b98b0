// Starting, waiting for and finding processes; locks by file.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"

namespace weir::runtime {

// The child's `target` becomes a copy of our `source`.
struct FdMapping {
  int source;
  int target;
};

struct SpawnOptions {
  std::string program;            // A path; see find_program().
  std::vector<std::string> argv;  // With the program's name first.
  // NAME=VALUE, each replaces ours of the same name.
  std::vector<std::string> environment;
  // What the child gets besides 0, 1 and 2 (which it shares with us unless they are mapped).
  // Every other descriptor is closed in it.
  std::vector<FdMapping> fds;
  bool new_group = false;    // A process group of its own.
  bool new_session = false;  // A session of its own (setsid), and so a group too.
};

struct Child {
  pid_t pid = 0;
  UniqueFd pidfd;  // Readable once the child has exited.
};

// Starts a program with posix_spawn: signal mask empty, all signals at their default. Errors say
// the program's path and why; kNotFound when there is none. Whoever calls it reaps the child.
Result<Child> spawn(const SpawnOptions& options);

// A pidfd, close-on-exec. kNotFound when there is no such process.
Result<UniqueFd> open_pidfd(pid_t pid);
// Through the pidfd, so never to another process that got the same pid. kNotFound when it is gone.
Status signal_pidfd(const UniqueFd& pidfd, int signal);

// The wait status of our child if it has exited, and reaps it. Does not block. kNotFound when
// `pid` is not a child of ours.
Result<std::optional<int>> try_reap(pid_t pid);
// The same, waiting up to `limit`; kTimeout.
Result<int> reap_within(const Child& child, std::chrono::milliseconds limit);
// "exit status 3", "signal 9 (Killed)".
std::string describe_wait_status(int status);

// Processes that this one started itself, as against those that it inherited as a subreaper.
// spawn() adds to them and reaping removes; add_own_child() is for children made by other means.
// Loop thread.
void add_own_child(pid_t pid);
bool is_own_child(pid_t pid);

// Reaps those inherited children that are dead, and returns how many inherited ones still live.
// Does not block and leaves own children alone.
int reap_inherited();
// Kills the trees of inherited children that `keep` does not spare; does not wait and does not
// reap. Returns how many processes it sent a signal to, zombies included. An inherited guard is
// spared, by its executable: it is about to kill its tree in the right order, and goes by itself.
int kill_inherited(const std::function<bool(pid_t)>& keep = nullptr);

// Asks the kernel to kill others first when memory is short, and not this process and what it
// starts (the guard asks the other way round for programs). Nothing changes where that is not
// allowed, or where somebody has chosen a value already.
void spare_this_process();

// An flock on a file that is made when it is not there. Held until the object goes, and by every
// process that has a copy of the descriptor; so it is close-on-exec unless it is mapped.
class FileLock {
 public:
  // kConflict when somebody else holds it.
  static Result<FileLock> try_acquire(const std::string& path);
  // Tries again until `limit`; kTimeout. Blocks.
  static Result<FileLock> acquire_within(const std::string& path, std::chrono::milliseconds limit);
  // A lock on `path` that whoever started this process took for it, as this descriptor. kInvalid
  // when it is not one of that file; kConflict when somebody else holds the lock.
  static Result<FileLock> inherited(int fd, const std::string& path);

  int fd() const { return fd_.get(); }

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// A program of weir by its name: in the folder of the running executable, then in PATH. kNotFound
// names the places that were searched.
Result<std::string> find_program(std::string_view name);

}  // namespace weir::runtime
