#include "wrapper/action/oom_kills.h"

#include <unistd.h>

#include <fstream>

#include "wrapper/action/run_tree.h"

namespace weir::action {
namespace {

constexpr std::chrono::seconds kLookEvery{1};

std::string file_of_this_process() {
  const std::string cgroup = own_cgroup();
  std::string events = cgroup + "/memory.events";
  if (!cgroup.empty() && ::access(events.c_str(), R_OK) == 0) return events;
  return "/proc/vmstat";
}

}  // namespace

OomKills::OomKills(std::string file)
    : file_(file.empty() ? file_of_this_process() : std::move(file)) {}

std::uint64_t OomKills::lately() {
  const auto time = std::chrono::steady_clock::now();
  if (seen_at_ == std::chrono::steady_clock::time_point{} || time - seen_at_ >= kLookEvery) {
    seen_ = now();
    seen_at_ = time;
  }
  return seen_;
}

std::uint64_t OomKills::now() const {
  std::ifstream file(file_);
  std::string name;
  for (std::uint64_t count = 0; file >> name >> count;) {
    if (name == "oom_kill") return count;
  }
  return 0;
}

}  // namespace weir::action
