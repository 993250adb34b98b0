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
      EXPECT_EQ(cut->continued, got.back() != '\n') << "seed " << seed;
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

}  // namespace
}  // namespace weir::core
