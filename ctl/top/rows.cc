#include "ctl/top/rows.h"

#include <map>

#include "ctl/output/columns.h"
#include "ctl/output/instances.h"
#include "ctl/output/units.h"
#include "schema/graph/topology.h"

namespace weir::ctl {

std::vector<TopRow> top_rows(const graph::PipelineSpec& spec, const wire::PipelineStatus& status) {
  std::map<std::string, uint64_t> held;
  const std::vector<KnownInstance> instances = instances_of(status);
  for (const KnownInstance& instance : instances) {
    held[instance.node->name] += instance.report->status.unsettled_records;
  }
  std::vector<TopRow> rows;
  for (const KnownInstance& instance : instances) {
    const std::string& node = instance.node->name;
    uint64_t lag = 0;
    if (const auto index = graph::find_node(spec, node)) {
      for (const uint32_t input : graph::inputs_of(spec, *index))
        lag += held[spec.nodes[input].name];
    }
    rows.push_back({status.name, instance.label, node, *instance.report, lag});
  }
  return rows;
}

std::string top_table(const std::vector<TopRow>& rows) {
  Columns columns({"PIPELINE", "NODE", "AGENT", "STATE", ">IN/s", ">OUT/s", ">UNSETTLED", ">LAG",
                   ">LOG", ">RESTARTS"});
  for (const TopRow& row : rows) {
    const wire::InstanceStatus& status = row.report.status;
    columns.add({row.pipeline, row.name, row.report.agent.empty() ? "-" : row.report.agent,
                 std::string(wire::to_string(status.state)),
                 readable_count(status.records_in_per_second),
                 readable_count(status.records_out_per_second),
                 readable_count(status.unsettled_records), readable_count(row.lag_records),
                 readable_bytes(status.log_bytes), readable_count(status.restarts)});
  }
  return columns.text();
}

nlohmann::ordered_json to_json(const TopRow& row) {
  const wire::InstanceStatus& status = row.report.status;
  return {{"pipeline", row.pipeline},
          {"node", row.node},
          {"index", status.instance},
          {"agent", row.report.agent},
          {"state", wire::to_string(status.state)},
          {"records_in_per_second", status.records_in_per_second},
          {"records_out_per_second", status.records_out_per_second},
          {"bytes_in_per_second", status.bytes_in_per_second},
          {"bytes_out_per_second", status.bytes_out_per_second},
          {"unsettled_records", status.unsettled_records},
          {"unsettled_ms", status.unsettled_ms},
          {"lag_records", row.lag_records},
          {"log_bytes", status.log_bytes},
          {"restarts", status.restarts}};
}

}  // namespace weir::ctl
