#include "test/sim/cluster/control_link.h"

#include "test/sim/cluster/broker_process.h"
#include "test/sim/cluster/cluster.h"

namespace weir::sim {

ControlLink::ControlLink(Cluster& cluster, size_t place, Process& client, OnAnswer on_answer)
    : cluster_(cluster), place_(place), client_(&client), on_answer_(std::move(on_answer)) {}

void ControlLink::close() {
  client_ = nullptr;
  peer_.clear();
  up_.clear();
  down_.clear();
}

void ControlLink::try_to_connect() {
  if (client_ == nullptr || !peer_.empty()) return;
  BrokerProcess* const broker = cluster_.broker();
  if (broker != nullptr && !broker->stopped() &&
      cluster_.network().both_open(place_, cluster_.broker_place())) {
    peer_ = cluster_.new_name("peer");
    broker->accept(peer_, weak_from_this());
    return;
  }
  cluster_.scheduler().after(milliseconds(20 + cluster_.pick(130)), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->try_to_connect();
  });
}

bool ControlLink::send(const wire::Envelope& envelope) {
  if (peer_.empty()) return false;
  up_.push_back(envelope);
  plan_next(true, cluster_.delay());
  return true;
}

void ControlLink::answer(const wire::Envelope& envelope) {
  down_.push_back(envelope);
  plan_next(false, cluster_.delay());
}

void ControlLink::plan_next(bool up, Duration delay) {
  bool& planned = up ? up_planned_ : down_planned_;
  if (planned || peer_.empty() || (up ? up_.empty() : down_.empty())) return;
  planned = true;
  cluster_.scheduler().after(delay, [weak = weak_from_this(), up] {
    if (const auto self = weak.lock()) self->pass_on(up);
  });
}

void ControlLink::pass_on(bool up) {
  (up ? up_planned_ : down_planned_) = false;
  if (client_ == nullptr || peer_.empty() || (up ? up_.empty() : down_.empty())) return;
  BrokerProcess* const broker = cluster_.broker();
  if (broker == nullptr) return broke();
  const size_t from = up ? place_ : cluster_.broker_place();
  const size_t to = up ? cluster_.broker_place() : place_;
  const bool stopped = up ? broker->stopped() : client_->stopped();
  if (stopped || !cluster_.network().open(from, to)) {
    return plan_next(up, milliseconds(20 + cluster_.pick(80)));
  }
  const auto self = shared_from_this();
  std::deque<wire::Envelope>& queue = up ? up_ : down_;
  const wire::Envelope envelope = std::move(queue.front());
  queue.pop_front();
  up ? broker->receive(peer_, envelope) : on_answer_(envelope);
  plan_next(up, cluster_.delay());
}

void ControlLink::broke() {
  if (peer_.empty()) return;
  if (BrokerProcess* const broker = cluster_.broker(); broker != nullptr) broker->forget(peer_);
  peer_.clear();
  up_.clear();
  down_.clear();
  try_to_connect();
}

}  // namespace weir::sim
