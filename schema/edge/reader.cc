#include "schema/edge/reader.h"

#include <utility>

#include "schema/base/check.h"

namespace weir::edge {

EdgeReader::EdgeReader(EdgeName name, uint64_t credit_bytes, const ReaderDurable& durable)
    : name_(std::move(name)),
      credit_bytes_(credit_bytes),
      seen_(durable.seen),
      received_(durable.frontier) {
  ack_.enough = durable.enough;
  ack_.ended = durable.ended;
}

EdgeReader::Meeting EdgeReader::on_hello(const Hello& hello) {
  Meeting meeting;
  const Incarnation& writer = hello.writer();
  const auto refuse = [&](RefuseReason reason, std::string text) {
    meeting.refuse = Refuse{hello.session, reason, seen_, std::move(text)};
    return meeting;
  };
  if (hello.edge != name_) {
    return refuse(RefuseReason::kWrongEdge,
                  "this is " + name_.to + " of " + name_.pipeline + ", reading from " + name_.from);
  }
  const auto order = writer.compare(seen_);
  if (order < 0) return refuse(RefuseReason::kStale, "a later incarnation of this lane is known");
  if (order == 0 && writer != seen_) {
    return refuse(RefuseReason::kCopy, "another copy of this log has been seen");
  }
  meeting.persist_seen = order > 0;
  seen_ = writer;
  history_ = History(hello.history);
  session_ = hello.session;
  state_ = State::kMeeting;
  asked_ = false;
  return meeting;
}

Welcome EdgeReader::welcome() {
  WEIR_CHECK(state_ != State::kClosed, "welcome() answers a HELLO");
  state_ = State::kWelcomed;
  return Welcome{session_,     ++round_,      seen_,       received_,
                 ack_.settled, credit_bytes_, ack_.enough, ack_.ended};
}

std::optional<EdgeReader::Rewind> EdgeReader::on_begin(const Begin& begin) {
  if (!current(begin.session) || begin.round != round_ || state_ != State::kWelcomed) {
    return std::nullopt;
  }
  state_ = State::kOpen;
  asked_ = false;
  expected_ = begin.from;
  if (begin.cause == ResumeCause::kAfter) return std::nullopt;
  Rewind rewind;
  rewind.from = begin.from;
  if (const HistoryEntry* entry = history_.find(received_.of);
      entry != nullptr && begin.cause == ResumeCause::kLostTail) {
    rewind.keep = {entry->of, entry->last};
  }
  received_ = rewind.keep;
  return rewind;
}

bool EdgeReader::on_ping(const Ping& ping) {
  if (!current(ping.session)) return false;
  if (state_ == State::kWelcomed) return true;  // BEGIN was lost.
  return state_ == State::kOpen && expected_ < ping.next;
}

uint64_t EdgeReader::restart(const Position& frontier) {
  received_ = frontier;
  ack_.taken = frontier;
  state_ = State::kClosed;
  return std::exchange(session_, 0);
}

bool EdgeReader::writer_has(const Position& position) const {
  if (position.none()) return true;
  const HistoryEntry* entry = history_.find(position.of);
  return entry != nullptr && (position.seq <= entry->last || entry == &history_.newest());
}

EdgeReader::Taking EdgeReader::on_block(const wire::BlockHeader& header) {
  if (state_ != State::kOpen || asked_) return {};
  const HistoryEntry* entry = history_.find(header.of);
  if (entry == nullptr) return {};
  if (header.last_id() < expected_) return {Verdict::kRepeat, 0};
  if (header.first_id() > expected_ || header.of.term != expected_.term ||
      header.of.boot != expected_.boot) {
    asked_ = true;
    return {Verdict::kAsk, 0};
  }
  Taking taking{Verdict::kTake, static_cast<uint32_t>(expected_.seq - header.first)};
  received_ = header.last_position();
  const bool newest = entry == &history_.newest();
  expected_ = newest || header.last() < entry->last
                  ? RecordId{header.of.term, header.of.boot, header.last() + 1}
                  : history_.after(header.last_id());
  return taking;
}

Ack EdgeReader::ack() const {
  Ack ack = ack_;
  ack.session = session_;
  return ack;
}

}  // namespace weir::edge
