// A writer of one lane for tests of its reader: makes blocks and says HELLO and BEGIN.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

#include "ctl/up/sink_lane.h"
#include "schema/base/codec.h"
#include "schema/edge/history.h"
#include "schema/edge/writer.h"

namespace weir::ctl::test {

inline edge::EdgeName lane_name(const std::string& node = "wc") {
  return {"up", node + ".0", "weirctl.0"};
}

class LaneWriter {
 public:
  explicit LaneWriter(edge::EdgeName name, const Incarnation& of = {1, 1, 7})
      : writer_(std::move(name)) {
    open(of);
  }

  // A new boot; what is after `last` is lost.
  void open(const Incarnation& of) {
    history_.open(of);
    of_ = of;
  }
  void replace(const Incarnation& of) {
    history_ = {};
    open(of);
  }
  void lose_after(uint64_t last) { history_.advance(last); }

  wire::Block block(std::string_view payload, bool continued = false,
                    wire::Shape shape = wire::Shape::kLines) {
    std::shared_ptr<uint8_t[]> buffer(new uint8_t[wire::kBlockHeaderBytes + payload.size()]);
    std::memcpy(buffer.get() + wire::kBlockHeaderBytes, payload.data(), payload.size());
    wire::BlockHeader header;
    header.of = of_;
    header.first = history_.next().seq;
    header.payload_bytes = static_cast<uint32_t>(payload.size());
    header.continued = continued;
    header.shape = shape;
    header.pieces = pieces(payload, shape);
    history_.advance(header.last());
    return wire::finish_block(std::move(buffer), header);
  }
  wire::Block mark(const wire::Mark& mark) {
    const uint64_t seq = history_.next().seq;
    history_.advance(seq);
    return wire::make_mark(of_, seq, mark);
  }

  // HELLO, WELCOME, BEGIN. Returns what the reader told the user.
  std::optional<std::string> meet(SinkLane& lane, const edge::History* known = nullptr) {
    const edge::History& history = known == nullptr ? history_ : *known;
    if (lane.on_hello(writer_.hello(history, history.first(), {}), {})) return "refused";
    if (lane.must_keep_seen()) lane.seen_kept();
    for (const edge::Frame& frame : lane.say()) {
      const auto* welcome = std::get_if<edge::Welcome>(&frame);
      if (welcome == nullptr) continue;
      welcome_ = *welcome;
      const auto greeted = writer_.on_welcome(*welcome, history, history.first(), {});
      return lane.on_frame(*greeted.begin).note;
    }
    return "no welcome";
  }

  const edge::Welcome& welcome() const { return welcome_; }
  const edge::History& history() const { return history_; }
  static std::string frame(std::string_view bytes) { return Encoder().text(bytes).bytes(); }

 private:
  static uint32_t pieces(std::string_view payload, wire::Shape shape) {
    uint32_t count = 0;
    if (shape == wire::Shape::kFrames) {
      for (Decoder in(payload); in.rest() > 0; ++count) in.text(payload.size());
      return count;
    }
    const char delimiter = shape == wire::Shape::kNul ? '\0' : '\n';
    for (const char c : payload) count += c == delimiter ? 1 : 0;
    return count + (payload.back() == delimiter ? 0 : 1);
  }

  edge::EdgeWriter writer_;
  edge::History history_;
  Incarnation of_;
  edge::Welcome welcome_;
};

// All acknowledgements that the lane has to say now; the last one.
inline std::optional<edge::Ack> last_ack(SinkLane& lane) {
  std::optional<edge::Ack> last;
  for (const edge::Frame& frame : lane.say()) {
    if (const auto* ack = std::get_if<edge::Ack>(&frame)) last = *ack;
  }
  return last;
}

}  // namespace weir::ctl::test
