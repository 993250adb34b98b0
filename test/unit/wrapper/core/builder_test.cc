#include "wrapper/core/builder.h"

#include <gtest/gtest.h>

#include <random>

namespace weir::core {
namespace {

using wire::kBlockHeaderBytes;

std::shared_ptr<BufferPool> pool() {
  return std::make_shared<BufferPool>(kBlockHeaderBytes + BlockBuilder::kUsualPayloadBytes, 4);
}

std::string text(const Cut& cut) {
  return {reinterpret_cast<const char*>(cut.payload().data()), cut.payload().size()};
}

void append(BlockBuilder& builder, std::string_view bytes) {
  builder.append({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

TEST(BlockBuilder, CutsWholeRecordsAndKeepsTheRest) {
  BlockBuilder builder(pool(), wire::Shape::kLines);
  append(builder, "one\ntwo\nthr");
  std::optional<Cut> cut = builder.cut();
  ASSERT_TRUE(cut);
  EXPECT_EQ(text(*cut), "one\ntwo\n");
  EXPECT_EQ(cut->pieces, 2u);
  EXPECT_EQ(cut->records, 2u);
  EXPECT_FALSE(builder.cut());
  append(builder, "ee\n");
  EXPECT_EQ(text(*builder.cut()), "three\n");
  EXPECT_FALSE(builder.cut_rest());
}

TEST(BlockBuilder, ALastLineMayLackItsDelimiter) {
  BlockBuilder builder(pool(), wire::Shape::kLines);
  append(builder, "one\ntwo");
  EXPECT_EQ(text(*builder.cut()), "one\n");
  std::optional<Cut> rest = builder.cut_rest();
  ASSERT_TRUE(rest);
  EXPECT_EQ(text(*rest), "two");
  EXPECT_EQ(rest->pieces, 1u);
}

TEST(BlockBuilder, NulEndsRecordsToo) {
  BlockBuilder builder(pool(), wire::Shape::kNul);
  append(builder, std::string_view("a\nb\0c", 5));
  EXPECT_EQ(text(*builder.cut()), std::string("a\nb\0", 4));
}

// Any chunking of any lines gives back the same bytes, pieces that add up, and whole records in
// each block that is not `continued`.
TEST(BlockBuilder, AnyChunkingGivesTheSameBytes) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    std::mt19937_64 random(seed);
    std::string all;
    const size_t records = 1 + random() % 200;
    for (size_t i = 0; i < records; ++i) {
      const size_t length = random() % 10 == 0 ? random() % 3'000'000 : random() % 5000;
      all += std::string(length, static_cast<char>('a' + i % 26));
      all += '\n';
    }
    BlockBuilder builder(pool(), wire::Shape::kLines);
    std::string got;
    uint64_t pieces_ending = 0;
    const auto take = [&](std::optional<Cut> cut) {
      if (!cut) return false;
      got += text(*cut);
      pieces_ending += cut->records;
      EXPECT_LE(cut->payload_bytes, wire::kBlockPayloadBytesMax);
      EXPECT_EQ((cut->flags & wire::kContinued) != 0, got.back() != '\n') << "seed " << seed;
      return true;
    };
    for (std::string_view rest = all; !rest.empty();) {
      const std::span<uint8_t> room = builder.space();
      ASSERT_FALSE(room.empty());
      const size_t count = std::min({room.size(), rest.size(), size_t{1} + random() % 400'000});
      std::copy_n(rest.begin(), count, room.begin());
      builder.added(count);
      rest.remove_prefix(count);
      if (builder.full() || random() % 3 == 0) take(builder.cut());
    }
    while (take(builder.cut())) {
    }
    take(builder.cut_rest());
    EXPECT_TRUE(got == all) << "seed " << seed;
    EXPECT_EQ(pieces_ending, records) << "seed " << seed;
  }
}

TEST(FrameParser, FramesComeOutWholeHoweverTheyCome) {
  const std::string bytes = std::string("\0\0\0\3abc\0\0\0\0\0\0\0\1x", 16);
  for (size_t chunk = 1; chunk <= bytes.size(); ++chunk) {
    FrameParser parser;
    std::vector<std::string> frames{""};
    for (size_t at = 0; at < bytes.size(); at += chunk) {
      const std::string some = bytes.substr(at, chunk);
      parser.added({reinterpret_cast<const uint8_t*>(some.data()), some.size()});
      while (true) {
        const auto part = parser.next();
        ASSERT_TRUE(part);
        if (!part->has_value()) break;
        frames.back() += (*part)->bytes;
        if ((*part)->last) frames.emplace_back();
      }
    }
    frames.pop_back();
    EXPECT_EQ(frames, (std::vector<std::string>{"abc", "", "x"}));
    EXPECT_TRUE(parser.empty());
  }
}

TEST(FrameParser, AFrameOverTheLimitIsRefusedAtItsLength) {
  FrameParser parser;
  const std::string bytes("\x7f\0\0\0", 4);
  parser.added({reinterpret_cast<const uint8_t*>(bytes.data()), 4});
  const auto part = parser.next();
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().what, "wrote a frame of 2130706432 bytes; the limit is 104857600");
}

TEST(RecordPacker, LongRecordsComeInPieces) {
  RecordPacker packer(wire::Shape::kFrames);
  packer.add("short");
  packer.add(std::string(2'500'000, 'x'));
  packer.add("after");
  uint32_t records = 0;
  size_t bytes = 0;
  for (const Cut& cut : packer.take()) {
    records += cut.records;
    bytes += cut.payload_bytes - 4 * cut.pieces;
    EXPECT_LE(cut.payload_bytes, wire::kBlockPayloadBytesMax);
  }
  EXPECT_EQ(records, 3u);
  EXPECT_EQ(bytes, 2'500'010u);
  EXPECT_TRUE(packer.empty());
}

// However a record comes, its payloads are the same; and what has not ended is not taken.
TEST(RecordPacker, PartsAreAsGoodAsTheWhole) {
  for (const wire::Shape shape : {wire::Shape::kFrames, wire::Shape::kLines}) {
    for (const size_t size : {1ul, 70'000ul, (1ul << 20) - 4, 1ul << 20, 3ul << 20}) {
      const std::string record(size, 'x');
      RecordPacker whole(shape);
      RecordPacker parts(shape);
      for (RecordPacker* packer : {&whole, &parts}) packer->add("before");
      whole.add(record);
      for (size_t at = 0; at < size; at += 65536) {
        parts.add_part(std::string_view(record).substr(at, 65536));
      }
      EXPECT_EQ(parts.part_bytes(), size);
      parts.end_record();
      for (RecordPacker* packer : {&whole, &parts}) packer->add("after");
      parts.add_part(record);
      const std::vector<Cut> a = whole.take();
      const std::vector<Cut> b = parts.take();
      ASSERT_EQ(a.size(), b.size()) << size;
      for (size_t i = 0; i < a.size(); ++i) {
        EXPECT_TRUE(std::ranges::equal(a[i].payload(), b[i].payload())) << size;
        EXPECT_EQ(a[i].flags, b[i].flags);
        EXPECT_EQ(a[i].records, b[i].records);
      }
      parts.drop_part();
      EXPECT_EQ(parts.part_bytes(), 0u);
      EXPECT_TRUE(parts.empty());
    }
  }
}

}  // namespace
}  // namespace weir::core
