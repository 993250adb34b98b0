#include "wrapper/core/lane_readers.h"

#include <algorithm>

namespace weir::core {

LaneReaders::LaneReaders(const wire::StartOrder& order, const Lane& lane, Effects& effects)
    : lane_(lane), effects_(effects) {
  for (const wire::ReaderOrder& reader : order.readers) {
    const edge::EdgeName name{order.pipeline, order.name(), reader.name};
    readers_.push_back({edge::EdgeWriter(name)});
  }
}

void LaneReaders::open(SteadyTime now) {
  opened_ = true;
  for (size_t i = 0; i < readers_.size(); ++i) {
    if (readers_[i].connected) greet(i, now);
  }
}

void LaneReaders::connected(size_t index, SteadyTime now) {
  readers_[index].connected = true;
  if (opened_) greet(index, now);
}

void LaneReaders::disconnected(size_t index) {
  readers_[index].connected = false;
  readers_[index].edge.disconnected();
}

void LaneReaders::greet(size_t index, SteadyTime now) {
  effects_.to_reader(index, readers_[index].edge.hello(lane_.history(), lane_.first_held(), now));
}

Status LaneReaders::on_frame(size_t index, const edge::Frame& frame, SteadyTime now, bool ended,
                             bool trimmed) {
  if (!opened_) return {};
  edge::EdgeWriter& reader = readers_[index].edge;
  readers_[index].heard_at = now;
  if (const auto* ack = std::get_if<edge::Ack>(&frame)) {
    reader.on_ack(*ack, lane_.history(), now);
  } else if (const auto* welcome = std::get_if<edge::Welcome>(&frame)) {
    return on_welcome(index, *welcome, now, ended, trimmed);
  } else if (const auto* reset = std::get_if<edge::Reset>(&frame)) {
    if (reader.on_reset(*reset)) connected(index, now);
  } else if (const auto* refuse = std::get_if<edge::Refuse>(&frame)) {
    if (!reader.on_refuse(*refuse)) return {};
    if (refuse->reason == edge::RefuseReason::kStale ||
        refuse->reason == edge::RefuseReason::kCopy) {
      effects_.superseded(refuse->seen);
    } else {
      effects_.note("reader " + reader.name().to + " refuses: " + refuse->text);
    }
  }
  return {};
}

Status LaneReaders::on_welcome(size_t index, const edge::Welcome& welcome, SteadyTime now,
                               bool ended, bool trimmed) {
  edge::EdgeWriter& reader = readers_[index].edge;
  const RecordId end = ended ? lane_.history().last() : RecordId{};
  const auto greeted = reader.on_welcome(welcome, lane_.history(), lane_.first_held(), now, end);
  if (!greeted.begin) return {};
  const RecordId wanted = lane_.history().after(std::max(welcome.position.id(), reader.settled()));
  if (trimmed && wanted < lane_.first_held() && !reader.satisfied()) {
    return Error{ErrorCode::kNotFound,
                 "reader " + reader.name().to +
                     " was restarted, and the log was trimmed when it was full: what it needs is "
                     "gone; run again with --data on a larger disk"};
  }
  effects_.to_reader(index, *greeted.begin);
  return {};
}

Status LaneReaders::pump() {
  for (size_t i = 0; i < readers_.size(); ++i) {
    if (Status pumped = pump(i); !pumped) return pumped;
  }
  return {};
}

Status LaneReaders::pump(size_t index) {
  edge::EdgeWriter& reader = readers_[index].edge;
  while (reader.may_send()) {
    const Result<std::optional<wire::Block>> block = lane_.block_at(reader.cursor());
    if (!block) return block.error();
    if (!block->has_value() || !effects_.block_to_reader(index, **block)) break;
    reader.sent(**block, lane_.next_after(**block));
  }
  return {};
}

void LaneReaders::tick(SteadyTime now) {
  if (now - ticked_at_ < kTickInterval) return;
  ticked_at_ = now;
  for (size_t i = 0; i < readers_.size(); ++i) {
    Reader& reader = readers_[i];
    if (!reader.connected) continue;
    switch (reader.edge.tick(now)) {
      case edge::EdgeWriter::Tick::kNothing:
        break;
      case edge::EdgeWriter::Tick::kHello:
        greet(i, now);
        break;
      case edge::EdgeWriter::Tick::kPing:
        effects_.to_reader(i, reader.edge.ping(now));
        break;
      case edge::EdgeWriter::Tick::kReconnect:
        disconnected(i);
        effects_.reconnect(i);
        break;
    }
  }
}

RecordId LaneReaders::sent_to_all() const {
  RecordId sent = kAllRecords;
  for (const Reader& reader : readers_) {
    if (reader.edge.streaming() && !reader.edge.satisfied()) {
      sent = std::min(sent, reader.edge.cursor());
    }
  }
  return sent;
}

RecordId LaneReaders::settled_by_all() const {
  RecordId settled = kAllRecords;
  for (const Reader& reader : readers_) settled = std::min(settled, reader.edge.settled());
  return settled;
}

RecordId LaneReaders::taken_by_all() const {
  RecordId taken = kAllRecords;
  for (const Reader& reader : readers_) {
    const edge::EdgeWriter& edge = reader.edge;
    taken = std::min(taken, edge.satisfied() ? edge.settled() : edge.taken());
  }
  return taken;
}

bool LaneReaders::have_settled(const RecordId& last) const {
  const RecordId settled = settled_by_all();
  return settled == kAllRecords || lane_.history().after(settled) > last;
}

bool LaneReaders::all_satisfied() const {
  return !none() && std::all_of(readers_.begin(), readers_.end(),
                                [](const Reader& reader) { return reader.edge.satisfied(); });
}

bool LaneReaders::all_done() const {
  return std::all_of(readers_.begin(), readers_.end(), [](const Reader& reader) {
    return reader.edge.enough() || reader.edge.settled() == kAllRecords;
  });
}

bool LaneReaders::any_holds() const {
  return std::any_of(readers_.begin(), readers_.end(),
                     [](const Reader& reader) { return reader.edge.holds(); });
}

bool LaneReaders::any_unsatisfied_holds() const {
  return std::any_of(readers_.begin(), readers_.end(), [](const Reader& reader) {
    return reader.edge.holds() && !reader.edge.satisfied();
  });
}

void LaneReaders::heard_since(SteadyTime since, std::vector<std::string>& names) const {
  for (const Reader& reader : readers_) {
    if (reader.heard_at != SteadyTime{} && reader.heard_at >= since) {
      names.push_back(reader.edge.name().to);
    }
  }
}

}  // namespace weir::core
