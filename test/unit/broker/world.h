// A broker's core with a store, and agents that obey it.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/broker.h"
#include "broker/store/store.h"

namespace weir::broker {

inline graph::NodeSpec node(const std::string& name, std::vector<std::string> hosts = {}) {
  graph::NodeSpec spec;
  spec.name = name;
  spec.run = "cat";
  spec.hosts = std::move(hosts);
  return spec;
}

inline graph::PipelineSpec chain(std::vector<graph::NodeSpec> nodes) {
  graph::PipelineSpec spec;
  spec.name = "p";
  spec.nodes = std::move(nodes);
  for (uint32_t i = 1; i < spec.nodes.size(); ++i) spec.edges.push_back({i - 1, i});
  return spec;
}

// An agent that obeys at once; what it runs can be changed by hand.
struct FakeAgent {
  std::string address;
  std::string identity;
  std::map<wire::InstanceKey, wire::InstanceStatus> runs;
  uint64_t version = 0;
  bool holds_back = false;  // It gets no orders: they are under way for a long time.
  int orders_seen = 0;
  // All that it was told on its connection, each instance once.
  std::map<wire::InstanceKey, wire::StartOrder> starts;
  std::set<wire::InstanceKey> stops;
  std::set<wire::InstanceKey> removes;
  // The same, as lists.
  std::vector<wire::StartOrder> last_start;
  std::vector<wire::InstanceKey> last_stop;
  std::vector<wire::InstanceKey> last_remove;
  std::vector<wire::InstanceKey> removing;  // What it says it still has.
  std::vector<wire::Envelope> asked;        // What was passed on to it.
};

// A broker with a store, and agents that are answered through it. A crash may come anywhere: the
// broker is made anew from the store.
class World {
 public:
  World() { restart_broker(); }

  void restart_broker() {
    auto records = store_->load();
    ASSERT_TRUE(records);
    std::vector<StoreWrite> writes;
    auto core = BrokerCore::recover(*records, writes);
    ASSERT_TRUE(core) << core.error().what;
    ASSERT_TRUE(store_->write(writes));
    core_.emplace(std::move(*core));
    peers_.clear();
  }

  void lose_memory() {
    store_ = make_memory_store();
    restart_broker();
  }

  void keep_copy() {
    copy_.clear();
    auto records = store_->load();
    ASSERT_TRUE(records);
    for (StoreRecord& record : *records) copy_.push_back({record.key, std::move(record.value)});
  }
  // The broker's disk is as it was then.
  void restore_copy() {
    store_ = make_memory_store();
    ASSERT_TRUE(store_->write(copy_));
    restart_broker();
  }

  // Registers, or reports; and obeys. Twice, so that what follows from it is ordered too.
  void hear(const std::string& name) {
    FakeAgent& agent = agents[name];
    std::vector<wire::InstanceStatus> statuses;
    for (const auto& [key, status] : agent.runs) statuses.push_back(status);
    if (!peers_.contains(name)) {
      peers_[name] = "peer-" + name + std::to_string(++connections_);
      by_peer_[peers_[name]] = name;
      tell(peers_[name], wire::AgentRegister{name, agent.address, statuses, agent.identity});
    } else {
      tell(peers_[name], wire::AgentReport{name, agent.version, statuses, agent.removing});
    }
  }
  void settle() {
    for (int i = 0; i < 20; ++i) {
      for (auto& [name, agent] : agents) hear(name);
    }
  }

