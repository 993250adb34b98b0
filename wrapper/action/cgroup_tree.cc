#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "schema/base/unique_fd.h"
#include "schema/runtime/process_tree.h"
#include "wrapper/action/guard_protocol.h"
#include "wrapper/action/run_tree.h"

namespace weir::action {
namespace {

constexpr int kNamesMax = 100;

bool write_file(const std::string& path, std::string_view text) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd.valid() &&
         ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Where cgroups of version 2 are mounted; empty: nowhere.
std::string cgroup_mount() {
  std::ifstream mounts("/proc/self/mountinfo");
  std::string line;
  while (std::getline(mounts, line)) {
    const std::size_t separator = line.find(" - ");
    if (separator == std::string::npos || line.compare(separator, 11, " - cgroup2 ") != 0) continue;
    std::istringstream fields(line);
    std::string id;
    std::string parent;
    std::string device;
    std::string root;
    std::string mount_point;
    fields >> id >> parent >> device >> root >> mount_point;
    return mount_point;
  }
  return {};
}

std::vector<pid_t> processes_in(const std::string& folder) {
  std::ifstream file(folder + "/cgroup.procs");
  std::vector<pid_t> pids;
  for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
  return pids;
}

bool populated(const std::string& folder) {
  return read_file(folder + "/cgroup.events").find("populated 1") != std::string::npos;
}

class CgroupTree : public RunTree {
 public:
  explicit CgroupTree(std::string folder) : folder_(std::move(folder)) {}
  ~CgroupTree() override {
    // A cgroup counts its dead a moment longer than waitpid does.
    for (int attempt = 0; attempt < 20 && !remove_cgroup(folder_); ++attempt) ::usleep(1000);
  }

  std::string folder() const override { return folder_; }

  int cgroup_of(std::size_t slot) override {
    UniqueFd& fd = slots_[slot];
    // Linux 6.18 kills at once whatever is cloned into a cgroup that cgroup.kill was ever used on.
    if (killed_[slot]) {
      ::rmdir(slot_folder(slot).c_str());  // If it still counts its dead: remove_cgroup() later.
      fd.reset();
      ++generations_[slot];
      killed_[slot] = false;
    }
    if (!fd.valid()) {
      const std::string path = slot_folder(slot);
      if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return -1;
      fd.reset(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }
    return fd.get();
  }

  void signal(const RunKey& key, std::span<const RunKey> open, int signal) override {
    if (!slots_[key.slot].valid()) return groups_->signal(key, open, signal);
    // Held first, then looked up again: what is still listed is what the pidfd holds.
    std::vector<std::pair<pid_t, UniqueFd>> held;
    for (const pid_t pid : processes_in(slot_folder(key.slot))) {
      held.emplace_back(pid, UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))));
    }
    const std::vector<pid_t> listed = processes_in(slot_folder(key.slot));
    for (const auto& [pid, pidfd] : held) {
      if (!pidfd.valid() || std::find(listed.begin(), listed.end(), pid) == listed.end()) continue;
      ::syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0);
    }
  }

  void kill(const RunKey& key, std::span<const RunKey> open) override {
    if (slots_[key.slot].valid()) {
      killed_[key.slot] = true;
      write_file(slot_folder(key.slot) + "/cgroup.kill", "1");
    }
    // One that moved itself into another cgroup still descends from us.
    if (!slots_[key.slot].valid() || open.size() <= 1) groups_->kill(key, open);
  }

  bool empty(const RunKey& key, std::span<const RunKey> open) override {
    if (slots_[key.slot].valid() && populated(slot_folder(key.slot))) return false;
    if (slots_[key.slot].valid() && open.size() > 1) return true;
    return groups_->empty(key, open);
  }

  void kill_all() override {
    write_file(folder_ + "/cgroup.kill", "1");
    groups_->kill_all();
  }

 private:
  std::string slot_folder(std::size_t slot) const {
    return folder_ + "/run-" + std::to_string(slot) + "." + std::to_string(generations_[slot]);
  }

  std::string folder_;
  std::unique_ptr<RunTree> groups_ = make_group_tree();
  std::array<UniqueFd, kRunsMax> slots_;
  std::array<std::uint64_t, kRunsMax> generations_{};  // How many cgroups a slot has used up.
  std::array<bool, kRunsMax> killed_{};                // This one is used up.
};

}  // namespace

std::string own_cgroup() {
  const std::string mount = cgroup_mount();
  if (mount.empty()) return {};
  std::ifstream cgroups("/proc/self/cgroup");
  std::string line;
  while (std::getline(cgroups, line)) {
    if (line.rfind("0::", 0) != 0) continue;
    const std::string path = line.substr(3);
    return path == "/" ? mount : mount + path;
  }
  return {};
}

std::unique_ptr<RunTree> make_cgroup_tree(std::string* why) {
  const std::string own = own_cgroup();
  if (own.empty()) {
    *why = "no cgroup of version 2 is mounted";
    return nullptr;
  }
  // Never one that is there already: a guard before us with the same pid may have been killed and
  // have left it, and what was ever killed kills whatever comes into it.
  const std::string name = own + "/weir-guard-" + std::to_string(::getpid());
  std::string folder = name;
  bool made = false;
  for (int attempt = 1; !made && attempt <= kNamesMax; ++attempt) {
    made = ::mkdir(folder.c_str(), 0755) == 0;
    if (!made && errno != EEXIST) break;
    if (!made && !remove_cgroup(folder)) folder = name + "-" + std::to_string(attempt);
  }
  if (!made) {
    *why = "mkdir " + folder + ": " + ::strerror(errno);  // NOLINT(concurrency-mt-unsafe)
    return nullptr;
  }
  auto tree = std::make_unique<CgroupTree>(folder);
  if (::access((folder + "/cgroup.kill").c_str(), W_OK) != 0) {
    *why = folder + " has no cgroup.kill (Linux before 5.14)";
    return nullptr;
  }
  return tree;
}

bool kill_cgroup(const std::string& folder) {
  if (::access(folder.c_str(), F_OK) != 0) return true;
  write_file(folder + "/cgroup.kill", "1");
  return !populated(folder);
}

bool remove_cgroup(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (entry.is_directory(ignored)) ::rmdir(entry.path().c_str());
  }
  return ::rmdir(folder.c_str()) == 0 || errno == ENOENT;
}

}  // namespace weir::action
