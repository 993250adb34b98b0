#include "ctl/up/sink_lane.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "schema/base/check.h"
#include "schema/base/codec.h"

namespace weir::ctl {
namespace {

// Bytes of the piece at `offset`, its frame's length included.
size_t piece_bytes(const SharedBytes& payload, wire::Shape shape, size_t offset) {
  const size_t rest = payload.size - offset;
  if (shape == wire::Shape::kFrames) {
    if (rest < 4) return rest;
    return std::min(rest, size_t{4} + load_be<uint32_t>(payload.data + offset));
  }
  const uint8_t delimiter = shape == wire::Shape::kNul ? 0 : '\n';
  const void* found = std::memchr(payload.data + offset, delimiter, rest);
  if (found == nullptr) return rest;
  return static_cast<size_t>(static_cast<const uint8_t*>(found) - payload.data) + 1 - offset;
}

SharedBytes without_lengths(const SharedBytes& payload) {
  std::string joined;
  joined.reserve(payload.size);
  for (size_t at = 0; at < payload.size;) {
    const size_t size = piece_bytes(payload, wire::Shape::kFrames, at);
    if (size > 4) joined.append(payload.view().substr(at + 4, size - 4));
    at += size;
  }
  return SharedBytes::copy_of(joined);
}

SinkItem make_item(const wire::Block& block, uint32_t skip_pieces) {
  const wire::BlockHeader& header = block.header;
  SinkItem item;
  item.first = {header.of, header.first + skip_pieces};
  item.last = header.last_position();
  item.shape = header.shape;
  item.ends_record = !header.continued();
  item.abandoned = header.abandoned();
  item.end = header.end();
  if (item.abandoned || item.end) return item;
  SharedBytes payload = block.payload();
  size_t offset = 0;
  for (uint32_t i = 0; i < skip_pieces; ++i) offset += piece_bytes(payload, item.shape, offset);
  payload = payload.sub(offset, payload.size - offset);
  item.bytes = item.shape == wire::Shape::kFrames ? without_lengths(payload) : payload;
  item.records = item.ends_record ? header.pieces - skip_pieces : 0;
  return item;
}

bool is_upto(const Position& position, const Position& keep) {
  return position.of == keep.of && position.seq <= keep.seq;
}

}  // namespace

SinkLane::SinkLane(edge::EdgeName name, uint64_t credit_bytes, const edge::ReaderDurable& durable,
                   const SinkBegun& begun, bool open)
    : reader_(std::move(name), credit_bytes, durable),
      credit_bytes_(credit_bytes),
      taken_out_(durable.frontier),
      open_(open),
      begun_(begun) {
  reader_.set_taken(durable.frontier);
  reader_.set_settled(durable.ended ? kEverything : durable.frontier);
}

std::optional<edge::Refuse> SinkLane::on_hello(const edge::Hello& hello) {
  edge::EdgeReader::Meeting meeting = reader_.on_hello(hello);
  if (meeting.refuse) return std::move(meeting.refuse);
  greeting_ = true;
  if (meeting.persist_seen) new_seen_ = keeping_seen_ = true;
  return std::nullopt;
}

bool SinkLane::must_keep_seen() { return std::exchange(new_seen_, false); }

std::optional<std::string> SinkLane::on_frame(const edge::Frame& frame) {
  if (const auto* ping = std::get_if<edge::Ping>(&frame)) {
    // Something that was sent has not come: asked for once more.
    if (reader_.on_ping(*ping)) greeting_ = true;
    ack_due_ = true;
  } else if (const auto* begin = std::get_if<edge::Begin>(&frame)) {
    if (const auto rewind = reader_.on_begin(*begin)) return on_rewind(rewind->keep);
  }
  return std::nullopt;
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
    close.abandoned = true;
    waiting_.push_back(std::move(close));
  }
  return "its log lost its end or was replaced: records may be seen twice";
}

void SinkLane::on_block(const wire::Block& block) {
  if (satisfied()) {
    ack_due_ = true;
    return;
  }
  const auto taking = reader_.on_block(block.header);
  switch (taking.verdict) {
    case edge::EdgeReader::Verdict::kTake:
      waiting_.push_back(make_item(block, taking.skip_pieces));
      waiting_bytes_ += waiting_.back().bytes.size;
      break;
    case edge::EdgeReader::Verdict::kRepeat:
      ack_due_ = true;
      break;
    case edge::EdgeReader::Verdict::kAsk:
      greeting_ = true;
      break;
    case edge::EdgeReader::Verdict::kIgnore:
      break;
  }
}

std::vector<edge::Frame> SinkLane::say() {
  std::vector<edge::Frame> frames;
  // A new session begins with a whole window of credit: not before there is room for one.
  if (greeting_ && !keeping_seen_ && waiting_bytes_ < credit_bytes_) {
    greeting_ = false;
    acked_ = {};
    frames.emplace_back(reader_.welcome());
  }
  if (!reader_.open()) return frames;
  const edge::Ack ack = reader_.ack();
  const bool same = ack.session == acked_.session && ack.taken == acked_.taken &&
                    ack.settled == acked_.settled && ack.enough == acked_.enough &&
                    ack.ended == acked_.ended;
  if (same && !ack_due_) return frames;
  ack_due_ = false;
  acked_ = ack;
  frames.emplace_back(ack);
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
  if (item.abandoned || item.end || item.first != begun_.first) {
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
  reader_.set_taken(last);
  reader_.set_settled(end ? kEverything : last);
  if (end) reader_.set_ended();
}

void SinkLane::enough() {
  if (satisfied()) return;
  waiting_.clear();
  waiting_bytes_ = 0;
  reader_.set_enough();
  reader_.set_settled(kEverything);
}

}  // namespace weir::ctl
