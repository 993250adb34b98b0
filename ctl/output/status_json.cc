#include "ctl/output/status_json.h"

namespace weir::ctl {

using nlohmann::ordered_json;

ordered_json to_json(const wire::AgentSummary& agent) {
  return {{"name", agent.name},
          {"connected", agent.connected},
          {"address", agent.address},
          {"instances", agent.instances},
          {"heard_ms_ago", agent.heard_ms_ago}};
}

ordered_json to_json(const wire::PipelineSummary& pipeline) {
  return {{"name", pipeline.name},
          {"state", wire::to_string(pipeline.state)},
          {"reason", pipeline.reason},
          {"instances", pipeline.instances},
          {"instances_up", pipeline.instances_up},
          {"records_out_per_second", pipeline.records_out_per_second},
          {"dead_letters", pipeline.dead_letters},
          {"restarts", pipeline.restarts}};
}

ordered_json to_json(const wire::InstanceReport& report) {
  const wire::InstanceStatus& status = report.status;
  auto notes = ordered_json::array();
  for (const wire::Note& note : status.notes) {
    notes.push_back({{"text", note.text}, {"times", note.times}});
  }
  return {{"index", status.instance},
          {"agent", report.agent},
          {"state", wire::to_string(status.state)},
          {"pid", status.pid},
          {"action_pid", status.action_pid},
          {"term", status.term},
          {"boot", status.boot},
          {"records_in", status.records_in},
          {"records_out", status.records_out},
          {"bytes_in", status.bytes_in},
          {"bytes_out", status.bytes_out},
          {"records_in_per_second", status.records_in_per_second},
          {"records_out_per_second", status.records_out_per_second},
          {"bytes_in_per_second", status.bytes_in_per_second},
          {"bytes_out_per_second", status.bytes_out_per_second},
          {"unsettled_records", status.unsettled_records},
          {"unsettled_ms", status.unsettled_ms},
          {"log_bytes", status.log_bytes},
          {"restarts", status.restarts},
          {"dead_letters", status.dead_letters},
          {"last_error", status.last_error},
          {"nonzero_exits", status.nonzero_exits},
          {"last_nonzero_exit", status.last_nonzero_exit},
          {"notes", std::move(notes)}};
}

ordered_json to_json(const wire::PipelineStatus& status) {
  auto nodes = ordered_json::array();
  for (const wire::NodeStatus& node : status.nodes) {
    nodes.push_back(
        {{"name", node.name}, {"sink", node.sink}, {"instances", to_json(node.instances)}});
  }
  return {{"name", status.name},
          {"state", wire::to_string(status.state)},
          {"reason", status.reason},
          {"nodes", std::move(nodes)}};
}

ordered_json to_json(const wire::ActionRef& action) {
  return {{"name", action.name},
          {"version", action.version},
          {"sha256", action.sha256},
          {"bytes", action.bytes}};
}

ordered_json to_json(const wire::ActionVersion& version) {
  ordered_json json = to_json(version.action);
  json["stored_at_ms"] = version.stored_at_ms;
  json["used_by"] = version.used_by;
  return json;
}

ordered_json to_json(const wire::Event& event) {
  return {{"number", event.number},     {"time_ms", event.time_ms}, {"kind", event.kind},
          {"pipeline", event.pipeline}, {"node", event.node},       {"agent", event.agent},
          {"text", event.text}};
}

}  // namespace weir::ctl
