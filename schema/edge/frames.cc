#include "schema/edge/frames.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "schema/base/codec.h"

namespace weir::edge {
namespace {

constexpr std::string_view kMagic = "WED";
constexpr uint8_t kVersion = '1';

// Types on the wire; a number is never given to another type.
enum Type : uint8_t {
  kHello = 1,
  kWelcome = 2,
  kBegin = 3,
  kPing = 4,
  kAck = 5,
  kReset = 6,
  kRefuse = 7,
  kHistoryPart = 8,
};

void put(Encoder& out, const Incarnation& of) { out.u64(of.term).u64(of.boot).u64(of.nonce); }
void put(Encoder& out, const Position& at) {
  put(out, at.of);
  out.u64(at.seq);
}
void put(Encoder& out, const RecordId& id) { out.u64(id.term).u64(id.boot).u64(id.seq); }

Incarnation get_incarnation(Decoder& in) {
  Incarnation of;
  of.term = in.u64();
  of.boot = in.u64();
  of.nonce = in.u64();
  return of;
}

RecordId get_id(Decoder& in) {
  RecordId id;
  id.term = in.u64();
  id.boot = in.u64();
  id.seq = in.u64();
  return id;
}

void put(Encoder& out, const std::vector<HistoryEntry>& history) {
  out.u32(static_cast<uint32_t>(history.size()));
  for (const HistoryEntry& entry : history) {
    put(out, entry.of);
    out.u64(entry.first).u64(entry.last);
  }
}

Position get_position(Decoder& in) {
  Position at;
  at.of = get_incarnation(in);
  at.seq = in.u64();
  return at;
}

Error corrupt(const std::string& what) { return Error{ErrorCode::kCorrupt, "edge frame: " + what}; }

struct Put {
  Encoder& out;

  void operator()(const Hello& hello) const {
    out.u8(kHello).u64(hello.session);
    out.text(hello.edge.pipeline).text(hello.edge.from).text(hello.edge.to);
    put(out, hello.history);
    put(out, hello.first_held);
  }
  void operator()(const Welcome& welcome) const {
    out.u8(kWelcome).u64(welcome.session).u64(welcome.round);
    put(out, welcome.seen);
    put(out, welcome.position);
    put(out, welcome.settled);
    out.u64(welcome.credit_bytes).u8(welcome.enough ? 1 : 0).u8(welcome.ended ? 1 : 0);
  }
  void operator()(const Begin& begin) const {
    out.u8(kBegin).u64(begin.session).u64(begin.round);
    put(out, begin.from);
    out.u8(static_cast<uint8_t>(begin.cause));
  }
  void operator()(const Ping& ping) const {
    out.u8(kPing).u64(ping.session);
    put(out, ping.next);
  }
  void operator()(const Ack& ack) const {
    out.u8(kAck).u64(ack.session);
    put(out, ack.taken);
    put(out, ack.settled);
    out.u8(ack.enough ? 1 : 0).u8(ack.ended ? 1 : 0).u8(ack.holds ? 1 : 0);
  }
  void operator()(const Reset& reset) const { out.u8(kReset).u64(reset.session); }
  void operator()(const Refuse& refuse) const {
    out.u8(kRefuse).u64(refuse.session).u8(static_cast<uint8_t>(refuse.reason));
    put(out, refuse.seen);
    out.text(refuse.text);
  }
  void operator()(const HistoryPart& part) const {
    out.u8(kHistoryPart).u64(part.session);
    put(out, part.entries);
  }
};

Result<std::vector<HistoryEntry>> get_history(Decoder& in) {
  std::vector<HistoryEntry> history;
  const uint32_t count = in.u32();
  if (count == 0 || count > kHistoryEntriesMax) return corrupt("history entries out of range");
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    HistoryEntry entry;
    entry.of = get_incarnation(in);
    entry.first = in.u64();
    entry.last = in.u64();
    if (entry.of.term == 0 || entry.of.boot == 0 || entry.first == 0 ||
        entry.last > (uint64_t{1} << 62) || entry.last + 1 < entry.first) {
      return corrupt("a history entry is out of range");
    }
    if (i > 0 && history.back().of.compare(entry.of) >= 0) {
      return corrupt("history entries out of order");
    }
    history.push_back(entry);
  }
  return history;
}

Result<Frame> get_hello(Decoder& in) {
  Hello hello;
  hello.session = in.u64();
  hello.edge.pipeline = in.text(kNameBytesMax);
  hello.edge.from = in.text(kNameBytesMax);
  hello.edge.to = in.text(kNameBytesMax);
  auto history = get_history(in);
  if (!history) return std::move(history).error();
  hello.history = *std::move(history);
  hello.first_held = get_id(in);
  return Frame(std::move(hello));
}

Result<Frame> get_history_part(Decoder& in) {
  HistoryPart part;
  part.session = in.u64();
  auto entries = get_history(in);
  if (!entries) return std::move(entries).error();
  part.entries = *std::move(entries);
  return Frame(std::move(part));
}

Result<Frame> get_body(uint8_t type, Decoder& in) {
  switch (type) {
    case kHello:
      return get_hello(in);
    case kWelcome: {
      Welcome welcome;
      welcome.session = in.u64();
      welcome.round = in.u64();
      welcome.seen = get_incarnation(in);
      welcome.position = get_position(in);
      welcome.settled = get_position(in);
      welcome.credit_bytes = in.u64();
      welcome.enough = in.u8() != 0;
      welcome.ended = in.u8() != 0;
      return Frame(welcome);
    }
    case kBegin: {
      Begin begin;
      begin.session = in.u64();
      begin.round = in.u64();
      begin.from = get_id(in);
      const uint8_t cause = in.u8();
      if (cause > static_cast<uint8_t>(ResumeCause::kUnknown)) return corrupt("unknown cause");
      begin.cause = static_cast<ResumeCause>(cause);
      return Frame(begin);
    }
    case kPing: {
      Ping ping;
      ping.session = in.u64();
      ping.next = get_id(in);
      return Frame(ping);
    }
    case kAck: {
      Ack ack;
      ack.session = in.u64();
      ack.taken = get_position(in);
      ack.settled = get_position(in);
      ack.enough = in.u8() != 0;
      ack.ended = in.u8() != 0;
      ack.holds = in.u8() != 0;
      return Frame(ack);
    }
    case kReset:
      return Frame(Reset{in.u64()});
    case kRefuse: {
      Refuse refuse;
      refuse.session = in.u64();
      const uint8_t reason = in.u8();
      if (reason < 1 || reason > static_cast<uint8_t>(RefuseReason::kMalformed)) {
        return corrupt("unknown reason");
      }
      refuse.reason = static_cast<RefuseReason>(reason);
      refuse.seen = get_incarnation(in);
      refuse.text = in.text(kReasonBytesMax);
      return Frame(std::move(refuse));
    }
    case kHistoryPart:
      return get_history_part(in);
    default:
      return corrupt("unknown type " + std::to_string(type));
  }
}

}  // namespace

