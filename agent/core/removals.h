// The instances of which everything is to be deleted, and what is in the way. One is deleted by the
// shell once it has no life any more; what fails is tried again.
//
// Pure. Loop thread. Nothing of it survives a crash: the broker repeats what it wants removed.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schema/wire/control.h"

namespace weir::agent {

using SteadyTime = std::chrono::steady_clock::time_point;

inline constexpr std::chrono::milliseconds kRemovalRetry{1000};

class Removals {
 public:
  void want(const wire::InstanceKey& key) { removals_.try_emplace(key); }
  bool has(const wire::InstanceKey& key) const { return removals_.contains(key); }
  // All that are not gone yet.
  std::vector<wire::InstanceKey> keys() const;

  // Those to be deleted now. Each is answered by gone() or failed().
  std::vector<wire::InstanceKey> take_due(
      const std::function<bool(const wire::InstanceKey&)>& has_life, SteadyTime now);
  void gone(const wire::InstanceKey& key) { removals_.erase(key); }
  // True if this is another problem than the last time.
  bool failed(const wire::InstanceKey& key, const std::string& what, SteadyTime now);
  std::optional<SteadyTime> deadline() const;

 private:
  struct Removal {
    bool asked = false;
    SteadyTime next_at{};
    std::string problem;
  };

  std::map<wire::InstanceKey, Removal> removals_;
};

}  // namespace weir::agent
