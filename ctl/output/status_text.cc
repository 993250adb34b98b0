#include "ctl/output/status_text.h"

#include <algorithm>
#include <chrono>

#include "ctl/output/columns.h"
#include "ctl/output/instances.h"
#include "ctl/output/text.h"
#include "ctl/output/units.h"
#include "schema/graph/diagnostic.h"

namespace weir::ctl {
namespace {

constexpr size_t kHashShown = 12;

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string rate(uint64_t per_second) { return readable_count(per_second) + "/s"; }

std::vector<std::string> instance_row(const KnownInstance& instance) {
  const wire::InstanceStatus& status = instance.report->status;
  return {instance.label,
          or_dash(instance.report->agent),
          std::string(wire::to_string(status.state)),
          readable_count(status.records_in),
          readable_count(status.records_out),
          readable_count(status.records_out_per_second),
          readable_count(status.unsettled_records),
          status.unsettled_records == 0
              ? "-"
              : readable_age(std::chrono::milliseconds(status.unsettled_ms)),
          readable_bytes(status.log_bytes),
          readable_count(status.restarts),
          readable_count(status.dead_letters)};
}

}  // namespace

std::string agents_table(const std::vector<wire::AgentSummary>& agents) {
  if (agents.empty()) return "no agent has registered; start one with 'weir-agent'\n";
  Columns columns({"AGENT", "STATE", ">INSTANCES", ">HEARD", "ADDRESS"});
  for (const wire::AgentSummary& agent : agents) {
    columns.add({agent.name, agent.connected ? "connected" : "silent",
                 std::to_string(agent.instances),
                 readable_age(std::chrono::milliseconds(agent.heard_ms_ago)) + " ago",
                 or_dash(agent.address)});
  }
  return columns.text();
}

std::string pipelines_table(const std::vector<wire::PipelineSummary>& pipelines) {
  if (pipelines.empty()) return "no pipelines; store one with 'weirctl pipeline put FILE'\n";
  Columns columns({"PIPELINE", "STATE", ">UP", ">RATE", ">DEAD", ">RESTARTS", "REASON"});
  for (const wire::PipelineSummary& pipeline : pipelines) {
    columns.add({pipeline.name, std::string(wire::to_string(pipeline.state)),
                 std::to_string(pipeline.instances_up) + "/" + std::to_string(pipeline.instances),
                 rate(pipeline.records_out_per_second), readable_count(pipeline.dead_letters),
                 readable_count(pipeline.restarts), pipeline.reason});
  }
  return columns.text();
}

std::string actions_table(const std::vector<wire::ActionVersion>& versions) {
  if (versions.empty()) return "no actions; upload one with 'weirctl action put NAME FILE'\n";
  Columns columns({"ACTION", ">VERSION", ">SIZE", "STORED", "SHA256", "USED BY"});
  for (const wire::ActionVersion& version : versions) {
    columns.add({version.action.name, std::to_string(version.action.version),
                 readable_bytes(version.action.bytes), utc_time(version.stored_at_ms),
                 version.action.sha256.substr(0, kHashShown), joined(version.used_by)});
  }
  return columns.text();
}

std::string state_line(const wire::PipelineStatus& status) {
  std::string line = status.name + ": " + std::string(wire::to_string(status.state));
  if (!status.reason.empty()) line += ": " + graph::printable(status.reason);
  return line + "\n";
}

std::string pipeline_text(const wire::PipelineStatus& status) {
  std::string text = state_line(status) + "\n";
  Columns columns({"NODE", "AGENT", "STATE", ">IN", ">OUT", ">OUT/s", ">UNSETTLED", ">OLDEST",
                   ">LOG", ">RESTARTS", ">DEAD"});
  std::string errors;
  std::string notes;
  for (const KnownInstance& instance : instances_of(status)) {
    columns.add(instance_row(instance));
    const wire::InstanceStatus& known = instance.report->status;
    if (!known.notes.empty()) {
      notes += instance.label + ": " + graph::printable(wire::to_string(known.notes.back())) + "\n";
    }
    if (known.last_error.empty()) continue;
    errors += instance.label + ": " + graph::printable(known.last_error) + "\n";
  }
  text += columns.text();
  if (!errors.empty()) text += "\n" + errors;
  if (!notes.empty()) text += "\nlast notes (all: weirctl events)\n" + notes;
  return text;
}

std::string cluster_text(const std::string& endpoint, const wire::BrokerStatus& status) {
  const auto away = std::count_if(status.agents.begin(), status.agents.end(),
                                  [](const auto& agent) { return !agent.connected; });
  std::string text = "broker " + endpoint + ": " + counted(status.agents.size(), "agent");
  if (away > 0) text += " (" + std::to_string(away) + " silent)";
  text += ", " + counted(status.pipelines.size(), "pipeline") + "\n\n";
  return text + agents_table(status.agents) + "\n" + pipelines_table(status.pipelines);
}

}  // namespace weir::ctl
