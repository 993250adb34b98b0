#include "ctl/up/sink_lane.h"

#include <algorithm>
#include <utility>

#include "schema/base/check.h"

namespace weir::ctl {
namespace {

SinkItem make_item(const wire::Block& block, uint32_t skip_pieces) {
  const wire::BlockHeader& header = block.header;
  SinkItem item;
  item.first = {header.of, header.first + skip_pieces};
  item.last = header.last_position();
  item.shape = header.shape;
  item.ends_record = !header.continued;
  item.mark = header.mark;
  if (item.mark) return item;
  const SharedBytes payload = block.payload();
  wire::PieceCursor cursor(payload.view(), item.shape);
  cursor.skip(skip_pieces);
  item.bytes = wire::as_read(payload.sub(cursor.offset(), payload.size - cursor.offset()),
                             item.shape, header.pieces - skip_pieces);
  item.records = item.ends_record ? header.pieces - skip_pieces : 0;
  return item;
}

bool is_upto(const Position& position, const Position& keep) {
  return position.of == keep.of && position.seq <= keep.seq;
}

}  // namespace

SinkLane::SinkLane(edge::EdgeName name, uint64_t credit_bytes, const edge::ReaderDurable& durable,
                   const SinkBegun& begun, bool open)
    : end_(std::move(name), credit_bytes, durable),
      credit_bytes_(credit_bytes),
      taken_out_(durable.frontier),
      open_(open),
      begun_(begun) {
  end_.set_taken(durable.frontier);
  end_.set_settled(durable.ended ? kEverything : durable.frontier);
}

std::optional<edge::Refuse> SinkLane::on_hello(const edge::Hello& hello, const Peer& peer) {
  edge::EdgeReader::Meeting meeting = end_.on_hello(hello, peer);
  if (meeting.persist_seen) new_seen_ = true;
  return std::move(meeting.refuse);
}

bool SinkLane::must_keep_seen() { return std::exchange(new_seen_, false); }

SinkLane::Heard SinkLane::on_frame(const edge::Frame& frame) {
  const edge::ReadingEnd::Heard heard = end_.on_frame(frame);
  return {heard.reset, heard.rewind ? on_rewind(heard.rewind->keep) : std::nullopt};
}

// What waits and no longer exists is dropped; what is written cannot be taken back.
std::optional<std::string> SinkLane::on_rewind(const Position& keep) {
  while (!waiting_.empty() && !is_upto(waiting_.back().last, keep)) {
    waiting_bytes_ -= waiting_.back().bytes.size;
    waiting_.pop_back();
  }
  if (!waiting_.empty() || taken_out_.none() || is_upto(taken_out_, keep)) return std::nullopt;
  if (open_) {
    SinkItem close;
    close.last = taken_out_;
    close.mark = wire::kAbandonedMark;
    waiting_.push_back(std::move(close));
  }
  return "its log lost its end or was replaced: records may be seen twice";
}

void SinkLane::on_block(const wire::Block& block) {
  const std::optional<uint32_t> known_pieces = end_.on_block(block.header);
  if (!known_pieces) return;
  waiting_.push_back(make_item(block, *known_pieces));
  waiting_bytes_ += waiting_.back().bytes.size;
}

std::vector<edge::Frame> SinkLane::say() {
  std::vector<edge::Frame> frames;
  if (const auto welcome = end_.welcome_due(waiting_bytes_ < credit_bytes_)) {
    frames.emplace_back(*welcome);
  }
  if (const auto ack = end_.ack_due()) frames.emplace_back(*ack);
  return frames;
}

SinkItem SinkLane::take() {
  WEIR_CHECK(!waiting_.empty(), "take() of nothing");
  SinkItem item = std::move(waiting_.front());
  waiting_.pop_front();
  waiting_bytes_ -= item.bytes.size;
  if (begun_.bytes > 0) drop_begun(item);
  taken_out_ = item.last;
  open_ = !item.ends_record;
  return item;
}

// One id means the same bytes for ever: what is on the output of them is not written again. What
// has other ids has replaced them.
void SinkLane::drop_begun(SinkItem& item) {
  if (item.mark || item.first != begun_.first) {
    item.owed = begun_.owed;
    begun_ = {};
    return;
  }
  item.begun = static_cast<uint32_t>(std::min<size_t>(begun_.bytes, item.bytes.size));
  item.bytes = item.bytes.sub(item.begun, item.bytes.size - item.begun);
  begun_.bytes -= item.begun;
  begun_.first = {item.last.of, item.last.seq + 1};
}

void SinkLane::done(const Position& last, bool end) {
  if (satisfied()) return;
  end_.set_taken(last);
  end_.set_settled(end ? kEverything : last);
  if (!end) return;
  end_.want_no_more();
  end_.set_ended();
}

void SinkLane::enough() {
  if (satisfied()) return;
  waiting_.clear();
  waiting_bytes_ = 0;
  end_.want_no_more();
  end_.set_enough();
  end_.set_settled(kEverything);
}

}  // namespace weir::ctl
