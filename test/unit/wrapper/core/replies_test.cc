#include "wrapper/core/replies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace weir::core {
namespace {

using ::testing::ElementsAre;

graph::NodeSpec answering(graph::Protocol protocol) {
  graph::NodeSpec spec;
  spec.protocol = protocol;
  return spec;
}

ReplyReader::Got give(ReplyReader& reader, std::string_view bytes, uint64_t asked) {
  std::memcpy(reader.space().data(), bytes.data(), bytes.size());
  EmptyInputs none;
  return reader.added(bytes.size(), asked, none);
}

std::string all(ReplyReader& reader) {
  std::string bytes;
  for (const Cut& cut : reader.take()) {
    bytes.append(reinterpret_cast<const char*>(cut.payload().data()), cut.payload().size());
  }
  return bytes;
}

std::string joined(const std::vector<SharedBytes>& parts) {
  std::string bytes;
  for (const SharedBytes& part : parts) bytes += part.view();
  return bytes;
}

TEST(ReplyReader, ALoneDelimiterIsAReplyWithoutOutput) {
  ReplyReader reader(answering(graph::Protocol::kLines));
  EXPECT_EQ(give(reader, "one\n\nthr", 5).replies, 2u);
  EXPECT_FALSE(reader.empty());
  EXPECT_EQ(give(reader, "ee\n", 3).replies, 1u);
  EXPECT_TRUE(reader.empty());
  EXPECT_EQ(all(reader), "one\nthree\n");
}

// R11: what nothing asked for is never committed with what was.
TEST(ReplyReader, R11AReplyTooManyIsNotAmongTheOthers) {
  ReplyReader lines(answering(graph::Protocol::kLines));
  const ReplyReader::Got got = give(lines, "one\ntwo\n", 1);
  EXPECT_EQ(got.replies, 1u);
  EXPECT_EQ(got.broken, "wrote a reply that nothing asked for");
  EXPECT_EQ(all(lines), "one\n");

  ReplyReader frames(answering(graph::Protocol::kFrames));
  EXPECT_TRUE(give(frames, std::string_view("\0\0\0\1a\0\0\0\0", 9), 1).broken)
      << "no output either";
  EXPECT_EQ(all(frames), std::string("\0\0\0\1a", 5));
}

TEST(ReplyReader, ALineMayBeAsLongAsARecordAndItsDelimiter) {
  ReplyReader reader(answering(graph::Protocol::kLines));
  size_t left = 100u << 20;
  while (left > 0) {
    const std::string some(std::min(left, size_t{256} << 10), 'x');
    left -= some.size();
    ASSERT_FALSE(give(reader, some, 1).broken);
  }
  EXPECT_EQ(give(reader, "\n", 1).replies, 1u);
  EXPECT_EQ(all(reader).size(), (100u << 20) + 1);
}

TEST(EncodeInput, WhatIsRightAsItIsIsNotCopied) {
  Portion lines;
  lines.bytes = SharedBytes::copy_of("a\nb\n");
  lines.pieces = 2;
  std::vector<SharedBytes> fed = encode_input(lines, false, '\n');
  ASSERT_EQ(fed.size(), 1u);
  EXPECT_EQ(fed[0].data, lines.bytes.data);

  Portion frames;
  frames.bytes = SharedBytes::copy_of(std::string_view("\0\0\0\1a\0\0\0\1b", 10));
  frames.pieces = 2;
  frames.shape = wire::Shape::kFrames;
  frames.framed = true;
  fed = encode_input(frames, true, '\n');
  ASSERT_EQ(fed.size(), 1u);
  EXPECT_EQ(fed[0].data, frames.bytes.data);
}

TEST(EncodeInput, LinesBecomeFramesAndFramesLines) {
  Portion lines;
  lines.bytes = SharedBytes::copy_of("a\nlast");
  lines.pieces = 2;
  lines.open_end = true;
  EXPECT_EQ(joined(encode_input(lines, true, '\n')), std::string("\0\0\0\2a\n\0\0\0\4last", 14));
  EXPECT_EQ(joined(encode_input(lines, false, '\n')), "a\nlast\n");

  Portion frames;
  frames.bytes = SharedBytes::copy_of("ab\n");
  frames.sizes = {1, 2};
  frames.pieces = 2;
  frames.shape = wire::Shape::kFrames;
  EXPECT_EQ(joined(encode_input(frames, false, '\n')), "a\nb\n");
}

Portion portion_of(const std::string& bytes, uint32_t pieces) {
  Portion portion;
  portion.bytes = SharedBytes::copy_of(bytes);
  portion.pieces = pieces;
  return portion;
}

std::vector<uint64_t> empty_ones(EmptyInputs& inputs, uint64_t count) {
  std::vector<uint64_t> found;
  for (uint64_t i = 0; i < count; ++i) {
    if (inputs.is_empty(i)) found.push_back(i);
  }
  return found;
}

TEST(EmptyInputs, AreFoundWhereverTheyStand) {
  EmptyInputs inputs;
  inputs.asked(portion_of("\na\n\n\nb\n", 5), '\n');
  inputs.asked_others(2);
  inputs.asked(portion_of("c\nd", 2), '\n');  // The last one without its delimiter.
  inputs.asked(portion_of("\n", 1), '\n');
  Portion frames = portion_of("ab\n\nc", 4);
  frames.shape = wire::Shape::kFrames;
  frames.sizes = {2, 0, 1, 2};
  inputs.asked(frames, '\n');
  EXPECT_THAT(empty_ones(inputs, 14), ElementsAre(0, 2, 3, 9, 11, 12));
}

TEST(EmptyInputs, AreCountedFromTheLastAnswer) {
  EmptyInputs inputs;
  inputs.asked(portion_of("a\n\nb\n\n", 4), '\n');
  inputs.answered(2);  // By answers that were not empty, so nobody asked.
  EXPECT_THAT(empty_ones(inputs, 2), ElementsAre(1));
  inputs.clear();
  inputs.asked(portion_of("\n", 1), '\n');
  EXPECT_TRUE(inputs.is_empty(0));
}

}  // namespace
}  // namespace weir::core
