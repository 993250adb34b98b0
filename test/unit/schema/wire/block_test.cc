#include "schema/wire/block.h"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <cstring>

#include "schema/base/codec.h"

namespace weir::wire {
namespace {

Block sample(std::string_view payload, uint32_t pieces) {
  BlockHeader header;
  header.of = {3, 2, 77};
  header.first = 41;
  header.pieces = pieces;
  header.payload_bytes = static_cast<uint32_t>(payload.size());
  std::shared_ptr<uint8_t[]> buffer(new uint8_t[kBlockHeaderBytes + payload.size()]);
  std::memcpy(buffer.get() + kBlockHeaderBytes, payload.data(), payload.size());
  return finish_block(std::move(buffer), header);
}

TEST(Block, DecodesToWhatWasFinished) {
  const Block block = sample("one\ntwo\n", 2);
  const Result<Block> back = decode_block(block.bytes);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(back->header.of, block.header.of);
  EXPECT_EQ(back->header.first, 41u);
  EXPECT_EQ(back->header.last(), 42u);
  EXPECT_EQ(back->payload().view(), "one\ntwo\n");
}

// Changing these bytes is changing the log and the wire.
TEST(Block, GoldenHeader) {
  const Block block = sample("one\n", 1);
  const std::string_view bytes = block.bytes.view();
  const std::string expected =
      std::string("WBK1\x01\0\0\0", 8) + std::string("\0\0\0\0\0\0\0\x03", 8) +
      std::string("\0\0\0\0\0\0\0\x02", 8) + std::string("\0\0\0\0\0\0\0\x4d", 8) +
      std::string("\0\0\0\0\0\0\0\x29", 8) + std::string("\0\0\0\x01\0\0\0\x04", 8);
  EXPECT_EQ(bytes.substr(0, 48), expected);
  EXPECT_EQ(bytes.substr(64), "one\n");
}

TEST(Block, AnyFlippedBitIsFound) {
  const Block block = sample("one\ntwo\n", 2);
  for (size_t bit = 0; bit < block.bytes.size * 8; ++bit) {
    std::string bytes(block.bytes.view());
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_block(SharedBytes::copy_of(bytes))) << "bit " << bit;
  }
}

TEST(Block, TheReservedByteIsZero) {
  const Block block = sample("one\n", 1);
  std::string bytes(block.bytes.view());
  bytes[7] = 1;
  // As a writer would that gives it a meaning: with a hash that fits.
  auto* const at = reinterpret_cast<uint8_t*>(bytes.data());
  store_be<uint64_t>(at + 56, XXH3_64bits(at, 56));
  const Result<Block> refused = decode_block(SharedBytes::copy_of(bytes));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().what, "block: the reserved byte is 1, not 0");
}

TEST(Block, MarksHaveNoPayload) {
  const Block end = make_mark({1, 1, 1}, 9, kEndMark);
  const Result<Block> back = decode_block(end.bytes);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_TRUE(back->header.is_end());
  EXPECT_EQ(decode_block(sample("", 1).bytes).error().what, "block: flags do not fit the payload");
}

// Changing these bytes is changing the log and the wire.
TEST(Block, AWatermarkIsOfVersion2AndItsValueComesBack) {
  const Mark mark{Mark::Kind::kWatermark, 1'700'000'000'123};
  const Block block = make_mark({3, 2, 77}, 41, mark);
  const std::string expected =
      std::string("WBK1\x02\x08\0\0", 8) + std::string("\0\0\0\0\0\0\0\x03", 8) +
      std::string("\0\0\0\0\0\0\0\x02", 8) + std::string("\0\0\0\0\0\0\0\x4d", 8) +
      std::string("\0\0\0\0\0\0\0\x29", 8) + std::string("\0\0\0\x01\0\0\0\0", 8) +
      Encoder().u64(mark.value).bytes();
  EXPECT_EQ(block.bytes.view().substr(0, 56), expected);
  const Result<Block> back = decode_block(block.bytes);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(back->header.mark, mark);
}

TEST(Block, WhatVersion1CanSayIsWrittenAsVersion1) {
  EXPECT_EQ(sample("one\n", 1).bytes.data[4], 1);
  EXPECT_EQ(make_mark({1, 1, 1}, 9, kEndMark).bytes.data[4], 1);
  EXPECT_EQ(make_mark({1, 1, 1}, 9, kAbandonedMark).bytes.data[4], 1);
}

std::string with(const Block& block, size_t offset, uint8_t value) {
  std::string bytes(block.bytes.view());
  bytes[offset] = static_cast<char>(value);
  // As a writer would that gives it a meaning: with a hash that fits.
  auto* const at = reinterpret_cast<uint8_t*>(bytes.data());
  store_be<uint64_t>(at + 56, XXH3_64bits(at, 56));
  return bytes;
}

TEST(Block, WhatOnlyALaterReleaseKnowsIsRefusedByName) {
  const auto why = [](const std::string& bytes) {
    const Result<Block> block = decode_block(SharedBytes::copy_of(bytes));
    return block ? "" : block.error().what;
  };
  const Block watermark = make_mark({1, 1, 1}, 9, {Mark::Kind::kWatermark, 5});
  EXPECT_EQ(why(with(watermark, 4, 3)), "block: version 3 is not known");
  EXPECT_EQ(why(with(watermark, 7, 1)), "block: port 1 is not known");
  EXPECT_EQ(why(with(watermark, 5, 16)), "block: unknown flags 16");
  EXPECT_EQ(why(with(watermark, 4, 1)), "block: unknown flags 8") << "version 1 had none";
  EXPECT_EQ(why(with(sample("one\n", 1), 4, 2)), "") << "what is no mark is the same in both";
}

}  // namespace
}  // namespace weir::wire
