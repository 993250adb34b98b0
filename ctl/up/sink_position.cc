#include "ctl/up/sink_position.h"

#include "schema/base/codec.h"

namespace weir::ctl {
namespace {

constexpr std::string_view kMagic = "WSP2";
constexpr uint8_t kEnded = 1;

void put(Encoder& out, const Incarnation& of) { out.u64(of.term).u64(of.boot).u64(of.nonce); }
void put(Encoder& out, const Position& at) {
  put(out, at.of);
  out.u64(at.seq);
}

Incarnation get_incarnation(Decoder& in) {
  Incarnation of;
  of.term = in.u64();
  of.boot = in.u64();
  of.nonce = in.u64();
  return of;
}

Position get_position(Decoder& in) {
  Position at;
  at.of = get_incarnation(in);
  at.seq = in.u64();
  return at;
}

}  // namespace

std::string encode(const SinkPosition& position) {
  Encoder out;
  out.raw(kMagic).u64(position.run);
  const SinkExtent& extent = position.extent;
  out.u64(extent.bytes).u64(extent.record_start).u8(extent.owed);
  out.u32(extent.open_lane).u8(extent.open_owed);
  out.u32(static_cast<uint32_t>(position.lanes.size()));
  for (const LanePosition& lane : position.lanes) {
    put(out, lane.reader.seen);
    put(out, lane.reader.frontier);
    out.u8(lane.reader.ended ? kEnded : 0);
    put(out, lane.begun.first);
    out.u32(lane.begun.bytes).u8(lane.begun.owed);
  }
  return std::move(out).bytes();
}

Result<SinkPosition> decode_position(std::string_view bytes) {
  const Error corrupt{ErrorCode::kCorrupt, "not a position of weirctl"};
  Decoder in(bytes);
  if (in.raw(kMagic.size()) != kMagic) return corrupt;
  SinkPosition position;
  position.run = in.u64();
  SinkExtent& extent = position.extent;
  extent.bytes = in.u64();
  extent.record_start = in.u64();
  extent.owed = in.u8();
  extent.open_lane = in.u32();
  extent.open_owed = in.u8();
  const uint32_t lanes = in.u32();
  for (uint32_t i = 0; i < lanes && in.ok(); ++i) {
    LanePosition& lane = position.lanes.emplace_back();
    lane.reader.seen = get_incarnation(in);
    lane.reader.frontier = get_position(in);
    lane.reader.ended = in.u8() == kEnded;
    lane.begun.first = get_position(in);
    lane.begun.bytes = in.u32();
    lane.begun.owed = in.u8();
  }
  if (!in.done() || extent.open_lane > lanes) return corrupt;
  return position;
}

}  // namespace weir::ctl
