// The wrapper's side of the guard: starts it, asks it to run programs, hears what became of them.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "schema/base/result.h"
#include "schema/base/unique_fd.h"
#include "schema/runtime/process.h"
#include "wrapper/action/guard_protocol.h"

namespace weir::action {

// Names a run; the caller's choice, never used twice with one guard.
enum class RunId : std::uint64_t {};

// ---- events, in the order in which they come

// Another run of this log is still being killed; nothing starts until its guard lets go.
struct GuardWaiting {};
// The guard has the lock; runs asked for so far are started now.
struct GuardReady {
  std::string cgroup;  // The folder of its cgroup; empty: it works without.
};
struct RunStarted {
  RunId run;
  pid_t pid;  // The main program; also its session and process group.
};
// Nothing ran, nothing more comes of this run. `text` is a whole sentence for the user.
struct RunStartFailed {
  RunId run;
  int errno_value;
  std::string text;
};
// The main program has ended; others of its tree may live.
struct RunExited {
  RunId run;
  int wait_status;  // As from waitpid(); see runtime::describe_wait_status().
  // It was killed, and the kernel has killed for lack of memory while it ran: probably this one.
  bool out_of_memory = false;
};
// Nothing of the run is left. The last event of a run.
struct RunTreeGone {
  RunId run;
};
// The guard ended without being asked, and everything that it had started is dead by now. The
// caller may close its stdin ends from here on, never before. The last event of all.
struct GuardLost {
  std::string reason;
  std::vector<RunId> runs;  // Those that had no RunTreeGone or RunStartFailed.
};
// The guard ended because of stop(); nothing that it had started is left. The last event of all.
struct GuardStopped {
  std::vector<RunId> runs;
};
using GuardEvent = std::variant<GuardWaiting, GuardReady, RunStarted, RunStartFailed, RunExited,
                                RunTreeGone, GuardLost, GuardStopped>;

struct GuardConfig {
  std::string program;    // weir-guard; empty: found beside this program or in PATH.
  std::string lock_path;  // In the log's folder. Held until nothing of any run is left.
  // Kept open by the guard while it lives, and not given to programs: the read end of a lifeline,
  // the lock of a data folder.
  std::vector<int> keep_fds;
  // Use a cgroup of version 2 where this process may make one; else (and without one) process
  // groups and the descent of processes.
  bool use_cgroup = true;
  std::optional<mode_t> umask{};  // Of the programs; nothing: this process's.
  std::string oom_file{};         // Where the kernel counts what it kills; empty: see OomKills.
};

struct RunRequest {
  std::vector<std::string> argv;  // argv[0] with a slash is a path; else it is searched in PATH.
  // NAME=VALUE, each replaces the wrapper's own of the same name.
  std::vector<std::string> environment;
  bool clean_environment = false;  // Only `environment`, nothing of the wrapper's.
  std::string working_directory;   // Empty: the wrapper's.
  bool wants_stdin = true;         // false: stdin is /dev/null (sources).
  // The wish for the capacity of stdin and stdout; what the system refuses is done without.
  int pipe_bytes = 1 << 20;
};

// The wrapper's ends: non-blocking, close-on-exec.
struct RunPipes {
  UniqueFd stdin_write;  // Not valid without stdin.
  UniqueFd stdout_read;
  UniqueFd stderr_read;
};

// One guard process and the runs in it.
//
// The guard holds copies of the stdin write end and of the stdout and stderr read ends of each
// run, so that no program can mistake the wrapper's death for the end of its input or for a reader
// that wants no more. Hence the two close_ calls: closing the wrapper's own end is not enough.
//
// Nothing blocks, the destructor aside. Makes this process a subreaper; if the guard is killed, its
// programs become our children, and are killed before GuardLost is reported.
//
// Survives a crash of the wrapper: the guard, until it has killed everything. Thread: one.
class GuardClient {
 public:
  // Starts the guard. Runs may be asked for at once; they start when the guard has the lock.
  static Result<GuardClient> start(GuardConfig config);
  GuardClient(GuardClient&& other) noexcept;
  GuardClient& operator=(GuardClient&&) = delete;
  // Without a GuardStopped or GuardLost before: stops the guard and waits up to 10 s for it.
  ~GuardClient();

  // Readable when next_event() or flush has something to do. Watch it for reading.
  int fd() const { return poll_.get(); }
  pid_t pid() const { return guard_.pid; }

  // Asks for a run. The outcome is an event. Errors: kLimit when too many runs are open,
  // kUnavailable when the guard is gone or going, kIo without descriptors.
  Result<RunPipes> spawn(RunId run, const RunRequest& request);
  // End of input: the caller has closed its stdin_write, the guard drops its copy.
  void close_stdin(RunId run);
  // The reader wants no more: the caller has closed its stdout_read, the guard drops its copy, and
  // the next write of the program is EPIPE.
  void close_stdout(RunId run);
  // Sends a signal to every process of the run. It may be asked for again and again.
  void kill(RunId run, int signal);
  // The run is over: what is left of it is killed with SIGKILL until RunTreeGone. Without it
  // RunTreeGone comes when the last process ends by itself.
  void end_run(RunId run);
  // Ends the guard: it kills all runs, then GuardStopped.
  void stop();

  // What happened next, if anything. Call until it returns nothing, whenever fd() is readable.
  std::optional<GuardEvent> next_event();

 private:
  // A message that the socket had no room for.
  struct Unsent {
    std::string bytes;
    std::vector<UniqueFd> fds;
  };
  enum class State { kRunning, kStopping, kLost, kGone };

  GuardClient() = default;
  Status open_descriptors();
  Status start_guard(const GuardConfig& config);
  void send(std::string bytes, std::vector<UniqueFd> fds);
  void send_command(GuardMessage type, RunId run, int value);
  bool send_now(const Unsent& message);
  void flush();
  void watch_socket_for_write(bool on);
  void read_events();
  void take_event(const GuardHeader& header, std::string_view body);
  void begin_loss(std::string reason);
  void finish_off();
  void set_alarm(std::chrono::milliseconds delay);

  State state_ = State::kRunning;
  runtime::Child guard_;
  UniqueFd lock_;  // The guard locks it; our copy keeps the lock should the guard be killed.
  UniqueFd control_;
  UniqueFd poll_;   // An epoll over control_, the guard's pidfd and alarm_.
  UniqueFd alarm_;  // A timerfd; drives finish_off().
  std::chrono::milliseconds alarm_delay_{0};
  bool guard_reaped_ = false;
  int removals_ = 0;  // Attempts to remove the lost guard's cgroup.
  std::string loss_reason_;
  std::string cgroup_;  // The guard's, if it has one; for when it is lost.
  PacketReader reader_;
  std::set<RunId> runs_;  // Those without a last event.
  std::deque<Unsent> unsent_;
  std::deque<GuardEvent> events_;
};

}  // namespace weir::action
