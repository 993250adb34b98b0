#include "test/sim/cluster/broker_process.h"

#include "test/sim/cluster/cluster.h"
#include "test/sim/cluster/wrapper_process.h"

namespace weir::sim {
namespace {

constexpr milliseconds kTick{250};      // As in broker_shell.cc.
constexpr milliseconds kPatience{900};  // As in prober.h.
constexpr size_t kCopiesMax = 4;

}  // namespace

void BrokerDisk::write(const std::vector<broker::StoreWrite>& writes) {
  for (const broker::StoreWrite& one : writes) {
    if (one.value) {
      records[one.key] = *one.value;
    } else {
      records.erase(one.key);
    }
  }
}

void BrokerDisk::keep_copy() {
  copies.push_back(records);
  if (copies.size() > kCopiesMax) copies.erase(copies.begin());
}

BrokerProcess::BrokerProcess(Cluster& cluster, BrokerDisk& disk)
    : Process(cluster.scheduler()), cluster_(cluster), disk_(disk) {}

void BrokerProcess::begin() {
  cluster_.trace("the broker starts");
  std::vector<broker::StoreRecord> records;
  for (const auto& [key, value] : disk_.records) records.push_back({key, value});
  std::vector<broker::StoreWrite> writes;
  auto core = broker::BrokerCore::recover(records, writes);
  if (!core) return cluster_.fail("the broker's store does not load: " + core.error().what);
  disk_.write(writes);
  core_.emplace(std::move(*core));
  later(kTick, [this] { tick(); });
}

void BrokerProcess::die() {
  dead_ = true;
  no_more_events();
  for (const auto& [peer, weak] : std::exchange(peers_, {})) {
    cluster_.scheduler().after(milliseconds(cluster_.pick(5)), [weak = weak] {
      if (const auto link = weak.lock()) link->broke();
    });
  }
}

void BrokerProcess::accept(const std::string& peer, std::weak_ptr<ControlLink> link) {
  peers_[peer] = std::move(link);
}

void BrokerProcess::receive(const std::string& peer, const wire::Envelope& envelope) {
  if (dead_) return;
  carry_out(core_->receive(peer, envelope, scheduler().now(), cluster_.unix_ms()));
}

void BrokerProcess::tick() {
  if (dead_) return;
  later(kTick, [this] { tick(); });
  carry_out(core_->tick(scheduler().now(), cluster_.unix_ms()));
}

bool BrokerProcess::dies_now() {
  if (!dead_ && cluster_.dies_now(Victim::kBroker)) cluster_.kill_broker();
  return dead_;
}

void BrokerProcess::carry_out(const broker::Effects& effects) {
  if (dies_now()) return;
  disk_.write(effects.writes);
  for (const broker::Outgoing& one : effects.sends) {
    if (dies_now()) return;
    if (const auto* orders = std::get_if<wire::AgentOrders>(&one.envelope.message)) {
      cluster_.checker().ordered(*core_, one.peer, *orders);
    }
    const auto link = peers_.find(one.peer);
    const auto alive = link == peers_.end() ? nullptr : link->second.lock();
    if (alive) alive->answer(one.envelope);
  }
  for (const broker::Probe& probe : effects.probes) ask(probe, scheduler().now() + kPatience);
}

// Who lives greets whoever connects; a process that is stopped does not, and a way that is closed
// in one direction is closed for a connection.
void BrokerProcess::ask(const broker::Probe& probe, SteadyTime until) {
  const bool answered =
      std::any_of(probe.endpoints.begin(), probe.endpoints.end(), [&](const std::string& endpoint) {
        WrapperProcess* const there = cluster_.listening(endpoint);
        return there != nullptr && !there->stopped() &&
               cluster_.network().both_open(cluster_.broker_place(), there->place());
      });
  if (answered || scheduler().now() >= until) {
    later(milliseconds(1 + cluster_.pick(20)), [this, agent = probe.agent, answered] {
      if (!dead_) core_->probed(agent, answered, scheduler().now());
    });
  } else {
    later(milliseconds(100), [this, probe, until] { ask(probe, until); });
  }
}

}  // namespace weir::sim
