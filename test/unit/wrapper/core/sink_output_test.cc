#include "wrapper/core/sink_output.h"

#include <gtest/gtest.h>

namespace weir::core {
namespace {

Cut cut(std::string_view payload, uint32_t pieces = 1) {
  Cut result;
  result.buffer.reset(new uint8_t[wire::kBlockHeaderBytes + payload.size()]);
  std::copy(payload.begin(), payload.end(), result.buffer.get() + wire::kBlockHeaderBytes);
  result.payload_bytes = static_cast<uint32_t>(payload.size());
  result.pieces = pieces;
  return result;
}

std::string joined(const std::vector<SharedBytes>& all) {
  std::string text;
  for (const SharedBytes& one : all) text += one.view();
  return text;
}

TEST(SinkOutput, IsHandedOutInOrderAndOnce) {
  SinkOutput output;
  EXPECT_TRUE(output.add(cut("one\n"), wire::Shape::kLines).empty());
  EXPECT_TRUE(output.add(cut("two\n"), wire::Shape::kLines).empty());
  EXPECT_EQ(output.held_bytes(), 8u);
  EXPECT_EQ(joined(output.take()), "one\ntwo\n");
  EXPECT_EQ(output.held_bytes(), 0u);
  EXPECT_TRUE(output.take().empty());
}

TEST(SinkOutput, OfFramesHasNoLengths) {
  SinkOutput output;
  output.add(cut(std::string_view("\0\0\0\3one\0\0\0\0\0\0\0\4four", 19), 3), wire::Shape::kFrames);
  EXPECT_EQ(joined(output.take()), "onefour");
}

TEST(SinkOutput, OfAUnitThatFailedIsDropped) {
  SinkOutput output;
  output.add(cut("one\n"), wire::Shape::kLines);
  output.discard();
  output.add(cut("two\n"), wire::Shape::kLines);
  EXPECT_EQ(joined(output.take()), "two\n");
}

TEST(SinkOutput, IsHeldWithinALimit) {
  SinkOutput output;
  const std::string half(SinkOutput::kHeldBytesMax / 2 + 1, 'x');
  EXPECT_TRUE(output.add(cut(half), wire::Shape::kLines).empty());
  EXPECT_EQ(joined(output.add(cut(half), wire::Shape::kLines)).size(), 2 * half.size());
  EXPECT_EQ(output.held_bytes(), 0u);
}

}  // namespace
}  // namespace weir::core
