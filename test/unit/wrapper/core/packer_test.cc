#include "wrapper/core/packer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace weir::core {
namespace {

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

TEST(RecordPacker, ARecordWithoutBytesIsLeftOut) {
  RecordPacker packer(wire::Shape::kFrames);
  packer.add_part("", true);
  packer.add_part("", false);
  packer.add_part("", true);
  EXPECT_TRUE(packer.empty());
  packer.add_part("one", true);
  packer.add_part("", true);
  const std::vector<Cut> cuts = packer.take();
  ASSERT_EQ(cuts.size(), 1u);
  EXPECT_EQ(cuts[0].records, 1u);
}

// Records of any size in parts of any size: the payloads hold the same bytes in order, none is
// over the limit, and they begin and end as their flags say.
TEST(RecordPacker, AnyPartsGiveTheSameBytes) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    std::mt19937_64 random(seed);
    RecordPacker packer(wire::Shape::kLines);
    std::string all;
    std::string got;
    size_t ended = 0;
    const auto take = [&] {
      for (const Cut& cut : packer.take()) {
        got.append(reinterpret_cast<const char*>(cut.payload().data()), cut.payload().size());
        ended += cut.records;
        EXPECT_LE(cut.payload_bytes, wire::kBlockPayloadBytesMax);
        EXPECT_EQ(cut.continued, got.back() != '\n') << "seed " << seed;
      }
    };
    const size_t records = 1 + random() % 200;
    for (size_t i = 0; i < records; ++i) {
      const size_t length = random() % 10 == 0 ? random() % 3'000'000 : random() % 5000;
      const std::string record = std::string(length, static_cast<char>('a' + i % 26)) + '\n';
      all += record;
      for (std::string_view rest = record; !rest.empty();) {
        const size_t count = std::min(rest.size(), size_t{1} + random() % 400'000);
        packer.add_part(rest.substr(0, count), count == rest.size());
        rest.remove_prefix(count);
        if (random() % 20 == 0) take();
      }
    }
    take();
    EXPECT_TRUE(got == all) << "seed " << seed;
    EXPECT_EQ(ended, records) << "seed " << seed;
  }
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
        parts.add_part(std::string_view(record).substr(at, 65536), at + 65536 >= size);
      }
      EXPECT_EQ(parts.part_bytes(), 0u);
      for (RecordPacker* packer : {&whole, &parts}) packer->add("after");
      parts.add_part(record, false);
      EXPECT_EQ(parts.part_bytes(), size);
      const std::vector<Cut> a = whole.take();
      const std::vector<Cut> b = parts.take();
      ASSERT_EQ(a.size(), b.size()) << size;
      for (size_t i = 0; i < a.size(); ++i) {
        EXPECT_TRUE(std::ranges::equal(a[i].payload(), b[i].payload())) << size;
        EXPECT_EQ(a[i].continued, b[i].continued);
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
