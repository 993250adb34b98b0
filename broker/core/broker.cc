#include "broker/core/broker.h"

#include <algorithm>
#include <utility>

#include "broker/core/plan.h"
#include "schema/base/log.h"

namespace weir::broker {
namespace {

Error not_found(const std::string& name) {
  return Error{ErrorCode::kNotFound, "no pipeline is named \"" + name + "\""};
}

}  // namespace

// ---- Recovery ------------------------------------------------------------------------------

Result<BrokerCore> BrokerCore::recover(const std::vector<StoreRecord>& records,
                                       std::vector<StoreWrite>& writes) {
  BrokerCore core;
  for (const StoreRecord& record : records) {
    if (auto taken = core.take_record(record); !taken) return Error(taken.error());
  }
  std::sort(core.results_.begin(), core.results_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  ++core.boot_;
  writes.push_back({{RecordKind::kMeta, kMetaFormat}, encode_number(kStoreFormat)});
  writes.push_back({{RecordKind::kMeta, kMetaBoot}, encode_number(core.boot_)});
  return core;
}

Status BrokerCore::take_record(const StoreRecord& record) {
  const uint64_t id = record.key.id;
  switch (record.key.kind) {
    case RecordKind::kMeta: {
      auto number = decode_number(record.value);
      if (!number) return number.error();
      if (id == kMetaBoot) boot_ = *number;
      if (id == kMetaFormat && *number != kStoreFormat) {
        return Error{ErrorCode::kInvalid, "store: format " + std::to_string(*number) +
                                              ", this broker knows only " +
                                              std::to_string(kStoreFormat)};
      }
      return {};
    }
    case RecordKind::kPipeline: {
      auto pipeline = decode_pipeline(record.value);
      if (!pipeline) return pipeline.error();
      last_pipeline_id_ = std::max(last_pipeline_id_, id);
      const std::string name = pipeline->spec.name;
      state_.pipelines[name] = Pipeline{id, std::move(*pipeline)};
      return {};
    }
    case RecordKind::kPlacement: {
      auto placed = decode_placement(record.value);
      if (!placed) return placed.error();
      last_placement_id_ = std::max(last_placement_id_, id);
      state_.placements[placed->key] = Placement{id, placed->agent, placed->term, false};
      return {};
    }
    case RecordKind::kResult: {
      auto result = decode_result(record.value);
      if (!result) return result.error();
      last_result_id_ = std::max(last_result_id_, id);
      results_.emplace_back(id, std::move(*result));
      return {};
    }
  }
  return {};
}

// ---- The door ------------------------------------------------------------------------------

Effects BrokerCore::receive(const std::string& peer, wire::Envelope envelope, SteadyTime now) {
  effects_ = {};
  now_ = now;
  std::visit([&](auto& message) { on_message(peer, envelope.request, std::move(message)); },
             envelope.message);
  reconcile();
  return std::exchange(effects_, {});
}

Effects BrokerCore::tick(SteadyTime now) {
  effects_ = {};
  for (auto& [name, agent] : state_.agents) {
    const bool connected = now - agent.heard < kAgentSilence;
    if (agent.connected && !connected) log::warn("agent " + name + " is silent");
    agent.connected = connected;
  }
  reconcile();
  return std::exchange(effects_, {});
}

// ---- weirctl -------------------------------------------------------------------------------

// A changing request: once for each request id, and its result in the same write.
template <typename Change>
void BrokerCore::change(const std::string& peer, const std::string& request, Change what) {
  const auto known = std::find_if(results_.begin(), results_.end(), [&](const auto& entry) {
    return !request.empty() && entry.second.request == request;
  });
  std::optional<wire::Refusal> refusal;
  if (known != results_.end()) {
    refusal = known->second.refusal;
  } else {
    if (const Status done = what(); !done) refusal = wire::refusal(done.error());
    if (!request.empty()) keep_result(request, refusal);
  }
  send(peer, request, refusal ? wire::Message(*refusal) : wire::Message(wire::Ok{}));
}

void BrokerCore::keep_result(const std::string& request,
                             const std::optional<wire::Refusal>& refusal) {
  results_.emplace_back(++last_result_id_, ResultRecord{request, refusal});
  effects_.writes.push_back(
      {{RecordKind::kResult, last_result_id_}, encode_record(results_.back().second)});
  while (results_.size() > kResultsKept) {
    effects_.writes.push_back({{RecordKind::kResult, results_.front().first}, std::nullopt});
    results_.pop_front();
  }
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::PipelinePut message) {
  change(peer, request, [&] { return put(std::move(message.spec)); });
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::PipelineRun message) {
  change(peer, request, [&] { return run(std::move(message)); });
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::PipelineStop message) {
  change(peer, request, [&] { return stop(message.name); });
}

Status BrokerCore::put(graph::PipelineSpec spec) {
  const std::string name = spec.name;
  const auto found = state_.pipelines.find(name);
  if (found != state_.pipelines.end()) {
    if (found->second.spec() == spec) return {};
    if (found->second.record.wish != Wish::kStored) {
      return Error{ErrorCode::kConflict,
                   "pipeline \"" + name + "\" was run as another graph; its logs belong to that"};
    }
  } else if (state_.pipelines.size() >= kPipelinesMax) {
    return Error{ErrorCode::kLimit,
                 "there are " + std::to_string(kPipelinesMax) + " pipelines already"};
  }
  Pipeline& pipeline = state_.pipelines[name];
  if (pipeline.id == 0) pipeline.id = ++last_pipeline_id_;
  pipeline.record.spec = std::move(spec);
  pipeline.record.run.name = name;
  store(pipeline);
  return {};
}

Status BrokerCore::run(wire::PipelineRun message) {
  const auto found = state_.pipelines.find(message.name);
  if (found == state_.pipelines.end()) return not_found(message.name);
  Pipeline& pipeline = found->second;
  PipelineRecord& record = pipeline.record;
  if (record.wish != Wish::kRun) {
    record.wish = Wish::kRun;
    record.was_running = false;
    record.completed = false;
    for (uint32_t node = 0; node < pipeline.spec().nodes.size(); ++node) {
      const auto placed = state_.placements.find(pipeline.key(node));
      if (placed != state_.placements.end()) placed->second.gone = false;
    }
  }
  record.run = std::move(message);
  store(pipeline);
  return {};
}

Status BrokerCore::stop(const std::string& name) {
  const auto found = state_.pipelines.find(name);
  if (found == state_.pipelines.end()) return not_found(name);
  Pipeline& pipeline = found->second;
  if (pipeline.record.wish != Wish::kRun) return {};
  pipeline.record.wish = Wish::kStop;
  store(pipeline);
  return {};
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::PipelineStatusRequest& message) {
  const auto found = state_.pipelines.find(message.name);
  if (found == state_.pipelines.end()) {
    send(peer, request, wire::refusal(not_found(message.name)));
  } else {
    send(peer, request, make_status(state_, found->second));
  }
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            const wire::BrokerStatusRequest& /*message*/) {
  wire::BrokerStatus status;
  for (const auto& [name, agent] : state_.agents) {
    status.agents.push_back(
        {name, agent.address, agent.connected, static_cast<uint32_t>(agent.instances.size())});
  }
  for (const auto& [name, pipeline] : state_.pipelines) {
    wire::PipelineStatus full = make_status(state_, pipeline);
    status.pipelines.push_back({name, full.state, std::move(full.reason)});
  }
  send(peer, request, std::move(status));
}

// ---- Agents --------------------------------------------------------------------------------

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::AgentRegister message) {
  if (!state_.agents.contains(message.name) && state_.agents.size() >= kAgentsMax) {
    send(peer, request, wire::Refusal{ErrorCode::kLimit, "too many agents"});
    return;
  }
  log::info("agent " + message.name + " registered");
  Agent& agent = state_.agents[message.name];
  agent.name = message.name;
  agent.heard = now_;
  agent.address = std::move(message.address);
  agent.peer = peer;
  agent.connected = true;
  agent.obeyed_version = 0;
  take_report(agent, std::move(message.instances));
  // A version that nobody has yet: order_agents() answers with the orders, even if they are empty.
  agent.orders.version = 0;
}

void BrokerCore::on_message(const std::string& peer, const std::string& request,
                            wire::AgentReport message) {
  const auto found = state_.agents.find(message.name);
  if (found == state_.agents.end() || found->second.peer != peer) {
    send(peer, request, wire::Refusal{ErrorCode::kNotFound, "register first"});
    return;
  }
  Agent& agent = found->second;
  agent.heard = now_;
  agent.connected = true;
  agent.obeyed_version = message.orders_version;
  take_report(agent, std::move(message.instances));
  if (agent.obeyed_version == agent.orders.version) {
    send(peer, request, wire::Ok{});
  } else {
    send_orders(agent, request);
  }
}

void BrokerCore::take_report(Agent& agent, std::vector<wire::InstanceStatus> instances) {
  agent.instances.clear();
  for (wire::InstanceStatus& status : instances) {
    wire::InstanceKey key = wire::key_of(status);
    agent.instances.insert_or_assign(std::move(key), std::move(status));
  }
}

template <typename T>
void BrokerCore::on_message(const std::string& peer, const std::string& request, const T& message) {
  if constexpr (std::is_same_v<T, wire::Ok> || std::is_same_v<T, wire::Refusal>) {
    return;  // An answer to an answer would go on for ever.
  } else if constexpr (std::is_same_v<T, wire::Unknown>) {
    send(peer, request,
         wire::Refusal{ErrorCode::kInvalid, "this broker does not know messages of type \"" +
                                                message.type + "\", version " +
                                                std::to_string(message.version)});
  } else {
    send(peer, request,
         wire::Refusal{ErrorCode::kInvalid,
                       std::string(wire::type_name(message)) + " is not for a broker"});
  }
}

// ---- Reconciliation ------------------------------------------------------------------------

void BrokerCore::reconcile() {
  raise_terms();
  for (auto& [name, pipeline] : state_.pipelines) {
    if (pipeline.record.wish != Wish::kRun) continue;
    place(pipeline);
    note_progress(pipeline);
  }
  note_gone();
  order_agents();
}

// R10: whoever bears a higher term than ours was placed by a broker whose memory we lost.
void BrokerCore::raise_terms() {
  for (const auto& [name, agent] : state_.agents) {
    for (const auto& [key, status] : agent.instances) {
      const auto found = state_.placements.find(key);
      if (found == state_.placements.end()) continue;
      Placement& placed = found->second;
      const bool same_term_elsewhere = status.term == placed.term && placed.agent != name;
      if (status.term <= placed.term && !same_term_elsewhere) continue;
      log::warn(wire::to_string(key) + ": agent " + name + " has term " +
                std::to_string(status.term) + ", ours is " + std::to_string(placed.term));
      placed.term = status.term + 1;
      store(key, placed);
    }
  }
}

void BrokerCore::place(Pipeline& pipeline) {
  for (uint32_t node = 0; node < pipeline.spec().nodes.size(); ++node) {
    if (state_.placement(pipeline.key(node)) == nullptr) place_node(pipeline, node);
  }
}

void BrokerCore::place_node(Pipeline& pipeline, uint32_t node) {
  const wire::InstanceKey key = pipeline.key(node);
  std::optional<std::string> chosen;
  uint64_t term = 1;
  // Somebody has it already although we never placed it: its log is there, so it stays there.
  for (const auto& [name, agent] : state_.agents) {
    const auto has = agent.instances.find(key);
    if (has == agent.instances.end() || has->second.term < term) continue;
    chosen = name;
    term = has->second.term + 1;
  }
  if (!chosen) chosen = choose_agent(state_, pipeline.spec().nodes[node]);
  if (!chosen) return;
  const Placement placed{++last_placement_id_, *chosen, term, false};
  state_.placements[key] = placed;
  store(key, placed);
  log::info(wire::to_string(key) + ": placed on agent " + *chosen + ", term " +
            std::to_string(term));
}

void BrokerCore::note_progress(Pipeline& pipeline) {
  PipelineRecord& record = pipeline.record;
  const bool running = record.was_running || all_up(state_, pipeline);
  const bool completed = record.completed || all_settled(state_, pipeline);
  if (running == record.was_running && completed == record.completed) return;
  record.was_running = running;
  record.completed = completed;
  store(pipeline);
}

// An agent that obeyed the very orders that say stop, and does not have the instance, will not get
// it back: orders come in order.
void BrokerCore::note_gone() {
  for (const auto& [name, agent] : state_.agents) {
    if (agent.orders.version == 0 || agent.obeyed_version != agent.orders.version) continue;
    for (const wire::InstanceKey& key : agent.orders.stop) {
      if (agent.instances.contains(key)) continue;
      const auto found = state_.placements.find(key);
      if (found == state_.placements.end() || found->second.agent != name) continue;
      const auto pipeline = state_.pipelines.find(key.pipeline);
      if (pipeline == state_.pipelines.end() || pipeline->second.record.wish != Wish::kStop) {
        continue;
      }
      found->second.gone = true;
    }
  }
}

void BrokerCore::order_agents() {
  for (auto& [name, agent] : state_.agents) {
    if (!agent.connected) continue;  // It is told when it is back.
    wire::AgentOrders orders = make_orders(state_, agent);
    orders.version = agent.orders.version;
    if (orders.version != 0 && orders == agent.orders) continue;
    agent.orders = std::move(orders);
    agent.orders.version = (boot_ << 32) | ++orders_counter_;
    send_orders(agent, "");
  }
}

void BrokerCore::send_orders(const Agent& agent, const std::string& request) {
  send(agent.peer, request, agent.orders);
}

void BrokerCore::store(const Pipeline& pipeline) {
  effects_.writes.push_back({{RecordKind::kPipeline, pipeline.id}, encode_record(pipeline.record)});
}

void BrokerCore::store(const wire::InstanceKey& key, const Placement& placed) {
  effects_.writes.push_back({{RecordKind::kPlacement, placed.id},
                             encode_record(PlacementRecord{key, placed.agent, placed.term})});
}

void BrokerCore::send(const std::string& peer, const std::string& request, wire::Message message) {
  effects_.sends.push_back({peer, {request, std::move(message)}});
}

}  // namespace weir::broker
