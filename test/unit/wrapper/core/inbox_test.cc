#include "wrapper/core/inbox.h"

#include <gtest/gtest.h>

#include <cstring>

#include "wrapper/core/packer.h"

namespace weir::core {
namespace {

constexpr Incarnation kOf{1, 1, 9};
constexpr bool kContinued = true;

wire::Block block(uint64_t first, std::string_view payload, uint32_t pieces, bool continued = false,
                  wire::Shape shape = wire::Shape::kLines) {
  wire::BlockHeader header;
  header.of = kOf;
  header.first = first;
  header.pieces = pieces;
  header.payload_bytes = static_cast<uint32_t>(payload.size());
  header.continued = continued;
  header.shape = shape;
  std::shared_ptr<uint8_t[]> buffer(new uint8_t[wire::kBlockHeaderBytes + payload.size()]);
  std::memcpy(buffer.get() + wire::kBlockHeaderBytes, payload.data(), payload.size());
  return wire::finish_block(std::move(buffer), header);
}

TEST(Inbox, RecordsOneByOneAndInRuns) {
  Inbox inbox;
  inbox.push(block(1, "a\nbb\nccc\n", 3), 0);
  EXPECT_EQ(inbox.take_record()->bytes.view(), "a\n");
  const std::optional<Portion> two = inbox.take_records(5, 100);
  EXPECT_EQ(two->bytes.view(), "bb\nccc\n");
  EXPECT_EQ(two->last, (Position{kOf, 3}));
  EXPECT_TRUE(inbox.empty());
  EXPECT_EQ(inbox.bytes(), 0u);
}

TEST(Inbox, AtLeastOneRecordHoweverFewBytesAreAllowed) {
  Inbox inbox;
  inbox.push(block(1, "aaaa\nbb\n", 2), 0);
  EXPECT_EQ(inbox.take_records(10, 1)->bytes.view(), "aaaa\n");
}

TEST(Inbox, SkippedPiecesAreNotSeen) {
  Inbox inbox;
  inbox.push(block(1, "a\nbb\nccc\n", 3), 2);
  EXPECT_EQ(inbox.front_id(), (RecordId{1, 1, 3}));
  EXPECT_EQ(inbox.take_block()->bytes.view(), "ccc\n");
}

TEST(Inbox, ARecordInPiecesIsJoinedWhenItIsWhole) {
  Inbox inbox;
  inbox.push(block(1, "first ", 1, kContinued), 0);
  EXPECT_TRUE(inbox.only_unfinished());
  EXPECT_FALSE(inbox.take_record());
  inbox.push(block(2, "part\nnext\n", 2), 0);
  EXPECT_EQ(inbox.take_record()->bytes.view(), "first part\n");
  EXPECT_EQ(inbox.take_record()->bytes.view(), "next\n");
}

TEST(Inbox, ARecordInPiecesCanBeTakenWithoutJoining) {
  Inbox inbox;
  std::vector<SharedBytes> pieces;
  const std::string first("\0\0\0\3abc", 7);
  inbox.push(block(1, first, 1, kContinued, wire::Shape::kFrames), 0);
  EXPECT_FALSE(inbox.take_pieces(pieces)) << "not whole";
  inbox.push(block(2, std::string("\0\0\0\2de\0\0\0\1f", 11), 2, false, wire::Shape::kFrames), 0);
  EXPECT_EQ(inbox.take_pieces(pieces)->last, (Position{kOf, 2}));
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_EQ(pieces[0].view(), "abc");
  EXPECT_EQ(pieces[1].view(), "de");
  EXPECT_EQ(inbox.take_record()->bytes.view(), "f");

  inbox.push(block(4, first, 1, kContinued, wire::Shape::kFrames), 0);
  inbox.push(wire::make_mark(kOf, 5, wire::kAbandonedMark), 0);
  EXPECT_TRUE(inbox.take_pieces(pieces)->is_abandoned());
  EXPECT_TRUE(pieces.empty());
  EXPECT_TRUE(inbox.empty());
}

TEST(Inbox, AnAbandonedRecordLeavesOnlyItsMark) {
  Inbox inbox;
  inbox.push(block(1, "never ended", 1, kContinued), 0);
  inbox.push(wire::make_mark(kOf, 2, wire::kAbandonedMark), 0);
  inbox.push(block(3, "next\n", 1), 0);
  EXPECT_TRUE(inbox.take_record()->is_abandoned());
  EXPECT_EQ(inbox.take_record()->bytes.view(), "next\n");
}

TEST(Inbox, FramesComeWithoutTheirLengths) {
  RecordPacker packer(wire::Shape::kFrames);
  packer.add("one");
  packer.add("three");
  const std::vector<Cut> cuts = packer.take();
  const std::span<const uint8_t> payload = cuts[0].payload();
  Inbox inbox;
  inbox.push(block(1, {reinterpret_cast<const char*>(payload.data()), payload.size()}, 2, false,
                   wire::Shape::kFrames),
             0);
  const std::optional<Portion> portion = inbox.take_records(10, 1000);
  EXPECT_EQ(portion->bytes.view(), "onethree");
  const std::vector<Portion> records = split_records(*portion);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].bytes.view(), "one");
  EXPECT_EQ(records[0].last, (Position{kOf, 1}));
  EXPECT_EQ(records[1].bytes.view(), "three");
}

