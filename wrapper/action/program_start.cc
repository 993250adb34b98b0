#include "wrapper/action/program_start.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string_view>
#include <vector>

#include "schema/base/unique_fd.h"
#include "wrapper/action/exec_error.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace weir::action {
namespace {

// Another process may have inherited the descriptor with which a program was just written; it
// loses it at its own exec, within milliseconds.
constexpr int kBusyRetries = 50;
constexpr long kBusyDelayNs = 10'000'000;

constexpr const char* kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

constexpr const char* kOomScoreAdj = "/proc/self/oom_score_adj";
constexpr long kOomScoreAdjAbove = 200;  // Above ours: as if it had a fifth more of all memory.
constexpr long kOomScoreAdjMax = 1000;

enum class Stage : int { kSetup, kChdir, kExec };

// What the child says through a close-on-exec pipe when it cannot become the program.
struct Failure {
  Stage stage;
  int errno_value;
  std::size_t candidate;  // Which of the paths the errno is about.
};

std::string_view name_of(std::string_view assignment) {
  return assignment.substr(0, assignment.find('='));
}

// All that the child needs, made before the fork: afterwards nothing may allocate.
struct Plan {
  std::vector<char*> argv;
  std::vector<char*> environment;
  std::vector<std::string> candidates;  // Paths to try, in order.
  std::string path_variable;
  const char* working_directory = nullptr;
  ProgramFds fds;
  int report = -1;
  pid_t guard = 0;
  std::string oom_score_adj;
};

void add_unless_replaced(char* entry, const std::vector<std::string>& additions, Plan* plan) {
  const std::string_view name = name_of(entry);
  const bool replaced = std::any_of(additions.begin(), additions.end(),
                                    [&](const auto& each) { return name_of(each) == name; });
  if (!replaced) plan->environment.push_back(entry);
}

void set_environment(const SpawnOrder& order, bool clean, const std::string& extra, Plan* plan) {
  for (char** entry = environ; !clean && *entry != nullptr; ++entry) {
    add_unless_replaced(*entry, order.environment, plan);
  }
  for (const std::string& added : order.environment) {
    plan->environment.push_back(const_cast<char*>(added.c_str()));
  }
  plan->environment.push_back(const_cast<char*>(extra.c_str()));
  plan->path_variable = kDefaultPath;
  for (const char* entry : plan->environment) {
    if (name_of(entry) == "PATH") plan->path_variable = entry + std::strlen("PATH=");
  }
  plan->environment.push_back(nullptr);
}

// As execvp does it, but with the program's own PATH, and without running what has no "#!" line
// with a shell: that would hide that a file is no program.
void set_candidates(const std::string& program, Plan* plan) {
  if (program.find('/') != std::string::npos || program.empty()) {
    plan->candidates.push_back(program);
    return;
  }
  std::string_view rest = plan->path_variable;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    if (!folder.empty()) plan->candidates.push_back(std::string(folder) + "/" + program);
  }
}

[[noreturn]] void fail(const Plan& plan, Stage stage, int errno_value, std::size_t candidate = 0) {
  const Failure failure{stage, errno_value, candidate};
  (void)!::write(plan.report, &failure, sizeof failure);
  ::_exit(127);
}

int try_exec(const Plan& plan, const char* path) {
  for (int attempt = 0;; ++attempt) {
    ::execve(path, plan.argv.data(), plan.environment.data());
    if (errno != ETXTBSY || attempt == kBusyRetries) return errno;
    const timespec delay{0, kBusyDelayNs};
    ::nanosleep(&delay, nullptr);
  }
}

// When memory is short the kernel is to kill a program, which is run again, and not what runs it.
std::string oom_score_adj_for_program() {
  const UniqueFd fd(::open(kOomScoreAdj, O_RDONLY | O_CLOEXEC));
  char text[16]{};
  if (!fd.valid() || ::read(fd.get(), text, sizeof text - 1) <= 0) return {};
  const long own = std::strtol(text, nullptr, 10);
  return std::to_string(std::clamp(own + kOomScoreAdjAbove, 0L, kOomScoreAdjMax));
}

