// Whether the kernel has killed for lack of memory, as it counts it itself.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace weir::action {

class OomKills {
 public:
  // `file` has a line "oom_kill N"; empty: memory.events of this process's cgroup if there is one,
  // which counts what is below it too, else /proc/vmstat, which is about all of the host.
  explicit OomKills(std::string file);

  // How many there were when it was last looked, which is at most a second ago: looking costs.
  std::uint64_t lately();
  // How many there are now; 0 where nobody counts.
  std::uint64_t now() const;

 private:
  std::string file_;
  std::uint64_t seen_ = 0;
  std::chrono::steady_clock::time_point seen_at_{};
};

}  // namespace weir::action
