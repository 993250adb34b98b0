#include "test/sim/cluster/cluster.h"

#include <algorithm>
#include <cstdlib>

#include "test/sim/cluster/agent_process.h"
#include "test/sim/cluster/wrapper_process.h"

namespace weir::sim {
namespace {

// Virtual time, once nothing breaks any more: a boot without the broker waits for a minute.
constexpr std::chrono::seconds kPatience{600};
constexpr std::chrono::seconds kCopyEvery{2};
constexpr milliseconds kWatchEvery{1000};

}  // namespace

Cluster::Cluster(uint64_t seed, ClusterPlan plan)
    : random_(seed * 0x9e3779b97f4a7c15),
      plan_(std::move(plan)),
      checker_(*this),
      wishes_(*this),
      faults_(*this),
      tracing_(std::getenv("WEIR_SIM_TRACE") != nullptr) {
  uint64_t first = 1;
  for (const NodePlan& node : plan_.nodes) {
    trace(describe(node));
    NodePast& past = pasts_[{kPipeline, node.spec.name}];
    if (node.behaviour != Behaviour::kNumbers && node.behaviour != Behaviour::kFeed) continue;
    past.feed = Feed{first, node.count, now(), node.pace, 0};
    first += 1000;
  }
  for (size_t i = 0; i < plan_.hosts; ++i) hosts_.push_back(std::make_unique<Host>(*this, i));
  operator_ = std::make_unique<Operator>(*this);
}

Cluster::~Cluster() = default;

// ---- For its parts -------------------------------------------------------------------------

Duration Cluster::delay() {
  const uint64_t slow = pick(32) == 0 ? 40'000 : 2000;
  return std::chrono::microseconds(50 + pick(slow));
}

uint64_t Cluster::unix_ms() {
  // The time of day: set by hand now and then, and nobody may mind.
  return 1'700'000'000'000 + pick(1'000'000'000);
}

WrapperProcess* Cluster::process(int64_t pid) {
  for (const auto& host : hosts_) {
    if (WrapperProcess* const found = host->process(pid); found != nullptr) return found;
  }
  return nullptr;
}

void Cluster::listen(const std::string& endpoint, int64_t pid) {
  if (!endpoint.empty()) listening_[endpoint] = pid;
}

void Cluster::hang_up(const std::string& endpoint, int64_t pid) {
  const auto found = listening_.find(endpoint);
  if (found != listening_.end() && found->second == pid) listening_.erase(found);
}

WrapperProcess* Cluster::listening(const std::string& endpoint) {
  const auto found = listening_.find(endpoint);
  return found == listening_.end() ? nullptr : process(found->second);
}

const NodePlan& Cluster::node_plan(const std::string& /*pipeline*/, const std::string& node) const {
  return *std::find_if(plan_.nodes.begin(), plan_.nodes.end(),
                       [&](const NodePlan& each) { return each.spec.name == node; });
}

NodePast& Cluster::node_past(const std::string& pipeline, const std::string& node) {
  return pasts_[{pipeline, node}];
}

void Cluster::log_opened(const WrapperProcess& process) {
  const wire::StartOrder& order = process.order();
  if (order.drained_term != 0) return;
  std::string& last = last_log_[order.pipeline + "/" + order.name()];
  if (!last.empty() && last != order.log_dir) logs_lost(process.name() + " begins a new log");
  last = order.log_dir;
}

void Cluster::logs_lost(const std::string& why) {
  if (!logs_lost_) trace("from now on records may be seen again: " + why);
  logs_lost_ = true;
}

void Cluster::note_removed() {
  trace("the pipeline is removed");
  logs_lost("the pipeline begins anew");
  checker_.removed();
}

bool Cluster::is_chain() const {
  return std::all_of(plan_.edges.begin(), plan_.edges.end(), [&](const auto& edge) {
    return std::count_if(plan_.edges.begin(), plan_.edges.end(),
                         [&](const auto& other) { return other.second == edge.second; }) == 1;
  });
}

void Cluster::trace(const std::string& line) {
  if (!tracing_) return;
  const auto ms = std::chrono::duration_cast<milliseconds>(now() - SteadyTime{});
  trace_ += std::to_string(ms.count() - 3'600'000) + " " + line + "\n";
}

void Cluster::fail(std::string why) {
  if (!why_.empty()) return;
  trace("BROKEN: " + why);
  why_ = std::move(why);
}

void Cluster::count_fault(const std::string& what) {
  trace("FAULT: " + what);
  ++faults_done_;
}

bool Cluster::dies_now(Victim victim) { return faults_.dies_at_work(victim == Victim::kBroker); }

void Cluster::kill_broker() {
  if (!broker_) return;
  trace("the broker is killed");
  broker_->die();
  scheduler_.after(milliseconds(0), [dead = std::shared_ptr<BrokerProcess>(std::move(broker_))] {});
  scheduler_.after(milliseconds(pick(pick(3) == 0 ? 15'000 : 1500)), [this] { start_broker(); });
}

void Cluster::start_broker() {
  if (broker_) return;
  broker_ = std::make_unique<BrokerProcess>(*this, broker_disk_);
  broker_->begin();
}

// ---- A run ---------------------------------------------------------------------------------

graph::PipelineSpec Cluster::spec() const {
  graph::PipelineSpec spec;
  spec.name = kPipeline;
  for (const NodePlan& node : plan_.nodes) spec.nodes.push_back(node.spec);
  for (const auto& [from, to] : plan_.edges) {
    spec.edges.push_back({static_cast<uint32_t>(from), static_cast<uint32_t>(to)});
  }
  std::sort(spec.edges.begin(), spec.edges.end());
  return spec;
}

void Cluster::begin_pipeline() {
  want(wire::PipelinePut{spec()});
  want(wire::PipelineRun{kPipeline, std::nullopt, {}});
}

void Cluster::want(wire::Message wish) {
  operator_->ask(std::move(wish), [this](const wire::Message& answer) {
    const auto* refusal = std::get_if<wire::Refusal>(&answer);
    // A broker that was made to forget may not know what it is asked about.
    const bool forgot = checker_.broker_has_forgotten() && !healed_;
    if (refusal != nullptr && !forgot) fail("weirctl is refused: " + refusal->what);
  });
}

void Cluster::heal() {
  healed_ = true;
  faults_.end();
  trace("all that can be mended is");
  network_.heal();
  for (const auto& host : hosts_) {
    host->disk = DiskState::kFine;
    host->disk_slow = false;
    host->go_on();
    if (host->gone()) continue;
    host->boot();
    host->start_agent();
  }
  if (broker_) broker_->go_on();
  start_broker();
  // What it has forgotten is said once more.
  if (checker_.broker_has_forgotten()) begin_pipeline();
  watch_end();
}

void Cluster::watch_end() {
  if (completed_) return;
  operator_->ask(wire::PipelineStatusRequest{kPipeline}, [this](const wire::Message& answer) {
    if (const auto* status = std::get_if<wire::PipelineStatus>(&answer)) take_status(*status);
    scheduler_.after(kWatchEvery, [this] { watch_end(); });
  });
}

void Cluster::take_status(const wire::PipelineStatus& status) {
  status_ = status;
  completed_ = status.state == wire::PipelineState::kCompleted && !wishes_.busy();
  if (completed_) trace("the pipeline is completed");
  // Only what a host that is gone for ever holds is given up.
  const bool is_short_of_it = status.state == wire::PipelineState::kDegraded ||
                              status.state == wire::PipelineState::kStarting;
  const bool waits = is_short_of_it && status.reason.find("pipeline abandon") != std::string::npos;
  // It gives up what any host holds that is away just then.
  if (!waits || !all_connected()) return;
  for (const auto& host : hosts_) {
    const bool is_it = status.reason.starts_with("waits for " + host->name() + ":") ||
                       status.reason.starts_with("waits for a host that the broker has forgotten");
    if (!host->gone() || !is_it) continue;
    trace("what is on " + host->name() + " is given up");
    operator_->ask(wire::PipelineAbandon{kPipeline}, [](const wire::Message&) {});
  }
}

// One from before the pipeline was placed knows nothing of it.
bool Cluster::is_worth_a_copy(const broker::State& state) const {
  if (state.placements.size() >= plan_.nodes.size()) return true;
  return plan_.early_copies && state.identities.size() >= plan_.hosts;
}

bool Cluster::all_connected() const {
  return broker_ && std::all_of(hosts_.begin(), hosts_.end(), [&](const auto& host) {
           const broker::Agent* agent = broker_->core().state().agent(host->name());
           return host->gone() || (agent != nullptr && agent->connected);
         });
}

bool Cluster::all_down() const {
  return std::all_of(hosts_.begin(), hosts_.end(),
                     [](const auto& host) { return host->processes().empty(); });
}

bool Cluster::run() {
  start_broker();
  for (const auto& host : hosts_) host->boot();
  begin_pipeline();
  faults_.begin();
  const SteadyTime begin = now();
  SteadyTime copy_at = begin;
  while (why_.empty() && now() < begin + plan_.faults_for && scheduler_.step()) {
    if (now() < copy_at) continue;
    copy_at = now() + kCopyEvery;
    if (broker_ && is_worth_a_copy(broker_->core().state())) broker_disk_.keep_copy();
  }
  heal();
  const SteadyTime limit = now() + kPatience;
  while (why_.empty() && now() < limit && scheduler_.step()) {
    if (completed_ && all_down()) {
      checker_.check_end();
      return why_.empty();
    }
  }
  if (why_.empty()) fail("it does not come to an end: " + describe_state());
  return false;
}

std::string Cluster::describe_state() {
  std::string text = std::string(wire::to_string(status_.state)) + " (" + status_.reason + ")";
  for (const auto& host : hosts_) {
    text += "; " + host->name() + (host->gone() ? " gone" : host->on() ? "" : " off") + ":";
    for (const auto& [pid, process] : host->processes()) {
      text += " " + process->order().name() + "/" + std::to_string(process->order().term);
      if (process->node() == nullptr) continue;
      const core::Node& node = *process->node();
      text += node.ended() ? " ended" : " runs";
      text += " (" + node.runner_state() + ")";
      if (node.ended_and_settled()) text += " settled";
      text += " published " + to_string(node.lane().published_id());
      for (size_t i = 0; i < node.order().readers.size(); ++i) {
        text += " " + node.order().readers[i].name + " at " + to_string(node.reader(i).cursor()) +
                (node.reader(i).streaming() ? "" : " not streaming") + " settled " +
                to_string(node.reader(i).settled());
      }
      for (const core::Input& input : node.inputs()) {
        text += " " + input.name + " received " + to_string(input.reader.received()) +
                " consumed " + to_string(input.consumed) + (input.reader.open() ? "" : " closed");
      }
    }
  }
  return text;
}

}  // namespace weir::sim
