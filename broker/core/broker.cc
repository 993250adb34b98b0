#include "broker/core/broker.h"

#include <algorithm>
#include <utility>

#include "broker/core/action_requests.h"
#include "broker/core/dispatch.h"
#include "broker/core/drains.h"
#include "broker/core/lifecycle.h"
#include "broker/core/liveness.h"
#include "broker/core/placer.h"
#include "broker/core/registration.h"
#include "broker/core/removal.h"
#include "broker/core/reports.h"
#include "broker/core/router.h"
#include "broker/core/terms.h"

namespace weir::broker {

// ---- Recovery ------------------------------------------------------------------------------

Result<BrokerCore> BrokerCore::recover(const std::vector<StoreRecord>& records,
                                       std::vector<StoreWrite>& writes) {
  BrokerCore core;
  for (const StoreRecord& record : records) {
    if (auto taken = core.take_record(record); !taken) return Error(taken.error());
  }
  core.results_.sort();
  core.events_.sort();
  for (const auto& [name, identity] : core.state_.identities) {
    if (!identity.away) core.state_.awaited.insert(name);
  }
  ++core.state_.boot;
  core.state_.last_orders_version = core.state_.boot << 32;
  writes.push_back({{RecordKind::kMeta, kMetaFormat}, encode_number(kStoreFormat)});
  writes.push_back({{RecordKind::kMeta, kMetaBoot}, encode_number(core.state_.boot)});
  return core;
}

Status BrokerCore::take_record(const StoreRecord& record) {
  const uint64_t id = record.key.id;
  switch (record.key.kind) {
    case RecordKind::kMeta: {
      auto number = decode_number(record.value);
      if (!number) return number.error();
      if (id == kMetaBoot) state_.boot = *number;
      if (id == kMetaTermFloor) state_.term_floor = *number;
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
      state_.last_pipeline_id = std::max(state_.last_pipeline_id, id);
      const std::string name = pipeline->spec.name;
      for (const wire::InstanceStatus& status : pipeline->figures) {
        state_.figures[wire::key_of(status)] = status;
      }
      Pipeline& known = state_.pipelines[name];
      known.id = id;
      known.record = std::move(*pipeline);
      known.graph = InstanceGraph(known.spec());
      return {};
    }
    case RecordKind::kPlacement: {
      auto placed = decode_placement(record.value);
      if (!placed) return placed.error();
      state_.last_placement_id = std::max(state_.last_placement_id, id);
      Placement& known = state_.placements[placed->key];
      static_cast<PlacementRecord&>(known) = std::move(*placed);
      known.id = id;
      state_.index(known);
      return {};
    }
    case RecordKind::kResult: {
      auto result = decode_result(record.value);
      if (!result) return result.error();
      results_.recover(id, std::move(*result));
      return {};
    }
    case RecordKind::kAction: {
      auto action = decode_action(record.value);
      if (!action) return action.error();
      actions_.recover(id, std::move(*action));
      return {};
    }
    case RecordKind::kAgent: {
      auto agent = decode_agent(record.value);
      if (!agent) return agent.error();
      state_.last_agent_id = std::max(state_.last_agent_id, id);
      state_.identities[agent->name] = Identity{id, agent->identity, agent->away};
      return {};
    }
    case RecordKind::kEvent: {
      auto event = decode_event(record.value);
      if (!event) return event.error();
      events_.recover(std::move(*event));
      return {};
    }
  }
  return {};
}

// ---- The door ------------------------------------------------------------------------------

void BrokerCore::begin_step(SteadyTime now, uint64_t unix_ms) {
  now_ = now;
  unix_ms_ = unix_ms;
  if (!started_) started_ = now;
}

Step BrokerCore::step() {
  return {state_, changes_, events_, effects_, started_.value_or(now_), now_, unix_ms_};
}

void BrokerCore::take(const std::string& peer, wire::Envelope envelope, SteadyTime now,
                      uint64_t unix_ms) {
  begin_step(now, unix_ms);
  Step step = this->step();
  Router{step, results_, actions_, failure_detector_}.take(peer, std::move(envelope));
}

Effects BrokerCore::decide() {
  reconcile();
  return std::exchange(effects_, {});
}

Effects BrokerCore::receive(const std::string& peer, wire::Envelope envelope, SteadyTime now,
                            uint64_t unix_ms) {
  take(peer, std::move(envelope), now, unix_ms);
  return decide();
}

Effects BrokerCore::decide_all() {
  changes_.all = true;
  return decide();
}

Effects BrokerCore::tick(SteadyTime now, uint64_t unix_ms) {
  begin_step(now, unix_ms);
  pass_over_gap();
  Step step = this->step();
  Liveness(step, failure_detector_).tick();
  Registration(step, failure_detector_).forget_unfinished();
  Reports(step, failure_detector_).store_positions();
  changes_.pipelines.merge(changes_.at_tick);
  changes_.at_tick.clear();
  changes_.agents.merge(changes_.agents_at_tick);
  changes_.agents_at_tick.clear();
  if (!all_decided_ || now - *all_decided_ >= kAllDecided) {
    all_decided_ = now;
    changes_.all = true;
  }
  return decide();
}

void BrokerCore::pass_over_gap() {
  if (ticked_ && now_ - *ticked_ > kTickGapMax) {
    const auto gap = now_ - *ticked_;
    for (auto& [name, agent] : state_.agents) agent.heard = std::min(agent.heard + gap, now_);
    *started_ += gap;
  }
  ticked_ = now_;
}

void BrokerCore::probed(const std::string& agent, bool answered, SteadyTime now) {
  failure_detector_.probed(agent, answered, now);
}

std::set<std::string> BrokerCore::contents_in_use() const {
  return broker::contents_in_use(state_, actions_);
}

// ---- Reconciliation ------------------------------------------------------------------------

std::vector<Pipeline*> BrokerCore::changed_pipelines() {
  std::vector<Pipeline*> changed;
  for (const std::string& name : changes_.pipelines) {
    if (Pipeline* pipeline = state_.pipeline(name); pipeline != nullptr)
      changed.push_back(pipeline);
  }
  return changed;
}

void BrokerCore::reconcile() {
  if (changes_.all) {
    for (const auto& [name, agent] : state_.agents) changes_.agents.insert(name);
    for (const auto& [name, pipeline] : state_.pipelines) changes_.pipelines.insert(name);
  }
  if (changes_.agents.empty() && changes_.pipelines.empty()) return;
  Step step = this->step();
  const std::set<std::string> agents = changes_.agents;
  for (const std::string& name : agents) {
    if (const Agent* agent = state_.agent(name); agent != nullptr) Terms(step).raise_for(*agent);
  }
  Placer placer(step);
  for (Pipeline* pipeline : changed_pipelines()) {
    Drains(step).note_drained(*pipeline);
    if (!is_wanted_up(*pipeline)) continue;
    placer.place(*pipeline);
    Lifecycle(step).note_progress(*pipeline);
  }
  for (const std::string& name : agents) {
    if (const Agent* agent = state_.agent(name); agent != nullptr) Removal(step).note_gone(*agent);
  }
  for (Pipeline* pipeline : changed_pipelines()) {
    if (!Removal(step).note_removed(*pipeline)) Lifecycle(step).note_state(*pipeline);
  }
  Dispatch(step).send_orders();
  changes_.all = false;
  changes_.agents.clear();
  changes_.pipelines.clear();
}

}  // namespace weir::broker