  wire::Message ask(const wire::Message& question, const std::string& request = "") {
    answer_.reset();
    do_all(core_->receive("ctl", {request, question}, now));
    EXPECT_TRUE(answer_.has_value());
    return answer_ ? *answer_ : wire::Message(wire::Refusal{});
  }
  // A question that an agent is to answer.
  void pass(const wire::Message& question, const std::string& request) {
    answer_.reset();
    do_all(core_->receive("ctl", {request, question}, now));
  }
  wire::Message last_answer() const { return answer_.value_or(wire::Message(wire::Ok{})); }
  bool ok(const wire::Message& question, const std::string& request = "") {
    return std::holds_alternative<wire::Ok>(ask(question, request));
  }
  ErrorCode refused(const wire::Message& question, const std::string& request = "") {
    const auto answer = ask(question, request);
    const auto* refusal = std::get_if<wire::Refusal>(&answer);
    EXPECT_NE(refusal, nullptr);
    return refusal != nullptr ? refusal->code : ErrorCode::kIo;
  }
  wire::PipelineStatus status() {
    return std::get<wire::PipelineStatus>(ask(wire::PipelineStatusRequest{"p"}));
  }
  wire::PipelineState state() { return status().state; }
  void tick(std::chrono::milliseconds later) {
    now += later;
    const Effects effects = core_->tick(now);
    do_all(effects);
    for (const Probe& probe : effects.probes) {
      probed.push_back(probe.agent);
      core_->probed(probe.agent, answers_probes.contains(probe.agent), now);
    }
  }
  // Time passes; these agents speak, the others are silent.
  void pass(std::chrono::milliseconds time, const std::vector<std::string>& speakers) {
    for (const SteadyTime end = now + time; now < end;) {
      tick(std::chrono::milliseconds(250));
      for (const std::string& name : speakers) hear(name);
    }
  }
  void run(graph::PipelineSpec spec) {
    EXPECT_TRUE(ok(wire::PipelinePut{std::move(spec)}));
    EXPECT_TRUE(ok(wire::PipelineRun{"p", wire::ReaderOrder{"weirctl.0", "ipc://w"}, {}}));
  }

  // Its next word comes over another one.
  void forget_connection(const std::string& name) { peers_.erase(name); }
  // An agent's own words, with a request id.
  void say(const std::string& name, const wire::Envelope& envelope) {
    do_all(core_->receive(peers_.at(name), envelope, now));
  }
  // The kinds of all events so far, those of agents and placements left out.
  std::vector<std::string> events() {
    const auto all = std::get<wire::Events>(ask(wire::EventsRequest{}));
    std::vector<std::string> kinds;
    for (const wire::Event& event : all.events) {
      if (!event.kind.starts_with("agent.") && event.kind != "node.placed") {
        kinds.push_back(event.kind);
      }
    }
    return kinds;
  }

  const BrokerCore& core() const { return *core_; }
  const State& core_state() const { return core_->state(); }
  wire::InstanceStatus& instance(const std::string& agent, const std::string& name) {
    return agents.at(agent).runs.at({"p", name, 0, 0});
  }

  std::map<std::string, FakeAgent> agents;
  bool drains_end = true;                // What is drained is so at once.
  std::set<std::string> answers_probes;  // Agents whose wrappers do.
  std::vector<std::string> probed;
  std::vector<std::string> started;  // Names, in the order in which they were started.
  std::vector<std::string> stopped;
  SteadyTime now{std::chrono::hours(1)};

 private:
  void tell(const std::string& peer, wire::Message message) {
    do_all(core_->receive(peer, {"", std::move(message)}, now));
  }

  void do_all(const Effects& effects) {
    EXPECT_TRUE(store_->write(effects.writes));
    expect_all_decided();
    for (const Outgoing& one : effects.sends) {
      if (one.peer == "ctl") {
        answer_ = one.envelope.message;
      } else if (const auto name = by_peer_.find(one.peer); name != by_peer_.end()) {
        if (const auto* orders = std::get_if<wire::AgentOrders>(&one.envelope.message)) {
          if (!agents[name->second].holds_back) obey(agents[name->second], *orders);
        } else if (const auto* notes = std::get_if<wire::NotesTaken>(&one.envelope.message)) {
          for (const wire::InstanceNotes& taken : notes->instances) {
            std::erase_if(agents[name->second].runs[taken.instance].notes,
                          [&](const wire::Note& note) { return note.number <= taken.number; });
          }
        } else if (std::holds_alternative<wire::Refusal>(one.envelope.message)) {
          peers_.erase(name->second);
        } else if (std::holds_alternative<wire::LogRead>(one.envelope.message) ||
                   std::holds_alternative<wire::DeadRead>(one.envelope.message) ||
                   std::holds_alternative<wire::DeadChange>(one.envelope.message)) {
          agents[name->second].asked.push_back(one.envelope);
        }
      }
    }
  }

