#include "ctl/up/sink_position.h"

#include <xxhash.h>

#include "schema/base/codec.h"

namespace weir::ctl {
namespace {

constexpr std::string_view kMagic = "WSP1";
constexpr uint8_t kEnded = 1;

void put(Encoder& out, const Incarnation& of) { out.u64(of.term).u64(of.boot).u64(of.nonce); }

Incarnation get_incarnation(Decoder& in) {
  Incarnation of;
  of.term = in.u64();
  of.boot = in.u64();
  of.nonce = in.u64();
  return of;
}

}  // namespace

std::string encode(const SinkPosition& position) {
  Encoder out;
  out.raw(kMagic).u64(position.run);
  put(out, position.reader.seen);
  put(out, position.reader.frontier.of);
  out.u64(position.reader.frontier.seq).u8(position.reader.ended ? kEnded : 0);
  out.u64(position.extent.bytes).u64(position.extent.record_start).u8(position.extent.owed);
  out.u64(XXH3_64bits(out.bytes().data(), out.bytes().size()));
  return std::move(out).bytes();
}

Result<SinkPosition> decode_position(std::string_view bytes) {
  const Error corrupt{ErrorCode::kCorrupt, "not a position of weirctl"};
  if (bytes.size() < kMagic.size() + 8) return corrupt;
  const std::string_view hashed = bytes.substr(0, bytes.size() - 8);
  Decoder in(bytes);
  if (in.raw(kMagic.size()) != kMagic) return corrupt;
  SinkPosition position;
  position.run = in.u64();
  position.reader.seen = get_incarnation(in);
  position.reader.frontier.of = get_incarnation(in);
  position.reader.frontier.seq = in.u64();
  position.reader.ended = in.u8() == kEnded;
  position.extent.bytes = in.u64();
  position.extent.record_start = in.u64();
  position.extent.owed = in.u8();
  const uint64_t hash = in.u64();
  if (!in.done() || hash != XXH3_64bits(hashed.data(), hashed.size())) return corrupt;
  return position;
}

}  // namespace weir::ctl
