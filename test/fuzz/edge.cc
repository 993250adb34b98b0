// Anything may arrive on an edge's sockets: frames and blocks. What is let through must encode to
// the same bytes, and an inbox must be able to cut it into records.
#include "schema/base/check.h"
#include "schema/edge/frames.h"
#include "schema/wire/block.h"
#include "test/fuzz/fuzz.h"
#include "wrapper/core/inbox.h"
#include "wrapper/core/packer.h"
#include "wrapper/core/state.h"

namespace weir::fuzz {
namespace {

void fuzz_frame(std::string_view data) {
  const Result<edge::Frame> frame = edge::decode(data);
  if (!frame) return;
  const Result<edge::Frame> again = edge::decode(edge::encode(*frame));
  WEIR_CHECK(again.has_value() && edge::encode(*again) == edge::encode(*frame),
             "a decoded frame changed");
}

// The payload of a block may be anything, even when its hashes are right.
void fuzz_block(std::string_view data) {
  (void)wire::decode_block(SharedBytes::copy_of(data));
  if (data.size() < 3) return;
  wire::BlockHeader header;
  header.of = {1, 1, 1};
  header.first = 1;
  header.shape = static_cast<wire::Shape>(static_cast<uint8_t>(data[0]) % 3);
  header.pieces = 1 + static_cast<uint8_t>(data[1]) % 8;
  data.remove_prefix(2);
  header.payload_bytes = static_cast<uint32_t>(data.size());
  std::shared_ptr<uint8_t[]> buffer(new uint8_t[wire::kBlockHeaderBytes + data.size()]);
  std::copy(data.begin(), data.end(), buffer.get() + wire::kBlockHeaderBytes);
  const wire::Block block = wire::finish_block(std::move(buffer), header);
  core::Inbox inbox;
  inbox.push(block, 0);
  while (const auto portion = inbox.take_records(2, 10)) (void)core::split_records(*portion);
  inbox.push(block, header.pieces / 2);
  while (inbox.take_record()) {
  }
  inbox.push(block, 0);
  while (inbox.take_records(3, 20, core::FrameLengths::kKept)) {
  }
}

void fuzz_program_output(std::string_view data) {
  core::FrameParser parser;
  parser.added({reinterpret_cast<const uint8_t*>(data.data()), data.size()});
  while (true) {
    const auto part = parser.next();
    if (!part || !part->has_value()) return;
  }
}

}  // namespace

void fuzz_one(std::string_view data) {
  fuzz_frame(data);
  fuzz_block(data);
  fuzz_program_output(data);
  (void)core::decode_dead_letter(data);
}

}  // namespace weir::fuzz
