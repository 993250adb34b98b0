// How far the broker knows this agent, and what it is told next.
//
// With each connection all is said anew: who this is and what runs here, then what changes of that.
// One report is under way at a time, so that however much there is to say, no more than one message
// of bounded size is; but each second one goes out, answered or not. A broker that is silent for
// kBrokerSilence is dialed anew.
//
// Owns what is said and what is not; AgentCore tells it what has changed. Pure. Loop thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/core/wrapper_life.h"
#include "schema/wire/control.h"

namespace weir::agent {

inline constexpr std::chrono::milliseconds kHeartbeat{1000};
inline constexpr std::chrono::milliseconds kBrokerSilence{3000};
inline constexpr std::chrono::milliseconds kNotSentRetry{20};  // No connection stands yet.

class BrokerLink {
 public:
  using Lives = std::map<wire::InstanceKey, WrapperLife>;

  // `identity`: tells this agent from others of its name. `address`: where other hosts reach it.
  BrokerLink(std::string name, std::string identity, std::string address)
      : name_(std::move(name)), identity_(std::move(identity)), address_(std::move(address)) {}

  // There is a new connection, or about to be.
  void connected(SteadyTime now);
  // The last message was not sent: nobody is connected. It is made again soon.
  void not_reached(SteadyTime now);
  // True: nothing was heard for so long that a new connection is needed.
  bool is_silent(SteadyTime now);

  // ---- What the broker says ----------------------------------------------------------------

  void heard(SteadyTime now) { heard_ = now; }
  // A report arrived.
  void answered() { unanswered_ = false; }
  // It has answered with orders, so it knows all that was said.
  void accepted();
  // False: these do not follow those that were obeyed last, and all is to be said anew.
  bool follows(const wire::AgentOrders& orders);
  // Of this agent, or of what it reports.
  void refused(const wire::Refusal& refusal, SteadyTime now);

  // ---- What it is to know ------------------------------------------------------------------

  // Goes out with the next report; with `now`, at once.
  void changed(const wire::InstanceKey& key) { unreported_.insert(key); }
  void gone(const wire::InstanceKey& key);
  void back(const wire::InstanceKey& key) { gone_.erase(key); }
  void report_now() { report_now_ = true; }

  // What is due, if anything is: an AgentRegister or an AgentReport. `removing`: instances that
  // are being deleted.
  std::optional<wire::Message> next_message(const Lives& lives,
                                            std::vector<wire::InstanceKey> removing,
                                            SteadyTime now);
  // When there is, at the latest.
  SteadyTime deadline() const { return next_heartbeat_; }
  // All of it: who this is, and what runs here.
  bool is_known() const { return known_ == Known::kAll; }

 private:
  enum class Known {
    kNot,
    kInPart,  // It was told who this is, and some of what runs here.
    kAll,     // It has answered with orders.
  };

  wire::Message registration(const Lives& lives);
  wire::Message report(const Lives& lives, std::vector<wire::InstanceKey> removing);
  // Of those that are unreported, what fits into one message.
  std::vector<wire::InstanceStatus> take_unreported(const Lives& lives);

  std::string name_;
  std::string identity_;
  std::string address_;
  Known known_ = Known::kNot;
  uint64_t orders_version_ = 0;  // Of this connection; 0: none, or they do not follow each other.
  // What the broker does not know yet, on this connection.
  std::set<wire::InstanceKey> unreported_;  // Those that have a life.
  std::set<wire::InstanceKey> gone_;        // Those that have none any more.
  bool unanswered_ = false;                 // A report is; the next one waits for the answer.
  bool report_now_ = false;
  std::optional<SteadyTime> heard_;  // Or when we began to listen.
  SteadyTime next_heartbeat_{};
  std::string refused_;  // What the broker said last about not taking us; told once.
};

}  // namespace weir::agent
