#include "test/sim/cluster/agent_process.h"

#include <csignal>

#include "test/sim/cluster/cluster.h"
#include "test/sim/cluster/host.h"
#include "test/sim/cluster/wrapper_process.h"

namespace weir::sim {
namespace {

constexpr uint64_t kFreeBytes = 1ull << 36;
constexpr milliseconds kLocalDelay{1};
constexpr uint64_t kTicksPerSecondMax = 600;

agent::Layout layout_of(const std::string& host) {
  return {"/" + host + "/data", "/" + host + "/run", host};
}

}  // namespace

AgentProcess::AgentProcess(Cluster& cluster, Host& host)
    : Process(cluster.scheduler()),
      cluster_(cluster),
      host_(host),
      core_(host.name(), layout_of(host.name()), cluster.plan().log_limit_bytes, host.identity) {}

SteadyTime AgentProcess::clock() const { return host_.clock(); }

void AgentProcess::begin() {
  cluster_.trace(host_.name() + ": an agent starts");
  for (const auto& [key, stored] : host_.orders) core_.recover(stored.order, stored.starts);
  if (host_.noted_boot != host_.boots) {
    boot_noted_ = false;
    if (!host_.orders.empty()) core_.hold_starts(clock() + cluster_.plan().boot_wait);
  }
  connect_broker();
  later(milliseconds(cluster_.pick(50)), [this] { carry_out(core_.tick(clock())); });
}

void AgentProcess::die() {
  dead_ = true;
  no_more_events();
  if (broker_) broker_->close();
}

void AgentProcess::connect_broker() {
  if (broker_) broker_->close();
  broker_ = std::make_shared<ControlLink>(
      cluster_, host_.place(), *this,
      [this](const wire::Envelope& envelope) { from_broker(envelope); });
  broker_->open();
}

void AgentProcess::from_broker(const wire::Envelope& envelope) {
  if (!dead_) carry_out(core_.from_broker(envelope, kFreeBytes, clock()));
}

void AgentProcess::from_wrapper(int64_t pid, const wire::Envelope& envelope) {
  later(kLocalDelay, [this, pid, envelope] {
    if (!dead_) carry_out(core_.from_wrapper("wrapper-" + std::to_string(pid), envelope, clock()));
  });
}

void AgentProcess::process_ended(int64_t pid, std::optional<int> status) {
  const auto found = followed_.find(pid);
  if (dead_ || found == followed_.end()) return;
  const wire::InstanceKey key = found->second;
  followed_.erase(found);
  const bool child = children_.erase(pid) > 0;
  agent::Ended ended;
  ended.pid = pid;
  if (child) ended.exit_code = status;
  ended.how =
      child ? (status ? "exit status " + std::to_string(*status) : "signal 9") : "it is gone";
  carry_out(core_.from_shell(key, ended, clock()));
}

void AgentProcess::carry_out(std::vector<agent::AgentEffect> effects) {
  for (agent::AgentEffect& effect : effects) pending_.push_back(std::move(effect));
  if (draining_) return;
  draining_ = true;
  while (!dead_) {
    if (pending_.empty()) {
      // As the shell does at the end of each turn of its loop.
      for (agent::AgentEffect& last : core_.end_turn(clock())) pending_.push_back(std::move(last));
      if (pending_.empty()) break;
    }
    // It may be killed between any two.
    if (cluster_.dies_now(Victim::kAgent)) {
      host_.kill_agent();
      return;
    }
    const agent::AgentEffect effect = std::move(pending_.front());
    pending_.pop_front();
    carry_out_one(effect);
  }
  draining_ = false;
  if (!boot_noted_ && !core_.holds_starts()) {
    boot_noted_ = true;
    host_.noted_boot = host_.boots;
  }
  arm_timer();
}

void AgentProcess::carry_out_one(const agent::AgentEffect& effect) {
  if (const auto* to_broker = std::get_if<agent::ToBroker>(&effect)) {
    if (!broker_->send({to_broker->request, to_broker->message})) {
      core_.broker_not_reached(clock());
    }
  } else if (const auto* to_wrapper = std::get_if<agent::ToWrapper>(&effect)) {
    const int64_t pid = std::stoll(to_wrapper->peer.substr(sizeof("wrapper-") - 1));
    if (WrapperProcess* const wrapper = host_.process(pid); wrapper != nullptr) {
      wrapper->later(kLocalDelay, [wrapper, envelope = wire::Envelope{to_wrapper->request,
                                                                      to_wrapper->message}] {
        wrapper->from_agent(envelope);
      });
    }
  } else if (const auto* removal = std::get_if<agent::EraseInstance>(&effect)) {
    later(milliseconds(cluster_.pick(200)), [this, key = removal->key] {
      if (!dead_) carry_out(core_.from_eraser(key, host_.erase(key), clock()));
    });
  } else if (const auto* task = std::get_if<agent::ForWrapper>(&effect)) {
    do_for_wrapper(*task);
  } else if (std::holds_alternative<agent::ReconnectBroker>(effect)) {
    connect_broker();
  }
  // Contents of actions, and questions about logs, are not a part of this world.
}

void AgentProcess::do_for_wrapper(const agent::ForWrapper& task) {
  const wire::InstanceKey& key = task.key;
  const auto life = core_.lives().find(key);
  if (std::holds_alternative<agent::StoreOrder>(task.what)) {
    if (life == core_.lives().end()) return answer(key, agent::OrderRemoved{});
    if (host_.disk == DiskState::kFull) {
      return answer(key, agent::DiskFailed{"no space left on device"});
    }
    host_.orders[key].order = life->second.order();
    answer(key, agent::OrderStored{});
  } else if (std::holds_alternative<agent::RemoveOrder>(task.what)) {
    host_.orders.erase(key);
    answer(key, agent::OrderRemoved{});
  } else if (std::holds_alternative<agent::Launch>(task.what)) {
    if (life != core_.lives().end()) answer(key, launch(key));
  } else if (std::holds_alternative<agent::ProbeLock>(task.what)) {
    answer(key, probe(key));
  } else if (const auto* follow = std::get_if<agent::Follow>(&task.what)) {
    const bool there = host_.process(follow->pid) != nullptr &&
                       host_.log(life->second.order().log_dir).locked_by != 0;
    if (!there) return answer(key, agent::Ended{follow->pid, std::nullopt, "it is gone", ""});
    followed_[follow->pid] = key;
  } else if (std::holds_alternative<agent::NoteStarts>(task.what)) {
    const auto stored = host_.orders.find(key);
    if (life != core_.lives().end() && stored != host_.orders.end()) {
      stored->second.starts = life->second.starts();
    }
  } else if (std::holds_alternative<agent::SignalProcess>(task.what)) {
    for (const auto& [pid, of] : std::map(followed_)) {
      if (of == key) host_.process_ended(pid, std::nullopt);
    }
  }
}

agent::LifeEvent AgentProcess::launch(const wire::InstanceKey& key) {
  const wire::StartOrder& order = core_.lives().at(key).order();
  if (host_.log(order.log_dir).locked_by != 0) return agent::LockHeld{};
  if (host_.disk == DiskState::kFull && cluster_.pick(2) == 0) {
    return agent::StartFailed{"no space left on device"};
  }
  const int64_t pid = host_.spawn(order);
  cluster_.trace(host_.name() + ": starts " + wire::to_string(key) + ", term " +
                 std::to_string(order.term) + ", pid " + std::to_string(pid));
  followed_[pid] = key;
  children_.insert(pid);
  return agent::Started{pid};
}

agent::LifeEvent AgentProcess::probe(const wire::InstanceKey& key) {
  const wire::StartOrder& order = core_.lives().at(key).order();
  if (host_.log(order.log_dir).locked_by != 0) return agent::LockHeld{};
  return agent::LockFree{};
}

void AgentProcess::answer(const wire::InstanceKey& key, const agent::LifeEvent& event) {
  if (!dead_) carry_out(core_.from_shell(key, event, clock()));
}

void AgentProcess::arm_timer() {
  const Duration delay = std::max<Duration>(core_.deadline(clock()) - clock(), milliseconds(1));
  later(delay, [this, number = ++timer_number_] {
    if (number != timer_number_ || dead_) return;
    // A deadline that nothing comes of would keep a processor busy.
    if (scheduler().now() - busy_since_ >= std::chrono::seconds(1)) {
      busy_since_ = scheduler().now();
      ticks_ = 0;
    }
    if (++ticks_ > kTicksPerSecondMax) cluster_.fail(host_.name() + ": the agent spins");
    carry_out(core_.tick(clock()));
  });
}

}  // namespace weir::sim
