#include "wrapper/core/report.h"

#include <algorithm>

namespace weir::core {

using wire::InstanceState;

wire::InstanceStatus make_report(const Node& node, const ProcessFacts& facts, SteadyTime now) {
  const wire::StartOrder& order = node.order();
  wire::InstanceStatus status;
  status.pipeline = order.pipeline;
  status.node = order.node.name;
  status.instance = order.instance;
  status.term = node.lane().incarnation().term;
  status.log_term = order.log_term;
  status.drained_term = order.drained_term;
  status.writers = order.writers;
  status.heard = node.heard(now);
  status.fenced_by = facts.fenced_by;
  status.boot = node.lane().incarnation().boot;
  status.state = InstanceState::kRunning;
  if (node.ended()) status.state = InstanceState::kEnded;
  if (!facts.failure.empty()) status.state = InstanceState::kFailed;
  status.ended_and_settled = node.ended_and_settled();
  status.endpoint = facts.endpoint;
  status.remote_endpoint = facts.remote_endpoint;
  status.pid = facts.pid;
  status.action_pid = facts.action_pid;
  const NodeCounters& counters = node.counters();
  status.records_in = counters.records_in;
  status.records_out = counters.records_out;
  status.bytes_in = counters.bytes_in;
  status.bytes_out = counters.bytes_out;
  status.unsettled_records = node.unsettled_records();
  status.unsettled_ms = static_cast<uint64_t>(node.unsettled_for(now).count());
  status.settled_position = node.settled_position().value();
  status.settled_record = node.settled_position().record();
  status.log_bytes = node.lane().log_bytes();
  status.dead_letters = node.dead().count();
  status.nonzero_exits = node.nonzero_exits().count;
  status.last_nonzero_exit = node.nonzero_exits().last;
  for (const std::string* error : {&facts.failure, &facts.trouble, &facts.program_trouble}) {
    if (status.last_error.empty()) status.last_error = *error;
  }
  status.notes = facts.notes.waiting();
  return status;
}

bool has_news(const Node& node, const ProcessFacts& facts, const wire::InstanceStatus& told,
              SteadyTime::duration ago) {
  const bool failed = !facts.failure.empty();
  const uint64_t told_notes = told.notes.empty() ? 0 : told.notes.back().number;
  return told.ended_and_settled != node.ended_and_settled() ||
         (told.state == InstanceState::kFailed) != failed ||
         (told.state != InstanceState::kEnded && node.ended() && !failed) ||
         facts.notes.newest() > std::max(told_notes, facts.notes.taken()) ||
         (told.action_pid != facts.action_pid && ago >= kPidNewsAfter);
}

}  // namespace weir::core