TEST(Inbox, FramesKeepTheirLengthsIfThatIsAsked) {
  const std::string frames("\0\0\0\1a\0\0\0\2bc\0\0\0\0", 15);
  Inbox inbox;
  inbox.push(block(1, frames, 3, false, wire::Shape::kFrames), 0);
  const std::optional<Portion> one = inbox.take_records(1, 1000, FrameLengths::kKept);
  EXPECT_TRUE(one->framed);
  EXPECT_EQ(one->bytes.view(), frames.substr(0, 5));
  const std::optional<Portion> rest = inbox.take_records(9, 1000, FrameLengths::kKept);
  EXPECT_EQ(rest->bytes.view(), frames.substr(5));
  EXPECT_EQ(rest->pieces, 2u);

  // Were they not what their block says, replies would be shifted onto other inputs (R11).
  for (const uint32_t wrong : {2u, 4u}) {
    inbox.push(block(10, frames, wrong, false, wire::Shape::kFrames), 0);
    const std::optional<Portion> portion = inbox.take_records(9, 1000, FrameLengths::kKept);
    EXPECT_FALSE(portion->framed);
    EXPECT_EQ(split_records(*portion).size(), wrong);
  }
}

// The hashes of a block may be right and what it says of itself wrong all the same.
TEST(Inbox, MorePiecesThanPayloadAreEmpty) {
  const std::string two_frames("\0\0\0\1a\0\0\0\2bc", 11);
  Inbox inbox;
  inbox.push(block(1, two_frames, 4, false, wire::Shape::kFrames), 0);
  const std::optional<Portion> frames = inbox.take_block();
  const std::vector<Portion> records = split_records(*frames);
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[1].bytes.view(), "bc");
  EXPECT_EQ(records[2].bytes.view(), "");
  EXPECT_EQ(records[3].last, (Position{kOf, 4}));

  inbox.push(block(5, "ab", 1, false, wire::Shape::kFrames), 0);
  EXPECT_EQ(inbox.take_block()->bytes.view(), "") << "no room for a length";

  inbox.push(block(6, "a\n", 2), 0);
  EXPECT_EQ(inbox.take_record()->bytes.view(), "a\n");
  EXPECT_EQ(inbox.take_record()->bytes.view(), "");
  EXPECT_TRUE(inbox.empty());
}

// ... and there may be more payload than its pieces: nothing is counted twice.
TEST(Inbox, FramesBeyondThePiecesAreDropped) {
  const std::string three_frames("\0\0\0\1a\0\0\0\1b\0\0\0\1c", 15);
  Inbox inbox;
  inbox.push(block(1, three_frames, 2, false, wire::Shape::kFrames), 0);
  const std::optional<Portion> frames = inbox.take_block();
  EXPECT_EQ(frames->bytes.view(), "ab");
  EXPECT_EQ(split_records(*frames).size(), 2u);
}

TEST(Inbox, ALongRecordIsMeasuredWithoutWhatIsAroundIt) {
  Inbox inbox;
  EXPECT_EQ(inbox.front_pieces_bytes(), 0u);
  inbox.push(block(1, "short\n", 1), 0);
  EXPECT_EQ(inbox.front_pieces_bytes(), 0u) << "not in pieces";
  inbox.take_record();
  inbox.push(block(2, "12345", 1, kContinued), 0);
  EXPECT_EQ(inbox.front_pieces_bytes(), 5u);
  inbox.push(block(3, "67\nnext\n", 2), 0);
  EXPECT_EQ(inbox.front_pieces_bytes(), 7u) << "its delimiter is no part of it";
  inbox.take_record();
  inbox.take_record();

  inbox.push(block(5, std::string("\0\0\0\3abc", 7), 1, kContinued, wire::Shape::kFrames), 0);
  inbox.push(block(6, std::string("\0\0\0\2de\0\0\0\1f", 11), 2, false, wire::Shape::kFrames), 0);
  EXPECT_EQ(inbox.front_pieces_bytes(), 5u);
  inbox.take_record();

  inbox.push(block(8, "12345", 1, kContinued), 0);
  inbox.take_record();
  inbox.push(wire::make_mark(kOf, 9, wire::kAbandonedMark), 0);
  EXPECT_EQ(inbox.front_pieces_bytes(), 5u);
}

TEST(Inbox, AMissingDelimiterIsKnown) {
  Inbox inbox;
  inbox.push(block(1, "a\nlast", 2), 0);
  EXPECT_TRUE(inbox.take_block()->open_end);
}

TEST(Inbox, RewindForgetsWhatIsNoMore) {
  Inbox inbox;
  inbox.push(block(1, "a\n", 1), 0);
  inbox.push(block(2, "b\n", 1), 0);
  inbox.rewind({kOf, 1});
  EXPECT_EQ(inbox.take_block()->bytes.view(), "a\n");
  EXPECT_TRUE(inbox.empty());
  EXPECT_FALSE(inbox.has_whole());
}

TEST(Inbox, TakesNoFurtherThanAsked) {
  Inbox inbox;
  inbox.push(block(1, "a\nb\nc\n", 3), 0);
  EXPECT_EQ(inbox.take_upto({kOf, 2})->bytes.view(), "a\nb\n");
  EXPECT_FALSE(inbox.take_upto({kOf, 2}));
  EXPECT_EQ(inbox.take_upto({kOf, 7})->bytes.view(), "c\n");
}

}  // namespace
}  // namespace weir::core
