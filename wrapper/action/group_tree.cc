#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "schema/base/unique_fd.h"
#include "schema/runtime/process_tree.h"
#include "wrapper/action/run_tree.h"

namespace weir::action {
namespace {

// A process that is in the middle of an exec has no environment for a moment.
constexpr int kEnvironmentTries = 20;
constexpr useconds_t kEnvironmentDelayUs = 200;

// The environment with which `pid` was started, with a zero before and after each entry.
std::string environment_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/environ";
  std::string environment(1, '\0');
  for (int attempt = 0; attempt < kEnvironmentTries; ++attempt) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) break;
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::read(fd.get(), buffer, sizeof buffer)) > 0) {
      environment.append(buffer, static_cast<std::size_t>(got));
    }
    const auto stat = runtime::process_stat(pid);
    if (got < 0 || environment.size() > 1 || !stat || stat->state == 'Z') break;
    ::usleep(kEnvironmentDelayUs);
  }
  return environment;
}

bool has_marker(const std::string& environment, std::uint64_t run) {
  return environment.find('\0' + run_marker(run) + '\0') != std::string::npos;
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
  const std::string environment = environment_of(child);
  if (has_marker(environment, key.run)) return Owner::kThis;
  for (const RunKey& other : open) {
    if (has_marker(environment, other.run)) return Owner::kOther;
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
    // Zombies count, because they may have threads that run; what is dead is reaped first.
    const std::vector<pid_t> children = runtime::children_of(::getpid());
    return std::none_of(children.begin(), children.end(), filter_for(key, open));
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