  // Nothing was overlooked of what has changed. Not each time, because all of the broker is copied.
  void expect_all_decided() {
    if (++decided_ % 5 != 0) return;
    BrokerCore again = *core_;
    const Effects more = again.decide_all();
    EXPECT_TRUE(more.writes.empty());
    EXPECT_TRUE(more.sends.empty());
  }

  static void note(FakeAgent& agent, const wire::AgentOrders& orders) {
    const auto forget = [&](const wire::InstanceKey& key) {
      agent.starts.erase(key);
      agent.stops.erase(key);
      agent.removes.erase(key);
    };
    if (orders.base == 0) {
      agent.starts.clear();
      agent.stops.clear();
      agent.removes.clear();
    }
    for (const wire::StartOrder& order : orders.start) {
      forget(wire::key_of(order));
      agent.starts[wire::key_of(order)] = order;
    }
    for (const wire::InstanceKey& key : orders.stop) {
      forget(key);
      agent.stops.insert(key);
    }
    for (const wire::InstanceKey& key : orders.remove) {
      forget(key);
      agent.removes.insert(key);
    }
    agent.last_start.clear();
    for (const auto& [key, order] : agent.starts) agent.last_start.push_back(order);
    agent.last_stop = {agent.stops.begin(), agent.stops.end()};
    agent.last_remove = {agent.removes.begin(), agent.removes.end()};
  }

  void obey(FakeAgent& agent, const wire::AgentOrders& orders) {
    EXPECT_NE(orders.version, 0u);
    ++agent.orders_seen;
    EXPECT_TRUE(orders.base == 0 || orders.base == agent.version);
    agent.version = orders.version;
    note(agent, orders);
    for (const wire::StartOrder& order : orders.start) {
      // The term was on disk before the order left.
      const Placement* placed = core_->state().placement(wire::key_of(order));
      ASSERT_NE(placed, nullptr);
      ASSERT_EQ(placed->term, order.term);
      wire::InstanceStatus& status = agent.runs[wire::key_of(order)];
      status.writers = order.writers;  // A wrapper that reads other lanes is started again.
      if (status.term == order.term) continue;
      started.push_back(order.node.name);
      status = {};
      status.pipeline = order.pipeline;
      status.node = order.node.name;
      status.term = order.term;
      status.log_term = order.log_term;
      status.drained_term = order.drained_term;
      status.writers = order.writers;
      status.ended_and_settled = order.drained_term != 0 && drains_end;
      status.state = wire::InstanceState::kRunning;
      status.pid = 100;
      if (order.writers.empty()) continue;
      status.endpoint = "ipc://" + order.node.name;
      if (!agent.address.empty()) {
        status.remote_endpoint = "tcp://" + agent.address + "/" + order.node.name;
      }
    }
    for (const wire::InstanceKey& key : orders.stop) {
      if (agent.runs.erase(key) > 0) stopped.push_back(key.node);
    }
    for (const wire::InstanceKey& key : orders.remove) agent.runs.erase(key);
  }

  std::unique_ptr<Store> store_ = make_memory_store();
  std::vector<StoreWrite> copy_;
  std::optional<BrokerCore> core_;
  std::map<std::string, std::string> peers_;
  std::map<std::string, std::string> by_peer_;
  int connections_ = 0;
  uint64_t decided_ = 0;
  std::optional<wire::Message> answer_;
};

}  // namespace weir::broker
