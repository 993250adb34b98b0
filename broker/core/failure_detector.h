// Which agents are lost: silent, and none of their wrappers is heard either (R10).
//
// An agent that is silent for kAgentSilence is suspected. Its wrappers may live all the same: then
// neighbours on other hosts report that they hear them, or they answer on their own ports, which
// the broker's shell probes. Only when nothing of that is so is the agent lost, and its nodes go
// elsewhere. It stays lost until it speaks itself.
//
// A broker that hears no agent at all may be cut off itself: it judges nobody by that time, and
// when it hears one again it gives the others time, as after its own start.
//
// Pure. Loop thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "broker/core/state.h"

namespace weir::broker {

// Silence after which the wrappers of an agent are looked at, so that all is known when it is
// suspected.
inline constexpr std::chrono::milliseconds kProbeAfter{1500};
inline constexpr std::chrono::milliseconds kProbeInterval{1000};
// How old evidence that an agent lives may be. A neighbour's report is up to a second old.
inline constexpr std::chrono::milliseconds kEvidenceLasts{2000};
// An agent that a broker has not heard of since its own start has longer.
inline constexpr std::chrono::milliseconds kSilenceAtStart{10'000};
inline constexpr size_t kProbesPerAgent = 8;

// Whether anybody answers at one of these endpoints.
struct Probe {
  std::string agent;
  std::vector<std::string> endpoints;  // Never empty.
};

class FailureDetector {
 public:
  // About four times a second. Sets state.lost, and returns what is to be probed; each is answered
  // by probed(). `started`: when this broker began.
  std::vector<Probe> tick(State& state, SteadyTime started, SteadyTime now);
  void probed(const std::string& agent, bool answered, SteadyTime now);
  // An agent was heard. If it is the first one after a long time, nobody is lost any more.
  void heard(State& state, SteadyTime at);

 private:
  struct Suspect {
    std::optional<SteadyTime> evidence;  // That it lives: the last time.
    std::optional<SteadyTime> probe_sent;
    bool probe_due = true;               // Not one was answered or given up yet.
    SteadyTime::duration not_counted{};  // Of its silence: the broker heard nobody then.
  };
  // Since when an agent is not heard, and how long that may be.
  struct Silence {
    SteadyTime since;
    std::chrono::milliseconds allowed;
  };

  Silence silence_of(const Agent* agent, SteadyTime started) const;

  void collect_evidence(const State& state, SteadyTime now);

  std::map<std::string, Suspect> suspects_;
  std::optional<SteadyTime> heard_at_;  // The last word of any agent.
  std::optional<SteadyTime> back_at_;   // The last time that one came after a long silence of all.
};

}  // namespace weir::broker
