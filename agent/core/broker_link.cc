#include "agent/core/broker_link.h"

#include <algorithm>
#include <utility>

#include "schema/base/log.h"

namespace weir::agent {

void BrokerLink::connected(SteadyTime now) {
  known_ = Known::kNot;
  heard_ = now;
  next_heartbeat_ = now;
}

// What was in it is said again with everything else.
void BrokerLink::not_reached(SteadyTime now) {
  known_ = Known::kNot;
  next_heartbeat_ = std::min(next_heartbeat_, now + kNotSentRetry);
}

bool BrokerLink::is_silent(SteadyTime now) {
  if (!heard_) heard_ = now;
  if (now - *heard_ < kBrokerSilence) return false;
  connected(now);
  return true;
}

void BrokerLink::accepted() {
  known_ = Known::kAll;
  if (!std::exchange(refused_, "").empty()) log::info("the broker accepts this agent now");
}

bool BrokerLink::follows(const wire::AgentOrders& orders) {
  const bool follows = orders.base == 0 || orders.base == orders_version_;
  const uint64_t version = follows ? orders.version : 0;
  if (orders_version_ != version) report_now_ = true;
  orders_version_ = version;
  return follows;
}

void BrokerLink::refused(const wire::Refusal& refusal, SteadyTime now) {
  if (refusal.code == ErrorCode::kNotFound) {
    // The broker was restarted, or does not take us: say everything again, at once if it is new.
    if (known_ != Known::kNot) next_heartbeat_ = now;
    known_ = Known::kNot;
  } else {
    // Each second we ask again, and are told again.
    const bool known = std::exchange(refused_, refusal.what) == refusal.what;
    log::write(known ? log::Level::kDebug : log::Level::kError,
               "the broker refuses this agent: " + refusal.what);
    if (refusal.code == ErrorCode::kConflict) known_ = Known::kNot;
  }
}

void BrokerLink::gone(const wire::InstanceKey& key) {
  unreported_.erase(key);
  gone_.insert(key);
}

std::optional<wire::Message> BrokerLink::next_message(const Lives& lives,
                                                      std::vector<wire::InstanceKey> removing,
                                                      SteadyTime now) {
  const bool due = now >= next_heartbeat_;
  const bool rest = known_ == Known::kInPart && !unreported_.empty();
  const bool more = (report_now_ && known_ != Known::kNot) || rest;
  if (!due && !(more && !unanswered_)) return std::nullopt;
  next_heartbeat_ = now + kHeartbeat;
  if (known_ == Known::kNot) return registration(lives);
  // A registration is only said once; silence ends it.
  if (known_ == Known::kInPart && unanswered_) return std::nullopt;
  // The figures of all that run.
  for (const auto& [key, life] : lives) {
    if (due && life.has_process()) unreported_.insert(key);
  }
  return report(lives, std::move(removing));
}

wire::Message BrokerLink::registration(const Lives& lives) {
  orders_version_ = 0;
  gone_.clear();
  for (const auto& [key, life] : lives) unreported_.insert(key);
  wire::AgentRegister message{name_, address_, take_unreported(lives), identity_};
  message.more = !unreported_.empty();
  if (message.more) {
    known_ = Known::kInPart;
    unanswered_ = true;
  }
  return message;
}

wire::Message BrokerLink::report(const Lives& lives, std::vector<wire::InstanceKey> removing) {
  wire::AgentReport report{name_, orders_version_, take_unreported(lives), std::move(removing)};
  report.changes_only = true;
  report.gone = {gone_.begin(), gone_.end()};
  gone_.clear();
  report.more = !unreported_.empty();
  report_now_ = report.more;
  unanswered_ = true;
  return report;
}

std::vector<wire::InstanceStatus> BrokerLink::take_unreported(const Lives& lives) {
  std::vector<wire::InstanceStatus> statuses;
  size_t bytes = 0;
  while (!unreported_.empty()) {
    wire::InstanceStatus status = lives.at(*unreported_.begin()).status();
    const size_t size = wire::encode_status(status).size();
    if (bytes > 0 && bytes + size > wire::kPartBytesMax) break;
    bytes += size;
    statuses.push_back(std::move(status));
    unreported_.erase(unreported_.begin());
  }
  return statuses;
}

}  // namespace weir::agent
