// What a node says to the writers of its inputs, and hears from them.
#include "wrapper/core/log_entries.h"
#include "wrapper/core/node.h"
#include "wrapper/core/runner.h"

namespace weir::core {

std::optional<size_t> Node::input_named(std::string_view lane) const {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].name == lane) return i;
  }
  return std::nullopt;
}

std::optional<edge::Refuse> Node::on_hello(size_t index, const edge::Hello& hello,
                                           const Peer& peer) {
  Input& input = inputs_[index];
  edge::EdgeReader::Meeting meeting = input.reader.on_hello(hello, peer);
  if (meeting.refuse) return std::move(meeting.refuse);
  input.heard_at = now_;
  if (meeting.persist_seen) {
    input.durable.seen = input.reader.seen();
    put_input(batch_, input.name, input.durable);
    batch_sync_ = true;
    batch_then_.push_back([this, index] { inputs_[index].reader.seen_kept(); });
  }
  runner_->on_meeting(index);
  return std::nullopt;
}

void Node::answer_hellos() {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    const bool has_room =
        input.inbox.bytes() < config_.credit_bytes || input.inbox.only_unfinished();
    if (const auto welcome = input.reader.welcome_due(has_room)) effects_.to_writer(i, *welcome);
  }
}

void Node::on_writer_frame(size_t index, const edge::Frame& frame) {
  Input& input = inputs_[index];
  input.heard_at = now_;
  const edge::ReadingEnd::Heard heard = input.reader.on_frame(frame);
  if (heard.reset) effects_.to_writer(index, *heard.reset);
  if (!heard.rewind) return;
  effects_.note("the log of " + input.name + " lost its end or was replaced: it sends again from " +
                to_string(heard.rewind->from));
  input.inbox.rewind(heard.rewind->keep);
  runner_->on_rewound(index, heard.rewind->keep);
}

void Node::on_block(size_t index, wire::Block block) {
  Input& input = inputs_[index];
  input.heard_at = now_;
  const std::optional<uint32_t> known_pieces = input.reader.on_block(block.header);
  if (!known_pieces) return;
  const bool no_record = block.header.mark && !wire::is_abandoned(block.header.mark);
  counters_.records_in += no_record ? 0 : block.header.pieces - *known_pieces;
  counters_.bytes_in += block.header.payload_bytes;
  input.inbox.push(std::move(block), *known_pieces);
}

void Node::refetch() {
  for (size_t i = 0; i < inputs_.size(); ++i) {
    if (inputs_[i].reader.wants_more()) refetch(i);
  }
}

void Node::refetch(size_t index) {
  Input& input = inputs_[index];
  input.inbox.clear();
  input.consumed = input.durable.frontier;
  input.end_taken = input.durable.ended;
  if (const auto reset = input.reader.restart(input.durable.frontier)) {
    effects_.to_writer(index, *reset);
  }
}

void Node::send_acks() {
  const bool readers_hold = readers_->any_holds();
  const bool gives_credit = pressure_ < Pressure::kInputs;
  for (size_t i = 0; i < inputs_.size(); ++i) {
    Input& input = inputs_[i];
    input.reader.set_holds(runner_->holds() || readers_hold);
    // A part of an unfinished record must not hold up the rest of it.
    if (input.reader.open() && input.inbox.only_unfinished()) {
      input.reader.set_taken(input.inbox.received());
    }
    if (const auto ack = input.reader.ack_due(gives_credit)) effects_.to_writer(i, *ack);
  }
}

}  // namespace weir::core