std::string encode(const Frame& frame) {
  Encoder out;
  out.raw(kMagic).u8(kVersion);
  std::visit(Put{out}, frame);
  return std::move(out).bytes();
}

std::vector<std::string> encode_all(const Frame& frame) {
  const auto* const hello = std::get_if<Hello>(&frame);
  if (hello == nullptr || hello->history.size() <= kHistoryEntriesMax) return {encode(frame)};
  std::vector<std::string> messages;
  auto at = hello->history.begin();
  while (hello->history.end() - at > static_cast<std::ptrdiff_t>(kHistoryEntriesMax)) {
    const auto next = at + static_cast<std::ptrdiff_t>(kHistoryEntriesMax);
    messages.push_back(encode(HistoryPart{hello->session, {at, next}}));
    at = next;
  }
  messages.push_back(
      encode(Hello{hello->session, hello->edge, {at, hello->history.end()}, hello->first_held}));
  return messages;
}

std::optional<Frame> HelloParts::add(const std::string& route, Frame frame) {
  auto* const part = std::get_if<HistoryPart>(&frame);
  auto* const hello = std::get_if<Hello>(&frame);
  if (part == nullptr && hello == nullptr) return frame;
  const auto known = std::find_if(unfinished_.begin(), unfinished_.end(),
                                  [&](const auto& one) { return one.route == route; });
  const uint64_t session = part != nullptr ? part->session : hello->session;
  std::vector<HistoryEntry>& entries = part != nullptr ? part->entries : hello->history;
  if (known != unfinished_.end()) {
    std::vector<HistoryEntry> all = std::move(known->part.entries);
    const bool follows = known->part.session == session && !all.empty() &&
                         all.back().of.compare(entries.front().of) < 0 &&
                         all.size() + entries.size() <= kHistoryEntriesInAllMax;
    unfinished_.erase(known);
    if (follows) {
      all.insert(all.end(), entries.begin(), entries.end());
      entries = std::move(all);
    }
  }
  if (part == nullptr) return frame;
  if (unfinished_.size() >= kConnectionsMax) unfinished_.pop_front();
  unfinished_.push_back({route, std::move(*part)});
  return std::nullopt;
}

Result<Frame> decode(std::string_view bytes) {
  Decoder in(bytes);
  if (in.raw(kMagic.size()) != kMagic) return corrupt("no frame begins here");
  if (const uint8_t version = in.u8(); in.ok() && version != kVersion) {
    return corrupt("version '" + std::string(1, static_cast<char>(version)) + "' is not known");
  }
  const uint8_t type = in.u8();
  Result<Frame> frame = get_body(type, in);
  // What a later release has added stands behind what is known here.
  if (frame && !in.ok()) return corrupt("cut short");
  return frame;
}

}  // namespace weir::edge
