#include "schema/edge/reading_end.h"

namespace weir::edge {

ReadingEnd::ReadingEnd(EdgeName name, uint64_t credit_bytes, const ReaderDurable& durable)
    : reader_(std::move(name), credit_bytes, durable),
      wants_more_(!durable.ended && !durable.enough) {}

EdgeReader::Meeting ReadingEnd::on_hello(const Hello& hello, const Peer& peer) {
  EdgeReader::Meeting meeting = reader_.on_hello(hello);
  if (meeting.refuse) return meeting;
  peer_ = peer;
  greeting_ = true;
  // R2: what is seen of a writer is synced before its first block is taken.
  if (meeting.persist_seen) keeping_seen_ = true;
  return meeting;
}

ReadingEnd::Heard ReadingEnd::on_frame(const Frame& frame) {
  Heard heard;
  if (const auto* begin = std::get_if<Begin>(&frame)) {
    heard.rewind = reader_.on_begin(*begin);
  } else if (const auto* ping = std::get_if<Ping>(&frame)) {
    // Who pings has not heard that its session is over, and would wait in vain.
    if (!reader_.current(ping->session)) {
      heard.reset = Reset{ping->session};
      return heard;
    }
    ack_asked_ = true;
    // Who wants no more misses nothing, but cannot say so before it is met.
    const bool behind = reader_.on_ping(*ping);
    if (behind && (wants_more_ || !reader_.open())) greeting_ = true;
  }
  return heard;
}

std::optional<uint32_t> ReadingEnd::on_block(const wire::BlockHeader& header) {
  if (!wants_more_) {
    ack_asked_ = true;
    return std::nullopt;
  }
  const EdgeReader::Taking taking = reader_.on_block(header);
  switch (taking.verdict) {
    case EdgeReader::Verdict::kTake:
      return taking.skip_pieces;
    case EdgeReader::Verdict::kRepeat:
      ack_asked_ = true;
      break;
    case EdgeReader::Verdict::kAsk:
      greeting_ = true;
      break;
    case EdgeReader::Verdict::kIgnore:
      break;
  }
  return std::nullopt;
}

std::optional<Welcome> ReadingEnd::welcome_due(bool has_room) {
  if (!greeting_ || keeping_seen_ || !has_room) return std::nullopt;
  greeting_ = false;
  said_ = {};
  return reader_.welcome();
}

std::optional<Ack> ReadingEnd::ack_due(bool gives_credit) {
  if (!reader_.open()) return std::nullopt;
  Ack ack = reader_.ack();
  if (!gives_credit && ack.session == said_.session) ack.taken = said_.taken;
  if (ack == said_ && !ack_asked_) return std::nullopt;
  ack_asked_ = false;
  said_ = ack;
  return ack;
}

std::optional<Reset> ReadingEnd::restart(const Position& frontier) {
  greeting_ = false;
  const uint64_t session = reader_.restart(frontier);
  if (session == 0) return std::nullopt;
  return Reset{session};
}

}  // namespace weir::edge
