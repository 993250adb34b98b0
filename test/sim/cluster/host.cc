#include "test/sim/cluster/host.h"

#include "test/sim/cluster/agent_process.h"
#include "test/sim/cluster/cluster.h"
#include "test/sim/cluster/wrapper_process.h"

namespace weir::sim {

Host::Host(Cluster& cluster, size_t place)
    : identity("identity-" + std::to_string(place)),
      cluster_(cluster),
      place_(place),
      name_("h" + std::to_string(place)) {}

Host::~Host() = default;

SteadyTime Host::clock() const { return cluster_.scheduler().now() + clock_offset_; }

void Host::boot() {
  if (on_ || gone_) return;
  on_ = true;
  ++boots;
  clock_offset_ = milliseconds(cluster_.pick(1'000'000));
  cluster_.trace(name_ + " is booted");
  start_agent();
}

void Host::cut_power() {
  if (!on_) return;
  cluster_.trace(name_ + " loses power");
  on_ = false;
  end_all(true);
}

void Host::lose_for_ever() {
  cut_power();
  gone_ = true;
  cluster_.trace(name_ + " is lost for ever");
  for (const auto& [folder, log] : logs) {
    cluster_.checker().log_is_gone(*log);
    cluster_.checker().log_was_lost(folder);
  }
  if (!logs.empty()) cluster_.logs_lost("the logs of " + name_ + " are gone");
  logs.clear();
  orders.clear();
}

void Host::replace() {
  gone_ = false;
  identity = cluster_.new_name("identity");
  noted_boot = 0;
  cluster_.trace(name_ + " is a new server");
  boot();
}

void Host::stop_until(SteadyTime when) {
  if (agent_) agent_->stop_until(when);
  for (const auto& [pid, process] : processes_) process->stop_until(when);
}

void Host::go_on() {
  if (agent_) agent_->go_on();
  for (const auto& [pid, process] : processes_) process->go_on();
}

void Host::end_all(bool power_cut) {
  kill_agent();
  while (!processes_.empty()) process_ended(processes_.begin()->first, std::nullopt, power_cut);
}

void Host::start_agent() {
  if (!on_ || agent_) return;
  agent_ = std::make_unique<AgentProcess>(cluster_, *this);
  agent_->begin();
}

void Host::kill_agent() {
  if (!agent_) return;
  cluster_.trace(name_ + ": the agent is killed");
  agent_->die();
  // It may be at work just now.
  cluster_.scheduler().after(milliseconds(0),
                             [dead = std::shared_ptr<AgentProcess>(std::move(agent_))] {});
}

int64_t Host::spawn(const wire::StartOrder& order) {
  const int64_t pid = cluster_.new_pid();
  log(order.log_dir).locked_by = pid;
  auto process = std::make_unique<WrapperProcess>(cluster_, *this, order, pid);
  WrapperProcess* const begun = process.get();
  processes_[pid] = std::move(process);
  begun->later(milliseconds(1 + cluster_.pick(20)), [begun] { begun->begin(); });
  return pid;
}

WrapperProcess* Host::process(int64_t pid) {
  const auto found = processes_.find(pid);
  return found == processes_.end() ? nullptr : found->second.get();
}

void Host::process_ended(int64_t pid, std::optional<int> status, bool power_cut) {
  const auto found = processes_.find(pid);
  if (found == processes_.end()) return;
  const std::shared_ptr<WrapperProcess> dead = std::move(found->second);
  processes_.erase(found);
  cluster_.trace(dead->name() + (status ? " ends with " + std::to_string(*status) : " is killed"));
  dead->die(power_cut);
  // Its guard lets go of the lock when nothing is left of the program (R11).
  const Duration cleaning = power_cut ? milliseconds(0) : milliseconds(cluster_.pick(40));
  const std::string folder = dead->order().log_dir;
  cluster_.scheduler().after(cleaning, [this, dead, folder, pid] {
    const auto log = logs.find(folder);
    if (log != logs.end() && log->second->locked_by == pid) log->second->locked_by = 0;
  });
  if (agent_) {
    agent_->later(milliseconds(cluster_.pick(5)),
                  [agent = agent_.get(), pid, status] { agent->process_ended(pid, status); });
  }
}

HostLog& Host::log(const std::string& folder) {
  auto& log = logs[folder];
  if (!log) log = std::make_unique<HostLog>();
  return *log;
}

Status Host::erase(const wire::InstanceKey& key) {
  const std::string first = agent_->core().layout().first_log_dir(key);
  const auto is_its = [&](const std::string& folder) {
    return folder == first || folder.starts_with(first + "-");
  };
  for (const auto& [folder, log] : logs) {
    if (is_its(folder) && log->locked_by != 0) {
      return Error{ErrorCode::kConflict, "the wrapper runs"};
    }
  }
  std::erase_if(logs, [&](const auto& entry) { return is_its(entry.first); });
  return {};
}

}  // namespace weir::sim
