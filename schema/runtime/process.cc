#include "schema/runtime/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "schema/runtime/process_tree.h"

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace weir::runtime {
namespace {

constexpr auto kLockRetryDelay = std::chrono::milliseconds(5);
// As if it had half of the host's memory less than it has. The least there is would mean never.
constexpr const char* kOomScoreAdj = "-500";

// Processes started by this one. A mutex, because tests and tools spawn from where they like.
struct OwnChildren {
  std::mutex mutex;
  std::set<pid_t> pids;
};

OwnChildren& own_children() {
  static OwnChildren children;
  return children;
}

void remove_own_child(pid_t pid) {
  OwnChildren& own = own_children();
  const std::lock_guard<std::mutex> lock(own.mutex);
  own.pids.erase(pid);
}

std::string_view name_of(std::string_view assignment) {
  return assignment.substr(0, assignment.find('='));
}

// Our environment with the additions in it. The pointers live as long as the arguments.
std::vector<char*> merged_environment(const std::vector<std::string>& additions) {
  std::vector<char*> merged;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view name = name_of(*entry);
    const bool replaced = std::any_of(additions.begin(), additions.end(),
                                      [&](const auto& added) { return name_of(added) == name; });
    if (!replaced) merged.push_back(*entry);
  }
  for (const std::string& added : additions) merged.push_back(const_cast<char*>(added.c_str()));
  merged.push_back(nullptr);
  return merged;
}

// posix_spawn's attributes and file actions, with their destructors.
class SpawnSetup {
 public:
  SpawnSetup() {
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_init(&actions);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }

  void set_attributes(const SpawnOptions& options) {
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (options.new_session) {
      flags |= POSIX_SPAWN_SETSID;
    } else if (options.new_group) {
      flags |= POSIX_SPAWN_SETPGROUP;
    }
    posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
  }

  // Sources are first copied out of the way of all targets, so that no mapping destroys the source
  // of another. The copies are close-on-exec.
  Status map_fds(const std::vector<FdMapping>& fds) {
    int beyond = 3;
    for (const FdMapping& fd : fds) beyond = std::max(beyond, fd.target + 1);
    for (const FdMapping& fd : fds) {
      UniqueFd copy(::fcntl(fd.source, F_DUPFD_CLOEXEC, beyond));
      if (!copy.valid()) return errno_error("copy fd " + std::to_string(fd.source), errno);
      posix_spawn_file_actions_adddup2(&actions, copy.get(), fd.target);
      copies_.push_back(std::move(copy));
    }
    for (int fd = 3; fd < beyond; ++fd) {
      const bool mapped = std::any_of(fds.begin(), fds.end(),
                                      [fd](const FdMapping& each) { return each.target == fd; });
      if (!mapped) posix_spawn_file_actions_addclose(&actions, fd);
    }
    posix_spawn_file_actions_addclosefrom_np(&actions, beyond);
    return {};
  }

  posix_spawnattr_t attributes{};
  posix_spawn_file_actions_t actions{};

 private:
  std::vector<UniqueFd> copies_;
};

bool is_executable_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

// Empty if it is gone.
std::string executable_of(pid_t pid) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/" + std::to_string(pid) + "/exe";
  const ssize_t size = ::readlink(link.c_str(), path.data(), path.size() - 1);
  return size <= 0 ? "" : std::string(path.data(), static_cast<std::size_t>(size));
}

std::string own_folder() {
  const std::string exe = executable_of(::getpid());
  return exe.substr(0, exe.rfind('/'));
}

Result<UniqueFd> open_lock_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd.valid()) return errno_error("open lock file " + path, errno);
  return fd;
}

// Whether the lock was got; false when somebody else has it.
Result<bool> lock_now(const UniqueFd& fd, const std::string& path) {
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return errno_error("lock " + path, errno);
  }
  return true;
}

// By its executable, which a process cannot choose as it can its name: the guard beside ours, or
// the one that was there before an upgrade.
bool is_guard(pid_t pid) {
  constexpr std::string_view kDeleted = " (deleted)";
  std::string exe = executable_of(pid);
  if (exe.ends_with(kDeleted)) exe.resize(exe.size() - kDeleted.size());
  const Result<std::string> guard = find_program("weir-guard");
  if (!guard || exe.empty()) return false;
  std::error_code failure;
  const std::string real = std::filesystem::canonical(*guard, failure);
  return !failure && exe == real;
}

}  // namespace

