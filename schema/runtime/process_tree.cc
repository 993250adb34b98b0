#include "schema/runtime/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <set>
#include <string>

#include "schema/base/unique_fd.h"

namespace weir::runtime {
namespace {

// After so many rounds of stopping, whatever still appears is killed unstopped; the caller comes
// back until nothing is left anyway.
constexpr int kFreezeRounds = 32;

std::string read_file(const std::string& path) {
  std::string text;
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return text;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::read(fd.get(), buffer, sizeof buffer)) > 0) {
    text.append(buffer, static_cast<std::size_t>(got));
  }
  return text;
}

template <typename Callback>
void for_each_number_in(const std::string& folder, const Callback& callback) {
  DIR* dir = ::opendir(folder.c_str());
  if (dir == nullptr) return;
  while (const dirent* entry = ::readdir(dir)) {  // NOLINT(concurrency-mt-unsafe)
    char* end = nullptr;
    const long number = std::strtol(entry->d_name, &end, 10);
    if (number > 0 && *end == '\0') callback(static_cast<pid_t>(number));
  }
  ::closedir(dir);
}

// For kernels without /proc/PID/task/TID/children.
std::vector<pid_t> children_by_scan(pid_t pid) {
  std::vector<pid_t> children;
  for_each_number_in("/proc", [&](pid_t candidate) {
    const auto stat = process_stat(candidate);
    if (stat && stat->parent == pid) children.push_back(candidate);
  });
  return children;
}

bool kernel_lists_children() {
  static const bool listed = ::access("/proc/thread-self/children", R_OK) == 0;
  return listed;
}

struct Member {
  pid_t pid;
  pid_t parent;
};

// The trees below the children that the filter takes, parents first.
std::vector<Member> members_of(const ChildFilter& filter) {
  std::vector<Member> members;
  const pid_t self = ::getpid();
  for (const pid_t child : children_of(self)) {
    if (filter(child)) members.push_back({child, self});
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    const pid_t parent = members[i].pid;
    for (const pid_t child : children_of(parent)) members.push_back({child, parent});
  }
  return members;
}

// Sends the signal if `member` still is the child of the parent below which it was found. Returns
// whether it was sent. Zombies get it too: a process is one in /proc as soon as its first thread
// has ended, while others may go on for long.
bool signal_member(const Member& member, int signal) {
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, member.pid, 0)));
  if (!pidfd.valid()) return false;
  // The pidfd was opened first: should the pid belong to somebody else by now, then the one that
  // it holds is dead, and the signal goes nowhere.
  const auto stat = process_stat(member.pid);
  if (!stat || stat->parent != member.parent) return false;
  return ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0;
}

}  // namespace

std::optional<ProcessStat> process_stat(pid_t pid) {
  const std::string text = read_file("/proc/" + std::to_string(pid) + "/stat");
  // The name in parentheses may hold anything, parentheses and spaces included.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  ProcessStat stat;
  stat.pid = pid;
  if (std::sscanf(text.c_str() + name_end + 1, " %c %d %d %d", &stat.state, &stat.parent,
                  &stat.group, &stat.session) != 4) {
    return std::nullopt;
  }
  return stat;
}

std::vector<pid_t> children_of(pid_t pid) {
  if (!kernel_lists_children()) return children_by_scan(pid);
  std::vector<pid_t> children;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  for_each_number_in(tasks, [&](pid_t task) {
    const std::string list = read_file(tasks + "/" + std::to_string(task) + "/children");
    const char* at = list.c_str();
    char* end = nullptr;
    for (long child = std::strtol(at, &end, 10); end != at; child = std::strtol(at, &end, 10)) {
      children.push_back(static_cast<pid_t>(child));
      at = end;
    }
  });
  return children;
}

bool become_subreaper() { return ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0; }

int signal_trees(const ChildFilter& filter, int signal) {
  int count = 0;
  for (const Member& member : members_of(filter)) count += signal_member(member, signal) ? 1 : 0;
  return count;
}

int kill_trees(const ChildFilter& filter) {
  // Asked once for each child: what was stopped must be killed as well, and not be taken for
  // somebody else's on a second look.
  std::map<pid_t, bool> taken;
  const ChildFilter once = [&](pid_t child) {
    const auto known = taken.find(child);
    if (known != taken.end()) return known->second;
    return taken[child] = filter(child);
  };
  std::set<pid_t> stopped;
  for (int round = 0; round < kFreezeRounds; ++round) {
    bool found_new = false;
    for (const Member& member : members_of(once)) {
      if (stopped.contains(member.pid) || !signal_member(member, SIGSTOP)) continue;
      stopped.insert(member.pid);
      found_new = true;
    }
    if (!found_new) break;
  }
  // Children first, because those of a dead parent are not where they were found any more.
  std::vector<Member> members = members_of(once);
  int count = 0;
  for (auto at = members.rbegin(); at != members.rend(); ++at) {
    count += signal_member(*at, SIGKILL) ? 1 : 0;
  }
  return count;
}

}  // namespace weir::runtime
