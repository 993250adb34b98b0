#include "broker/core/step.h"

#include <utility>

namespace weir::broker {

void Step::store(const Pipeline& pipeline) {
  changes.pipelines.insert(pipeline.spec().name);
  write(RecordKind::kPipeline, pipeline.id, encode_record(pipeline.record));
}

void Step::store(Placement& placed) {
  changes.agents.insert(placed.indexed.begin(), placed.indexed.end());
  state.index(placed);
  changes.agents.insert(placed.indexed.begin(), placed.indexed.end());
  changes.pipelines.insert(placed.key.pipeline);
  write(RecordKind::kPlacement, placed.id, encode_record(placed));
}

void Step::store(const std::string& agent, const Identity& identity) {
  write(RecordKind::kAgent, identity.id,
        encode_record(AgentRecord{agent, identity.text, identity.away}));
}

void Step::write(RecordKind kind, uint64_t id, std::string value) {
  effects.writes.push_back({{kind, id}, std::move(value)});
}

void Step::erase(RecordKind kind, uint64_t id) {
  effects.writes.push_back({{kind, id}, std::nullopt});
}

void Step::send(const std::string& peer, const std::string& request, wire::Message message) {
  effects.sends.push_back({peer, {request, std::move(message)}});
}

void Step::refuse(const std::string& peer, const std::string& request, const Error& why) {
  send(peer, request, wire::refusal(why));
}

void Step::add_event(std::string kind, const std::string& pipeline, const std::string& node,
                     const std::string& agent, std::string text) {
  events.add({0, unix_ms, std::move(kind), pipeline, node, agent, std::move(text)}, effects.writes);
}

void Step::note_connection(const std::string& agent) {
  changes.agents.insert(agent);
  if (const auto kept = state.kept.find(agent); kept != state.kept.end()) {
    for (const wire::InstanceKey& key : kept->second) changes.pipelines.insert(key.pipeline);
  }
  if (const Agent* known = state.agent(agent); known != nullptr) {
    for (const auto& [key, status] : known->instances) changes.pipelines.insert(key.pipeline);
  }
  changes.pipelines.insert(changes.waiting.begin(), changes.waiting.end());
}

}  // namespace weir::broker
