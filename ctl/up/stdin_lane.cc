#include "ctl/up/stdin_lane.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "schema/base/check.h"
#include "schema/base/codec.h"

namespace weir::ctl {

using wire::kBlockHeaderBytes;
using wire::kBlockPayloadBytesMax;

namespace {

constexpr std::string_view kMagic = "WSI1";

edge::History history_of(const std::optional<StdinDurable>& before, const Incarnation& of) {
  edge::History history;
  if (before) history = edge::History({before->entry});
  history.open(of);
  return history;
}

}  // namespace

std::string encode(const StdinDurable& durable) {
  const edge::HistoryEntry& entry = durable.entry;
  Encoder out;
  out.raw(kMagic).u64(entry.of.term).u64(entry.of.boot).u64(entry.of.nonce);
  out.u64(entry.first).u64(entry.last).u8(durable.mid_record ? 1 : 0);
  return std::move(out).bytes();
}

Result<StdinDurable> decode_stdin(std::string_view bytes) {
  Decoder in(bytes);
  StdinDurable durable;
  const bool ours = in.raw(kMagic.size()) == kMagic;
  edge::HistoryEntry& entry = durable.entry;
  entry.of.term = in.u64();
  entry.of.boot = in.u64();
  entry.of.nonce = in.u64();
  entry.first = in.u64();
  entry.last = in.u64();
  durable.mid_record = in.u8() != 0;
  const bool good = entry.of.term > 0 && entry.of.boot > 0 && entry.first > 0 &&
                    entry.last >= entry.first - 1 && entry.last < (uint64_t{1} << 62);
  if (!ours || !in.done() || !good) {
    return Error{ErrorCode::kCorrupt, "not the state of an earlier run's stdin"};
  }
  return durable;
}

StdinLane::StdinLane(edge::EdgeName name, uint64_t nonce, char delimiter,
                     const std::optional<StdinDurable>& before)
    : writer_(std::move(name)),
      of_{1, before ? before->entry.of.boot + 1 : 1, nonce},
      shape_(wire::shape_with(delimiter)) {
  history_ = history_of(before, of_);
  // Nothing will finish the record that the earlier stdin left open.
  if (before && before->mid_record) add_mark(wire::kAbandonedMark);
}

// ---- from stdin

bool StdinLane::wants_input() const {
  return !ended_ && !writer_.satisfied() && held_bytes() < kHeldBytesMax;
}

void StdinLane::added(std::span<const uint8_t> bytes) {
  if (writer_.satisfied()) return;
  pending_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  cut();
}

void StdinLane::cut() {
  while (const auto cutting = wire::whole_records(pending_, shape_, kBlockPayloadBytesMax)) {
    add_block(*cutting);
  }
}

void StdinLane::end() {
  if (ended_) return;
  if (!pending_.empty()) add_block(wire::all_records(pending_, shape_));
  add_mark(wire::kEndMark);
  ended_ = true;
}

void StdinLane::add_block(const wire::Cutting& cutting) {
  std::shared_ptr<uint8_t[]> buffer(new uint8_t[kBlockHeaderBytes + cutting.bytes]);
  std::memcpy(buffer.get() + kBlockHeaderBytes, pending_.data(), cutting.bytes);
  wire::BlockHeader header;
  header.of = of_;
  header.first = history_.next().seq;
  header.pieces = cutting.pieces;
  header.payload_bytes = static_cast<uint32_t>(cutting.bytes);
  header.continued = mid_record_ = cutting.continued;
  header.shape = shape_;
  pending_.erase(0, cutting.bytes);
  hold(wire::finish_block(std::move(buffer), header));
}

void StdinLane::add_mark(const wire::Mark& mark) {
  mid_record_ = false;
  hold(wire::make_mark(of_, history_.next().seq, mark));
}

void StdinLane::hold(wire::Block block) {
  history_.advance(block.header.last());
  held_bytes_ += block.wire_bytes();
  open_ends_.push_back(mid_record_);
  held_.push_back(std::move(block));
}

// ---- the reader

RecordId StdinLane::first_held() const {
  return held_.empty() ? history_.next() : held_.front().header.first_id();
}

edge::Hello StdinLane::hello(edge::SteadyTime now) {
  return writer_.hello(history_, first_held(), now);
}

std::optional<edge::Frame> StdinLane::on_frame(const edge::Frame& frame, edge::SteadyTime now) {
  if (const auto* ack = std::get_if<edge::Ack>(&frame)) {
    writer_.on_ack(*ack, history_, now);
    drop_settled();
  } else if (const auto* welcome = std::get_if<edge::Welcome>(&frame)) {
    const auto greeted = writer_.on_welcome(*welcome, history_, first_held(), now);
    drop_settled();
    if (greeted.begin) return *greeted.begin;
  } else if (const auto* reset = std::get_if<edge::Reset>(&frame)) {
    if (writer_.on_reset(*reset)) return hello(now);
  } else if (const auto* refuse = std::get_if<edge::Refuse>(&frame)) {
    if (writer_.on_refuse(*refuse)) refusal_ = refuse->text;
  }
  return std::nullopt;
}

void StdinLane::drop_settled() {
  const RecordId settled = writer_.satisfied() ? kAllRecords : writer_.settled();
  while (!held_.empty() && held_.front().header.last_id() <= settled) {
    settled_ = held_.front().header.last_id();
    settled_mid_record_ = open_ends_.front();
    held_bytes_ -= held_.front().wire_bytes();
    held_.pop_front();
    open_ends_.pop_front();
  }
  if (writer_.satisfied()) pending_ = {};
}

const wire::Block* StdinLane::to_send() const {
  if (!writer_.may_send()) return nullptr;
  const RecordId& cursor = writer_.cursor();
  // Held blocks are consecutive: the one that has the cursor's record is found by its number.
  const auto found = std::lower_bound(
      held_.begin(), held_.end(), cursor,
      [](const wire::Block& block, const RecordId& id) { return block.header.last_id() < id; });
  return found == held_.end() ? nullptr : &*found;
}

void StdinLane::sent(const wire::Block& block) {
  writer_.sent(block, {of_.term, of_.boot, block.header.last() + 1});
}

StdinDurable StdinLane::durable() const {
  StdinDurable durable;
  durable.entry.of = of_;
  durable.entry.first = history_.newest().first;
  durable.entry.last = std::max(settled_.seq, durable.entry.first - 1);
  durable.mid_record = settled_mid_record_;
  return durable;
}

}  // namespace weir::ctl
