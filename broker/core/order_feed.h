// What one agent is to run: what is wanted of it, what of that was sent on its connection, and what
// of that it has obeyed.
//
// Changes are sent, in messages of bounded size, and only so many ahead of what it has obeyed. So
// neither how much it is to run nor how often that changes makes a message that cannot be sent or a
// queue that grows: what has changed again before it was sent is sent once. Pure. Loop thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "schema/wire/control.h"

namespace weir::broker {

using SteadyTime = std::chrono::steady_clock::time_point;

class OrderFeed {
 public:
  // Messages that an agent may have that it has not obeyed.
  static constexpr size_t kAheadMax = 4;
  // It obeys at once, and reports each second: one that has not obeyed for so long has lost some.
  static constexpr std::chrono::milliseconds kObeyedWithin{3000};

  // All that is wanted of it in this pipeline; its `version` and `base` do not count. What was
  // wanted before and is in no list any more is left to the agent.
  void want(const std::string& pipeline, wire::AgentOrders orders);
  // Pipelines of which something is wanted.
  std::set<std::string> pipelines() const;

  // There is a new connection: nothing was sent on it.
  void begin_anew();
  // It reports that it has obeyed this version last. True: that is news, or there is more to tell.
  bool on_report(uint64_t version, SteadyTime now);
  // The next message, if one may be sent now and there is something to tell; the first on a
  // connection also if there is nothing. `version`: larger than any before.
  std::optional<wire::AgentOrders> next(uint64_t version, SteadyTime now);

  // It has obeyed the orders to stop, or to remove, these.
  std::vector<wire::InstanceKey> obeyed_stops() const { return obeyed(Kind::kStop); }
  std::vector<wire::InstanceKey> obeyed_removals() const { return obeyed(Kind::kRemove); }

 private:
  enum class Kind { kStart, kStop, kRemove };
  struct Order {
    Kind kind = Kind::kStop;
    std::optional<wire::StartOrder> start;  // kStart.

    bool operator==(const Order&) const = default;
  };
  struct Wanted {
    Order order;
    uint64_t sent = 0;  // The version that said so; 0: it was not sent.
  };

  void want_one(const wire::InstanceKey& key, Order order);
  std::vector<wire::InstanceKey> obeyed(Kind kind) const;

  std::map<wire::InstanceKey, Wanted> wanted_;
  std::set<wire::InstanceKey> unsent_;  // Of `wanted_`.
  uint64_t first_ = 0;                  // Version of the first message since all was said anew.
  uint64_t last_ = 0;                   // Likewise, of the last; 0: there was none.
  uint64_t obeyed_ = 0;                 // Likewise, of the last that was obeyed.
  std::deque<uint64_t> ahead_;          // Versions that were sent and not obeyed.
  SteadyTime progress_{};               // When one was obeyed, or the first of these was sent.
};

}  // namespace weir::broker
