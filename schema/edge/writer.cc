#include "schema/edge/writer.h"

#include <algorithm>

#include "schema/base/check.h"

namespace weir::edge {

Hello EdgeWriter::hello(const History& history, const RecordId& first_held, SteadyTime now) {
  WEIR_CHECK(!history.empty(), "a writer has an incarnation");
  if (state_ == State::kDown) heard_at_ = now;
  state_ = State::kGreeting;
  greeted_at_ = now;
  ++session_;
  return Hello{session_, name_, history.entries(), first_held};
}

EdgeWriter::Greeted EdgeWriter::on_welcome(const Welcome& welcome, const History& history,
                                           const RecordId& first_held, SteadyTime now,
                                           const RecordId& end) {
  Greeted greeted;
  // A WELCOME of the running session asks to go on from an earlier record: a block was lost.
  if (welcome.session != session_ || state_ == State::kDown) return greeted;
  heard_at_ = now;
  pinged_at_ = now;
  state_ = State::kStreaming;
  credit_bytes_ = welcome.credit_bytes;
  // Not sticky: a reader that lost its log wants again what it once had enough of.
  enough_ = welcome.enough;
  ended_ = welcome.ended;
  settled_ = std::max(settled_, history.clip(welcome.settled));
  // Whoever had settled all may have lost its log since: it has to be told again that this is all.
  const bool knows_end = end.none() || satisfied() || settled_ < end;
  const RecordId settled = knows_end ? settled_ : RecordId{end.term, end.boot, end.seq - 1};
  const Resume resume = history.resume(welcome.position, settled, first_held);
  cursor_ = resume.from;
  // The reader may have gone back to an earlier record: what it takes is counted anew.
  taken_ = std::min(taken_, history.clip(welcome.position));
  // What the reader has received stays outstanding until it is taken.
  while (!outstanding_.empty() && outstanding_.back().last >= cursor_) {
    outstanding_bytes_ -= outstanding_.back().wire_bytes;
    outstanding_.pop_back();
  }
  greeted.begin = Begin{session_, welcome.round, resume.from, resume.cause};
  greeted.cause = resume.cause;
  return greeted;
}

void EdgeWriter::on_ack(const Ack& ack, const History& history, SteadyTime now) {
  if (ack.session != session_ || state_ == State::kDown) return;
  heard_at_ = now;
  enough_ = enough_ || ack.enough;
  ended_ = ended_ || ack.ended;
  holds_ = ack.holds;
  take(history.clip(ack.taken));
  settled_ = std::max(settled_, history.clip(ack.settled));
}

void EdgeWriter::take(const RecordId& taken) {
  taken_ = std::max(taken_, taken);
  while (!outstanding_.empty() && outstanding_.front().last <= taken_) {
    outstanding_bytes_ -= outstanding_.front().wire_bytes;
    outstanding_.pop_front();
  }
}

bool EdgeWriter::on_reset(const Reset& reset) {
  if (state_ == State::kDown || (reset.session != 0 && reset.session != session_)) return false;
  return state_ == State::kStreaming;
}

bool EdgeWriter::on_refuse(const Refuse& refuse) {
  if (refuse.session != session_ || state_ == State::kDown) return false;
  return true;
}

EdgeWriter::Tick EdgeWriter::tick(SteadyTime now) {
  switch (state_) {
    case State::kDown:
      return Tick::kNothing;
    case State::kGreeting:
      if (now - heard_at_ >= kSilenceMax) return Tick::kReconnect;
      return now - greeted_at_ >= kGreetAgain ? Tick::kHello : Tick::kNothing;
    case State::kStreaming:
      if (now - heard_at_ >= kSilenceMax) return Tick::kReconnect;
      return now - pinged_at_ >= kPingInterval ? Tick::kPing : Tick::kNothing;
  }
  return Tick::kNothing;
}

Ping EdgeWriter::ping(SteadyTime now) {
  pinged_at_ = now;
  return Ping{session_, cursor_};
}

void EdgeWriter::disconnected() {
  state_ = State::kDown;
  outstanding_.clear();
  outstanding_bytes_ = 0;
}

bool EdgeWriter::may_send() const {
  if (state_ != State::kStreaming || satisfied()) return false;
  return outstanding_.empty() || outstanding_bytes_ < credit_bytes_;
}

void EdgeWriter::sent(const wire::Block& block, const RecordId& next) {
  outstanding_.push_back({block.header.last_id(), block.wire_bytes()});
  outstanding_bytes_ += block.wire_bytes();
  cursor_ = next;
}

}  // namespace weir::edge