Result<Child> spawn(const SpawnOptions& options) {
  SpawnSetup setup;
  setup.set_attributes(options);
  if (Status mapped = setup.map_fds(options.fds); !mapped) {
    return std::move(mapped).error().in("start " + options.program);
  }
  std::vector<char*> argv;
  for (const std::string& arg : options.argv) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> environment = merged_environment(options.environment);

  // Held over the spawn, so that nobody takes the new child for an inherited one.
  OwnChildren& own = own_children();
  const std::lock_guard<std::mutex> lock(own.mutex);
  Child child;
  const int error = ::posix_spawn(&child.pid, options.program.c_str(), &setup.actions,
                                  &setup.attributes, argv.data(), environment.data());
  if (error != 0) return errno_error("start " + options.program, error);
  own.pids.insert(child.pid);
  child.pidfd.reset(static_cast<int>(::syscall(SYS_pidfd_open, child.pid, 0)));
  if (!child.pidfd.valid()) {
    const int pidfd_error = errno;
    // Without a pidfd nobody would notice its end: better not to have started it.
    ::kill(child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
    own.pids.erase(child.pid);
    return errno_error("pidfd of " + options.program, pidfd_error);
  }
  return child;
}

Result<UniqueFd> open_pidfd(pid_t pid) {
  UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (fd.valid()) return fd;
  if (errno == ESRCH) {
    return Error{ErrorCode::kNotFound, "no process has the pid " + std::to_string(pid)};
  }
  return errno_error("pidfd of " + std::to_string(pid), errno);
}

Status signal_pidfd(const UniqueFd& pidfd, int signal) {
  if (::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0) return {};
  if (errno == ESRCH) return Error{ErrorCode::kNotFound, "the process has ended"};
  return errno_error("send signal " + std::to_string(signal), errno);
}

Result<std::optional<int>> try_reap(pid_t pid) {
  int status = 0;
  pid_t reaped = -1;
  do {
    reaped = ::waitpid(pid, &status, WNOHANG);
  } while (reaped < 0 && errno == EINTR);
  if (reaped == 0) return std::optional<int>();
  if (reaped < 0) {
    if (errno != ECHILD) return errno_error("wait for " + std::to_string(pid), errno);
    return Error{ErrorCode::kNotFound, std::to_string(pid) + " is not a child of this process"};
  }
  remove_own_child(pid);
  return std::optional<int>(status);
}

Result<int> reap_within(const Child& child, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (true) {
    Result<std::optional<int>> status = try_reap(child.pid);
    if (!status) return std::move(status).error();
    if (status->has_value()) return **status;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return Error{ErrorCode::kTimeout, "process " + std::to_string(child.pid) + " still runs"};
    }
    pollfd poll{child.pidfd.get(), POLLIN, 0};
    ::poll(&poll, 1, static_cast<int>(left.count()) + 1);
  }
}

std::string describe_wait_status(int status) {
  if (WIFEXITED(status)) return "exit status " + std::to_string(WEXITSTATUS(status));
  if (!WIFSIGNALED(status)) return "wait status " + std::to_string(status);
  const int signal = WTERMSIG(status);
  std::string text = "signal " + std::to_string(signal);
  if (const char* name = ::sigdescr_np(signal)) text += " (" + std::string(name) + ")";
  return text;
}

void add_own_child(pid_t pid) {
  OwnChildren& own = own_children();
  const std::lock_guard<std::mutex> lock(own.mutex);
  own.pids.insert(pid);
}

bool is_own_child(pid_t pid) {
  OwnChildren& own = own_children();
  const std::lock_guard<std::mutex> lock(own.mutex);
  return own.pids.contains(pid);
}

int reap_inherited() {
  while (true) {
    int alive = 0;
    bool reaped = false;
    for (const pid_t child : children_of(::getpid())) {
      if (is_own_child(child)) continue;
      // By exact pid: waiting for "any child" would steal the exit statuses of our own.
      if (::waitpid(child, nullptr, WNOHANG) == 0) {
        ++alive;
      } else {
        reaped = true;
      }
    }
    // One that died may have left us its children after the list was made.
    if (!reaped) return alive;
  }
}

int kill_inherited(const std::function<bool(pid_t)>& keep) {
  return kill_trees([&](pid_t child) {
    return !is_own_child(child) && !is_guard(child) && !(keep && keep(child));
  });
}

void spare_this_process() {
  const std::string path = "/proc/self/oom_score_adj";
  int chosen = 0;
  std::ifstream(path) >> chosen;
  if (chosen == 0) std::ofstream(path) << kOomScoreAdj;
}

Result<FileLock> FileLock::try_acquire(const std::string& path) {
  Result<UniqueFd> fd = open_lock_file(path);
  if (!fd) return std::move(fd).error();
  Result<bool> locked = lock_now(*fd, path);
  if (!locked) return std::move(locked).error();
  if (!*locked) return Error{ErrorCode::kConflict, "lock " + path + ": held by another process"};
  return FileLock(std::move(*fd));
}

Result<FileLock> FileLock::acquire_within(const std::string& path,
                                          std::chrono::milliseconds limit) {
  Result<UniqueFd> fd = open_lock_file(path);
  if (!fd) return std::move(fd).error();
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (true) {
    Result<bool> locked = lock_now(*fd, path);
    if (!locked) return std::move(locked).error();
    if (*locked) return FileLock(std::move(*fd));
    if (std::chrono::steady_clock::now() >= deadline) {
      return Error{ErrorCode::kTimeout, "lock " + path + ": still held by another process"};
    }
    std::this_thread::sleep_for(kLockRetryDelay);  // flock has no time limit of its own.
  }
}

Result<FileLock> FileLock::inherited(int fd, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  if (::fstat(fd, &opened) != 0 || ::stat(path.c_str(), &named) != 0 ||
      opened.st_dev != named.st_dev || opened.st_ino != named.st_ino) {
    return Error{ErrorCode::kInvalid,
                 "lock " + path + ": descriptor " + std::to_string(fd) + " is not of that file"};
  }
  UniqueFd own(fd);
  if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return errno_error("lock " + path, errno);
  Result<bool> locked = lock_now(own, path);
  if (!locked) return std::move(locked).error();
  if (!*locked) return Error{ErrorCode::kConflict, "lock " + path + ": held by another process"};
  return FileLock(std::move(own));
}

Result<std::string> find_program(std::string_view name) {
  const std::string folder = own_folder();
  if (!folder.empty()) {
    std::string beside = folder + "/" + std::string(name);
    if (is_executable_file(beside)) return beside;
  }
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
    if (entry.empty()) continue;  // The current folder, in old tradition: never.
    std::string candidate = std::string(entry) + "/" + std::string(name);
    if (is_executable_file(candidate)) return candidate;
  }
  return Error{ErrorCode::kNotFound,
               "program " + std::string(name) + " is neither in " + folder + " nor in PATH"};
}

}  // namespace weir::runtime
