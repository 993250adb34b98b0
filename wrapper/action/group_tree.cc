#include <csignal>
#include <cstring>
#include <string_view>

#include "schema/base/unique_fd.h"
#include "schema/runtime/process_tree.h"
#include "wrapper/action/run_tree.h"

#include <fcntl.h>
#include <unistd.h>

namespace weir::action {
namespace {

// Whether the environment with which `pid` was started has this run's marker.
bool has_marker(pid_t pid, std::uint64_t run) {
  const std::string wanted = std::string(1, '\0') + run_marker(run) + std::string(1, '\0');
  const UniqueFd fd(
      ::open(("/proc/" + std::to_string(pid) + "/environ").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return false;
  std::string environment(1, '\0');  // So that the first entry has a zero before it as well.
  char buffer[4096];
  ssize_t got = 0;
  while ((got = ::read(fd.get(), buffer, sizeof buffer)) > 0) {
    environment.append(buffer, static_cast<std::size_t>(got));
  }
  return environment.find(wanted) != std::string::npos;
}

enum class Owner { kThis, kOther, kUnknown };

// Whose a child of the guard is: its own main program or an orphan.
Owner owner_of(pid_t child, const RunKey& key, std::span<const RunKey> open) {
  const auto stat = runtime::process_stat(child);
  if (!stat) return Owner::kOther;  // Gone.
  if (child == key.main || stat->session == key.main) return Owner::kThis;
  for (const RunKey& other : open) {
    if (child == other.main || stat->session == other.main) return Owner::kOther;
  }
  if (has_marker(child, key.run)) return Owner::kThis;
  for (const RunKey& other : open) {
    if (other.run != key.run && has_marker(child, other.run)) return Owner::kOther;
  }
  return Owner::kUnknown;
}

runtime::ChildFilter filter_for(const RunKey& key, std::span<const RunKey> open) {
  if (open.size() <= 1) return [](pid_t) { return true; };
  return [key, open](pid_t child) { return owner_of(child, key, open) != Owner::kOther; };
}

class GroupTree : public RunTree {
 public:
  int cgroup_of(std::size_t) override { return -1; }

  void signal(const RunKey& key, std::span<const RunKey> open, int signal) override {
    runtime::signal_trees(filter_for(key, open), signal);
  }

  void kill(const RunKey& key, std::span<const RunKey> open) override {
    // The kernel does a whole group at one stroke, forks under way included. Only while the main
    // program is not reaped, because until then its number is nobody else's.
    if (!key.main_reaped && key.main > 0) ::kill(-key.main, SIGKILL);
    runtime::kill_trees(filter_for(key, open));
  }

  bool empty(const RunKey& key, std::span<const RunKey> open) override {
    const runtime::ChildFilter takes = filter_for(key, open);
    for (const pid_t child : runtime::children_of(::getpid())) {
      const auto stat = runtime::process_stat(child);
      if (stat && stat->state != 'Z' && stat->state != 'X' && takes(child)) return false;
    }
    return true;
  }

  void kill_all() override {
    runtime::kill_trees([](pid_t) { return true; });
  }
};

}  // namespace

std::string run_marker(std::uint64_t run) {
  return std::string(kRunMarker) + "=" + std::to_string(::getpid()) + "." + std::to_string(run);
}

std::unique_ptr<RunTree> make_group_tree() { return std::make_unique<GroupTree>(); }

}  // namespace weir::action
