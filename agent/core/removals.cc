#include "agent/core/removals.h"

#include <utility>

namespace weir::agent {

std::vector<wire::InstanceKey> Removals::keys() const {
  std::vector<wire::InstanceKey> all;
  all.reserve(removals_.size());
  for (const auto& [key, removal] : removals_) all.push_back(key);
  return all;
}

std::vector<wire::InstanceKey> Removals::take_due(
    const std::function<bool(const wire::InstanceKey&)>& has_life, SteadyTime now) {
  std::vector<wire::InstanceKey> due;
  for (auto& [key, removal] : removals_) {
    if (removal.asked || now < removal.next_at || has_life(key)) continue;
    removal.asked = true;
    due.push_back(key);
  }
  return due;
}

bool Removals::failed(const wire::InstanceKey& key, const std::string& what, SteadyTime now) {
  const auto found = removals_.find(key);
  if (found == removals_.end()) return false;
  found->second.asked = false;
  found->second.next_at = now + kRemovalRetry;
  return std::exchange(found->second.problem, what) != what;
}

std::optional<SteadyTime> Removals::deadline() const {
  std::optional<SteadyTime> earliest;
  for (const auto& [key, removal] : removals_) {
    // One that has a life waits for that; one that was asked for, for its answer.
    if (removal.asked || removal.next_at == SteadyTime{}) continue;
    if (!earliest || removal.next_at < *earliest) earliest = removal.next_at;
  }
  return earliest;
}

}  // namespace weir::agent
