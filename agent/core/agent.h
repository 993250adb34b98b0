// The agent's decisions: one WrapperLife for each instance that it has an order for, and the order
// in which wrappers stop when the agent itself is told to stop.
//
// The broker's orders and what wrappers say come in, what is to be done goes out. The agent does
// not need the broker to keep wrappers running: orders are on its disk.
//
// Pure: no sockets, files, processes or clocks. Loop thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "agent/core/broker_link.h"
#include "agent/core/contents.h"
#include "agent/core/layout.h"
#include "agent/core/removals.h"
#include "agent/core/wrapper_life.h"
#include "schema/wire/control.h"

namespace weir::agent {

// ---- What the shell does, in this order; see the answers in wrapper_life.h -----------------

struct ToBroker {
  wire::Message message;
  std::string request = {};  // Where the answer must be told from others.
};
struct ReconnectBroker {};  // A new socket: the old one may never come back (B1).
struct ToWrapper {
  std::string peer;
  wire::Message message;
  std::string request = {};  // Of whom the answer is for.
};
// A life's effect that the shell carries out: all but those that send, and ReportNow.
struct ForWrapper {
  wire::InstanceKey key;
  LifeEffect what;
};

// All but AskForContent, which is a ToBroker.
struct ForContents {
  ContentEffect what;
};

// Everything that is kept of an instance is deleted; it has no life any more. Answered later.
struct EraseInstance {
  wire::InstanceKey key;
};

// Answered to the broker, under this request's id.
struct ReadLog {
  std::string request;
  wire::LogRead what;
  bool known = false;  // There is an order for it.
};

// A question about the log of a wrapper that does not run: `weir-wrapper --inspect ask` answers it,
// under this request's id.
struct AskLog {
  std::string request;
  wire::InstanceKey key;
  uint64_t log_term = 0;
  wire::Message question;
};

using AgentEffect = std::variant<ToBroker, ReconnectBroker, ToWrapper, ForWrapper, ForContents,
                                 EraseInstance, ReadLog, AskLog>;

class AgentCore {
 public:
  // `log_limit_bytes`: for logs whose order has no limit; 0: a share of the disk. `identity`: tells
  // this agent from others of its name.
  AgentCore(std::string name, Layout layout, uint64_t log_limit_bytes = 0,
            std::string identity = {});

  // An order that was found on disk, and how often its wrapper was started with it; before the
  // first event.
  void recover(wire::StartOrder order, Starts starts = {});

  // The host was booted: until the broker has said what should run here, or until this time, no
  // wrapper is started (R10). Also before the first event.
  void hold_starts(SteadyTime until) { hold_until_ = until; }
  bool holds_starts() const { return hold_until_.has_value(); }

  // `free_bytes`: what is left of the disk with the logs.
  std::vector<AgentEffect> from_broker(wire::Envelope envelope, uint64_t free_bytes,
                                       SteadyTime now);
  std::vector<AgentEffect> from_wrapper(const std::string& peer, wire::Envelope envelope,
                                        SteadyTime now);
  // An answer to a ForWrapper, or the end of a process.
  std::vector<AgentEffect> from_shell(const wire::InstanceKey& key, const LifeEvent& event,
                                      SteadyTime now);
  // An answer to a ForContents.
  std::vector<AgentEffect> from_contents(const std::string& sha256, const ContentAnswer& answer,
                                         SteadyTime now);
  // The answer to an EraseInstance.
  std::vector<AgentEffect> from_eraser(const wire::InstanceKey& key, const Status& done,
                                       SteadyTime now);
  std::vector<AgentEffect> tick(SteadyTime now);
  // All that came at once is done: what follows from all of it together is due now, and what the
  // broker is to know of it is reported, in one message. Again until nothing comes of it.
  std::vector<AgentEffect> end_turn(SteadyTime now);
  // There is a new connection, or about to be.
  void broker_connected(SteadyTime now) { broker_.connected(now); }
  // The last ToBroker was not sent: nobody is connected. It is made again soon.
  void broker_not_reached(SteadyTime now) { broker_.not_reached(now); }
  // Stop all wrappers, from sources to sinks, and take no more orders. Orders stay on disk.
  std::vector<AgentEffect> shut_down(SteadyTime now);

  // When tick() is due, at the latest.
  SteadyTime deadline(SteadyTime now) const;
  // After shut_down(): no wrapper runs any more.
  bool all_down() const;

  const Layout& layout() const { return layout_; }
  const std::map<wire::InstanceKey, WrapperLife>& lives() const { return lives_; }

 private:
  void step(const wire::InstanceKey& key, const LifeEvent& event, SteadyTime now);
  void take_orders(const wire::AgentOrders& orders, uint64_t free_bytes, SteadyTime now);
  uint64_t log_share(const wire::AgentOrders& orders, uint64_t free_bytes) const;
  void take_order(const wire::StartOrder& order, uint64_t log_share, SteadyTime now);
  void take_hello(const std::string& peer, const wire::InstanceKey& key, const HelloCame& hello,
                  SteadyTime now);
  void take_report(const std::string& peer, const wire::InstanceStatus& status, SteadyTime now);
  void pass_on(const wire::InstanceKey& key, const LifeEffect& effect);
  void pass_question(const std::string& request, const wire::InstanceKey& key, uint64_t log_term,
                     wire::Message question);
  void to_peer(const wire::InstanceKey& key, wire::Message message);
  void bind_peer(const std::string& peer, const wire::InstanceKey& key);
  void unbind_peer(const wire::InstanceKey& key);
  void continue_shutdown(SteadyTime now);
  bool writers_are_down(const wire::StartOrder& order) const;
  void take_notes_taken(const wire::NotesTaken& notes);
  void take_refusal(const std::string& request, const wire::Refusal& refusal, SteadyTime now);
  void supply_contents(SteadyTime now);
  void continue_removals(SteadyTime now);
  std::vector<AgentEffect> finish(SteadyTime now);

  Layout layout_;
  uint64_t log_limit_bytes_;
  BrokerLink broker_;
  std::map<wire::InstanceKey, WrapperLife> lives_;
  Removals removals_;
  Contents contents_;
  std::map<std::string, wire::InstanceKey> by_peer_;  // One connection for each wrapper, at most.
  std::map<wire::InstanceKey, std::string> peers_;    // The same, the other way round.

  std::optional<SteadyTime> hold_until_;

  // Orders that came while what was there before them was still being deleted.
  std::map<wire::InstanceKey, wire::StartOrder> held_up_;
  uint64_t held_up_share_ = 0;  // The log's share that they are to have.

  bool orders_changed_ = true;  // Other contents may be needed.
  bool shutting_down_ = false;

  std::vector<AgentEffect> effects_;  // Of the step that is under way.
};

}  // namespace weir::agent
