// One message of each type with every field set to something else than its default, shared by the
// round-trip and the golden tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "schema/wire/control.h"

namespace weir::wire {

inline graph::NodeSpec sample_node(const std::string& name) {
  graph::NodeSpec node;
  node.name = name;
  node.run = "awk '$1 % 2 == 0'";
  node.protocol = graph::Protocol::kLines;
  node.unit = graph::Unit::kBatch;
  node.delimiter = '\0';
  node.accept = {0, 1, 125};
  node.retries = 7;
  node.backoff_first = std::chrono::milliseconds(200);
  node.backoff_max = std::chrono::milliseconds(40'000);
  node.max_dead = 11;
  node.in_flight = 12;
  node.max_records = 13;
  node.max_bytes = 1ull << 40;
  node.max_output_bytes = 15;
  node.durability = graph::Durability::kDisk;
  node.rerun = true;
  node.portable = true;
  node.stall_timeout = std::chrono::milliseconds(60'000);
  node.hosts = {"alpha", "beta.example"};
  node.env = {{"A", "1"}, {"B", "two words"}};
  node.allow = {"178.248.239.55"};
  return node;
}

inline graph::PipelineSpec sample_spec() {
  graph::PipelineSpec spec;
  spec.name = "simplepipe";
  spec.dataflow = {"- ; even ; act"};
  graph::NodeSpec in;
  in.name = "-";
  in.caller_stdin = true;
  graph::NodeSpec act = sample_node("act");
  act.run.clear();
  act.action = "num_gen";
  act.args = {"--freq=1000", ""};
  spec.nodes = {in, sample_node("even"), act};
  spec.edges = {{0, 1}, {1, 2}};
  spec.actions = {{"num_gen", {"./num_gen"}}};
  return spec;
}

inline InstanceStatus sample_status() {
  InstanceStatus status;
  status.pipeline = "simplepipe";
  status.node = "even";
  status.instance = 2;
  status.term = 3;
  status.boot = 4;
  status.state = InstanceState::kRunning;
  status.ended_and_settled = true;
  status.endpoint = "ipc:///run/weir/0123456789abcdef";
  status.remote_endpoint = "tcp://10.1.2.3:40001";
  status.pid = 4711;
  status.action_pid = 4712;
  status.records_in = 1'000'000'000'000;
  status.records_out = 6;
  status.bytes_in = 7;
  status.bytes_out = 8;
  status.records_in_per_second = 13;
  status.records_out_per_second = 14;
  status.bytes_in_per_second = 15;
  status.bytes_out_per_second = 16;
  status.unsettled_records = 9;
  status.unsettled_ms = 1500;
  status.nonzero_exits = 18;
  status.last_nonzero_exit = 1;
  status.settled_position = {17, std::string("to\0ken", 6)};
  status.settled_record = {1, 2, 16};
  status.log_bytes = 10;
  status.restarts = 11;
  status.dead_letters = 12;
  status.log_term = 2;
  status.drained_term = 1;
  status.writers = {"numgen.0", "numgen.0@1"};
  status.heard = {"act.0"};
  status.fenced_by = 5;
  status.last_error = "exit status 3";
  status.notes = {{8, 19, "its log was trimmed"}};
  return status;
}

inline ActionRef sample_action() { return {"num_gen", 3, std::string(kSha256HexBytes, 'a'), 4096}; }

inline StartOrder sample_order() {
  StartOrder order;
  order.pipeline = "simplepipe";
  order.node = sample_node("even");
  order.instance = 2;
  order.term = 3;
  order.writers = {"-.0"};
  order.readers = {{"act.0", "ipc:///run/weir/fedcba9876543210"}, {"weirctl.0", ""}};
  order.sink = true;
  order.log_dir = "/var/lib/weir/wal/simplepipe/even.2";
  order.listen = "ipc:///run/weir/0123456789abcdef";
  order.agent_endpoint = "ipc:///run/weir/agent";
  order.working_dir = "/home/me";
  order.stderr_file = "/var/lib/weir/logs/even.2.stderr";
  order.log_limit_bytes = 1ull << 36;
  order.trim_at_taken = true;
  order.uploaded = sample_action();
  order.end = true;
  order.listen_remote = "tcp://10.1.2.3:*";
  order.log_term = 2;
  order.drained_term = 1;
  order.position = {18, std::string("to\0ken", 6)};
  order.stdout_file = "/var/lib/weir/logs/even.2.stdout";
  return order;
}

inline DeadLetter sample_dead_letter() {
  DeadLetter letter;
  letter.pipeline = "simplepipe";
  letter.node = "even";
  letter.instance = 2;
  letter.id = "2.3.7";
  letter.origin = "numgen.1";
  letter.origin_record = "1.2.613";
  letter.unit = "3-4-5.0.1";
  letter.unix_ms = 1'700'000'000'000;
  letter.attempts = 9;
  letter.reason = "exited with status 3";
  letter.status = 3;
  letter.stderr_tail = {std::string("no\xff\n")};
  letter.action = "awk '$1 % 2 == 0'";
  letter.record_bytes = 17;
  letter.sent_bytes = 4;
  letter.retrying = true;
  return letter;
}

inline std::vector<Envelope> sample_messages() {
  const InstanceStatus status = sample_status();
  const ReaderOrder weirctl{"weirctl.0", "ipc:///run/weir/weirctl"};
  PipelineStatus pipeline{
      "simplepipe",
      PipelineState::kDegraded,
      "even: restarting",
      {{"even", false, true, {{"alpha", status}}}, {"-", true, false, {{"", InstanceStatus{}}}}}};
  BrokerStatus broker{
      {{"alpha", "127.0.0.1", true, 3, 250}},
      {{"simplepipe", PipelineState::kFailed, "even: exit status 3", 4, 3, 1000, 2, 1}}};
  const std::string sha256 = sample_action().sha256;
  const Bytes bytes{std::string("\0\xff#!", 4)};
  std::vector<Message> messages{
      Ok{},
      Refusal{ErrorCode::kConflict, "it runs"},
      PipelinePut{sample_spec()},
      PipelineRun{"simplepipe", weirctl, RunOptions{true, 1 << 30, "/home/me", true}},
      PipelineStop{"simplepipe", true},
      PipelineRemove{"simplepipe", true},
      PipelineAbandon{"simplepipe"},
      AgentRemove{"alpha"},
      PipelineGet{"simplepipe"},
      PipelineSpecIs{sample_spec()},
      PipelineStatusRequest{"simplepipe"},
      pipeline,
      BrokerStatusRequest{},
      broker,
      ActionPut{"num_gen", sha256, 4096},
      ActionChunk{sha256, 1024, bytes},
      ActionWanted{sha256, 1028},
      ActionStored{sample_action()},
      ActionList{},
      ActionListIs{{{sample_action(), 1'700'000'000'000, {"simplepipe"}}}},
      ActionFind{"num_gen", 2},
      ActionFetch{sha256, 1024},
      ActionData{sha256, 1024, bytes},
      ActionRemove{"num_gen", 2},
      LogRead{{"simplepipe", "even", 2, 1}, LogKind::kWrapper, 5, 6, 7},
      LogData{5, 10, bytes, true, true},
      DeadRead{{"simplepipe", "even", 2}, "2.3.7", 8, 9, 10, 11},
      DeadData{{sample_dead_letter()}, {bytes}, 8},
      DeadChange{{"simplepipe", "even", 2}, DeadAction::kDrop, {"2.3.7", "2.3.8"}, 11},
      DeadChanged{{"simplepipe", "even", 2}, 2, 5},
      EventsRequest{41},
      Events{{{42, 1'700'000'000'000, "agent.silent", "simplepipe", "even", "alpha", "silent"}}},
      AgentRegister{"alpha", "127.0.0.1", {status}, "0123456789abcdef", true},
      AgentReport{
          "alpha", 17, {status}, {{"other", "act", 0}}, true, {{"simplepipe", "act", 0}}, true},
      AgentOrders{18, {sample_order()}, {{"simplepipe", "act", 0}}, {{"other", "act", 0}}, 17},
      NotesTaken{{{{"simplepipe", "even", 2}, 4, 8}}},
      WrapperHello{"simplepipe", "even", 2, 3, 4711, 1},
      WrapperReport{status},
      WrapperNeighbours{{weirctl}},
      WrapperStop{true},
  };
  std::vector<Envelope> envelopes;
  for (Message& message : messages) envelopes.push_back({"r-1", std::move(message)});
  return envelopes;
}

}  // namespace weir::wire
