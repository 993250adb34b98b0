#include <algorithm>

#include "ctl/base/node_names.h"
#include "ctl/dead/letters.h"
#include "ctl/output/instances.h"

namespace weir::ctl {
namespace {

// The rest of a record that did not fit into an answer.
Result<std::string> rest_of(Broker& broker, const wire::InstanceKey& instance,
                            const wire::DeadLetter& letter, std::string record, uint64_t wanted) {
  while (record.size() < wanted) {
    const auto more = broker.ask<wire::DeadData>(
        wire::DeadRead{instance, letter.id, 0, record.size(), wanted - record.size()});
    if (!more) return more.error();
    if (more->records.empty() || more->records[0].value.empty()) {
      return Error{ErrorCode::kCorrupt,
                   "the answer about dead letter " + letter.id + " is cut off"};
    }
    record += more->records[0].value;
  }
  return record;
}

}  // namespace

Result<std::vector<PlacedInstance>> placed_instances(Broker& broker, const std::string& pipeline,
                                                     const std::vector<std::string>& nodes) {
  const auto spec = broker.ask<wire::PipelineSpecIs>(wire::PipelineGet{pipeline});
  if (!spec) return spec.error();
  const auto named = nodes_named(spec->spec, nodes);
  if (!named) return named.error();
  const auto status = broker.ask<wire::PipelineStatus>(wire::PipelineStatusRequest{pipeline});
  if (!status) return status.error();
  std::vector<PlacedInstance> placed;
  for (const KnownInstance& instance : instances_of(*status)) {
    const bool is_named =
        std::find(named->begin(), named->end(), instance.node->name) != named->end();
    if (!is_named || instance.report->agent.empty()) continue;
    placed.push_back({instance.key(pipeline), instance.label});
  }
  return placed;
}

Status read_dead_letters(Broker& broker, const wire::InstanceKey& instance,
                         const LetterFilter& filter, const OnDeadLetter& on_letter) {
  const uint64_t wanted_max = filter.record_bytes_max.value_or(UINT64_MAX);
  wire::DeadRead question{instance, filter.id, 0, 0, wanted_max};
  while (true) {
    const auto data = broker.ask<wire::DeadData>(question);
    if (!data && data.error().code == ErrorCode::kNotFound) return {};
    if (!data) return data.error();
    for (size_t i = 0; i < data->letters.size(); ++i) {
      wire::DeadLetter letter = data->letters[i];
      const uint64_t wanted = std::min(wanted_max, letter.record_bytes);
      const auto record = rest_of(broker, instance, letter, data->records[i].value, wanted);
      if (!record) return record.error();
      letter.sent_bytes = record->size();
      if (!on_letter(letter, *record)) return {};
    }
    if (data->next == 0 || !filter.id.empty()) return {};
    question.from = data->next;
  }
}

}  // namespace weir::ctl