// More than ours is always allowed. If it fails all the same, that is no reason not to run it.
void set_oom_score_adj(const Plan& plan) {
  const int fd = ::open(kOomScoreAdj, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)!::write(fd, plan.oom_score_adj.data(), plan.oom_score_adj.size());
  ::close(fd);
}

// Between fork and exec: only what is async-signal-safe, no allocation.
[[noreturn]] void run_child(const Plan& plan) {
  ::setsid();
  // Best effort for when the guard is killed: whoever inherits this program kills its tree.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != plan.guard) ::_exit(127);
  set_oom_score_adj(plan);
  // Ours are all above 2, so these do not overwrite one another.
  if (::dup2(plan.fds.in, 0) < 0 || ::dup2(plan.fds.out, 1) < 0 || ::dup2(plan.fds.err, 2) < 0) {
    fail(plan, Stage::kSetup, errno);
  }
  if (plan.working_directory != nullptr && ::chdir(plan.working_directory) != 0) {
    fail(plan, Stage::kChdir, errno);
  }
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  for (const int signal : kIgnoredSignals) ::sigaction(signal, &action, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  // What was found but may not be run says more than what was not found.
  int worst = ENOENT;
  std::size_t candidate = 0;
  for (std::size_t i = 0; i < plan.candidates.size(); ++i) {
    const int error = try_exec(plan, plan.candidates[i].c_str());
    if (plan.candidates.size() > 1 && (error == ENOENT || error == ENOTDIR)) continue;
    worst = error;
    candidate = i;
    if (error != EACCES) break;
  }
  fail(plan, Stage::kExec, worst, candidate);
}

// fork, into a cgroup if there is one. Not vfork: the child of this small process is cheap, and a
// crash in it must not reach us.
pid_t fork_into(int cgroup_fd) {
  clone_args args{};
  args.exit_signal = SIGCHLD;
  if (cgroup_fd >= 0) {
    args.flags = CLONE_INTO_CGROUP;
    args.cgroup = static_cast<std::uint64_t>(cgroup_fd);
  }
  return static_cast<pid_t>(::syscall(SYS_clone3, &args, sizeof args));
}

std::string explain(const Failure& failure, const SpawnOrder& order, const Plan& plan) {
  const std::string& program = order.argv[0];
  const char* reason = ::strerrordesc_np(failure.errno_value);
  switch (failure.stage) {
    case Stage::kSetup:
      return program + ": cannot be started: " + reason;
    case Stage::kChdir:
      return "working directory " + order.working_directory + ": " + reason;
    case Stage::kExec:
      break;
  }
  const bool searched = program.find('/') == std::string::npos;
  if (searched && failure.errno_value == ENOENT && plan.candidates.size() != 1) {
    return program + ": not found in PATH (" + plan.path_variable + ")";
  }
  return explain_exec_error(plan.candidates[failure.candidate], order.working_directory,
                            failure.errno_value);
}

}  // namespace

StartOutcome start_program(const SpawnOrder& order, bool clean_environment,
                           const std::string& extra, const ProgramFds& fds, int cgroup_fd) {
  Plan plan;
  for (const std::string& arg : order.argv) plan.argv.push_back(const_cast<char*>(arg.c_str()));
  plan.argv.push_back(nullptr);
  set_environment(order, clean_environment, extra, &plan);
  set_candidates(order.argv[0], &plan);
  if (!order.working_directory.empty()) plan.working_directory = order.working_directory.c_str();
  plan.fds = fds;
  plan.guard = ::getpid();
  static const std::string oom_score_adj = oom_score_adj_for_program();  // Ours stays as it is.
  plan.oom_score_adj = oom_score_adj;

  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {0, errno, order.argv[0] + ": no pipe to start it"};
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  plan.report = write_end.get();
  const pid_t pid = fork_into(cgroup_fd);
  if (pid == 0) run_child(plan);
  if (pid < 0) {
    const int error = errno;
    return {0, error, order.argv[0] + ": no process for it: " + ::strerrordesc_np(error)};
  }
  write_end.reset();
  Failure failure{};
  ssize_t got = -1;
  do {
    got = ::read(read_end.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(sizeof failure)) return {pid, 0, {}};
  ::waitpid(pid, nullptr, 0);  // At once: it is in _exit.
  return {0, failure.errno_value, explain(failure, order, plan)};
}

}  // namespace weir::action
