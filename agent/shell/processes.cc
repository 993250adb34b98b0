#include "agent/shell/processes.h"

#include <fcntl.h>
#include <sys/wait.h>

#include <cerrno>
#include <utility>

#include "agent/shell/files.h"
#include "schema/base/log.h"
#include "schema/base/own_folder.h"
#include "schema/wire/wrapper_process.h"

namespace weir::agent {
namespace {

constexpr off_t kWrapperLogBytesMax = 4 << 20;

Ended make_ended(pid_t pid, std::optional<int> wait_status) {
  Ended ended;
  ended.pid = pid;
  ended.how = wait_status ? runtime::describe_wait_status(*wait_status) : "it is gone";
  if (wait_status && WIFEXITED(*wait_status)) ended.exit_code = WEXITSTATUS(*wait_status);
  return ended;
}

LifeEvent without_lock(const Error& error) {
  if (error.code == ErrorCode::kConflict) return LockHeld{};
  return StartFailed{error.what};
}

}  // namespace

Processes::Processes(runtime::Loop& loop, const Layout& layout, ProcessOptions options,
                     OnEnded on_ended)
    : loop_(loop), layout_(layout), options_(std::move(options)), on_ended_(std::move(on_ended)) {}

Processes::~Processes() {
  for (auto& [key, process] : processes_) loop_.unwatch(process.watch);
}

// A log that is not there is begun anew, and so one of which only the disk is not there must not be
// looked for.
Result<runtime::FileLock> Processes::take_lock(const wire::StartOrder& order) {
  if (auto same = check_identity(layout_, options_.identity); !same) return Error(same.error());
  if (auto made = make_folders(order.log_dir, 0700); !made) return Error(made.error());
  return runtime::FileLock::try_acquire(order.log_dir + "/wrapper.lock");
}

LifeEvent Processes::probe(const wire::StartOrder& order) {
  const auto lock = take_lock(order);  // Let go of at once: it is the wrapper's.
  return lock ? LifeEvent(LockFree{}) : without_lock(lock.error());
}

LifeEvent Processes::launch(const wire::StartOrder& order) {
  const wire::InstanceKey key = wire::key_of(order);
  const auto lock = take_lock(order);
  if (!lock) return without_lock(lock.error());
  std::vector<std::string> folders{layout_.logs_dir(key)};
  if (order.working_dir == layout_.work_dir(key)) folders.push_back(order.working_dir);
  for (const std::string& folder : folders) {
    if (auto made = make_folders(folder, 0700); !made) return StartFailed{made.error().what};
  }
  rotate_log(layout_.wrapper_log(key), kWrapperLogBytesMax);
  const off_t log_from = file_size(layout_.wrapper_log(key));
  auto child = spawn(key, *lock);
  if (!child) return StartFailed{child.error().what};
  const pid_t pid = child->pid;
  log::info(wire::to_string(key) + ": started, pid " + std::to_string(pid));
  watch(key, std::move(*child), log_from);
  return Started{pid};
}

Result<runtime::Child> Processes::spawn(const wire::InstanceKey& key,
                                        const runtime::FileLock& lock) {
  std::string program = options_.wrapper_program;
  if (program.empty()) {
    auto found = runtime::find_program("weir-wrapper");
    if (!found) return std::move(found).error();
    program = std::move(*found);
  }
  const std::string log_path = layout_.wrapper_log(key);
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const UniqueFd output(::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!nothing.valid()) return errno_error("open /dev/null", errno);
  if (!output.valid()) return errno_error("open " + log_path, errno);
  runtime::SpawnOptions spawn;
  spawn.program = program;
  spawn.argv = {program,
                wire::kOrderOption,
                layout_.order_file(key),
                wire::kLogLevelOption,
                options_.log_level,
                wire::kLogFileOption,
                log_path};
  // From its first moment on: an agent that took our place before the wrapper had come so far
  // would start another one.
  spawn.argv.insert(spawn.argv.end(), {wire::kLockOption, std::to_string(lock.fd())});
  spawn.fds = {{nothing.get(), 0}, {output.get(), 1}, {output.get(), 2}, {lock.fd(), lock.fd()}};
  spawn.argv.insert(spawn.argv.end(),
                    {wire::kDiskReserveOption, std::to_string(options_.disk_reserve_bytes),
                     wire::kMemoryReserveOption, std::to_string(options_.memory_reserve_bytes),
                     wire::kMemoryFileOption, options_.memory_file});
  if (options_.lifeline_fd >= 0) {
    spawn.argv.insert(spawn.argv.end(),
                      {wire::kLifelineOption, std::to_string(options_.lifeline_fd)});
    spawn.fds.push_back({options_.lifeline_fd, options_.lifeline_fd});
  }
  for (const int fd : options_.keep_fds) {
    spawn.argv.insert(spawn.argv.end(), {wire::kKeepOption, std::to_string(fd)});
    spawn.fds.push_back({fd, fd});
  }
  return runtime::spawn(spawn);
}

bool Processes::follow(const wire::StartOrder& order, pid_t pid) {
  const wire::InstanceKey key = wire::key_of(order);
  auto pidfd = runtime::open_pidfd(pid);
  if (!pidfd) return false;
  // Only now, so that the lock's holder and the pidfd's process are the same: a pid that was given
  // anew would come with a free lock.
  if (!std::holds_alternative<LockHeld>(probe(order))) return false;
  log::info(wire::to_string(key) + ": adopted, pid " + std::to_string(pid));
  watch(key, runtime::Child{pid, std::move(*pidfd)}, file_size(layout_.wrapper_log(key)));
  return true;
}

void Processes::watch(const wire::InstanceKey& key, runtime::Child child, off_t log_from) {
  Process process;
  process.log_from = log_from;
  process.watch = loop_.watch_fd(child.pidfd.get(), runtime::Interest::kRead,
                                 [this, key](runtime::Ready /*ready*/) { ended(key); });
  process.child = std::move(child);
  processes_.insert_or_assign(key, std::move(process));
}

void Processes::ended(const wire::InstanceKey& key) {
  const auto found = processes_.find(key);
  if (found == processes_.end()) return;
  const pid_t pid = found->second.child.pid;
  // Not our child: adopted, and so its status is for somebody else.
  const auto status = runtime::try_reap(pid);
  if (status && !*status) return;  // The pidfd is ready a little before the status.
  Ended ended = make_ended(pid, status ? *status : std::nullopt);
  ended.last_line = last_line(layout_.wrapper_log(key), found->second.log_from);
  loop_.unwatch(found->second.watch);
  processes_.erase(found);
  log::info(wire::to_string(key) + ": pid " + std::to_string(pid) + ": " + ended.how);
  // The callback that runs is a part of the watch that was just removed: `key` too.
  on_ended_(key, ended);
}

void Processes::signal(const wire::InstanceKey& key, int signal) {
  const auto found = processes_.find(key);
  if (found == processes_.end()) return;
  // That it has ended is noticed elsewhere.
  (void)runtime::signal_pidfd(found->second.child.pidfd, signal);
}

void Processes::signal_all(int signal) {
  for (auto& [key, process] : processes_) {
    (void)runtime::signal_pidfd(process.child.pidfd, signal);
  }
}

}  // namespace weir::agent
