#include "schema/wire/source_protocol.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "schema/base/codec.h"

namespace weir::wire {
namespace {

void add(SourceParser& parser, std::string_view bytes) {
  const std::span<uint8_t> space = parser.space();
  ASSERT_GE(space.size(), bytes.size());
  std::copy(bytes.begin(), bytes.end(), space.begin());
  parser.added(bytes.size());
}

TEST(SourceProtocol, GoldenBytes) {
  const std::string bytes = encode({SourceKind::kRecords, "at", "a\n"});
  EXPECT_EQ(bytes, std::string("\0\0\0\2\0\0\0\2\0\0\0\2ata\n", 16));
}

// However a stream of messages is cut up on its way, the same ones come out.
TEST(SourceProtocol, MessagesComeOutAsTheyWentIn) {
  const std::string large(kSourceDataBytesMax, 'x');
  const std::string position(kPositionTokenBytesMax, '\0');
  const std::vector<SourceMessage> sent{
      {SourceKind::kStart, "", ""},    {SourceKind::kRecords, "1", "a\nb\n"},
      {SourceKind::kPiece, "", large}, {SourceKind::kRecords, position, large},
      {SourceKind::kAbandon, "", ""},  {static_cast<SourceKind>(77), "later", "kinds"},
      {SourceKind::kRecords, "2", ""},
  };
  std::string stream;
  for (const SourceMessage& message : sent) stream += encode(message);
  for (const size_t step : {1u << 30, 1u << 20, 65536u, 4096u, 1000u, 13u}) {
    SourceParser parser;
    size_t count = 0;
    std::string_view rest = stream;
    while (!rest.empty()) {
      const std::span<uint8_t> space = parser.space();
      ASSERT_FALSE(space.empty());
      const size_t bytes = std::min({step, space.size(), rest.size()});
      std::copy_n(rest.begin(), bytes, space.begin());
      parser.added(bytes);
      rest.remove_prefix(bytes);
      while (true) {
        const auto message = parser.next();
        ASSERT_TRUE(message) << message.error().what;
        if (!message->has_value()) break;
        ASSERT_LT(count, sent.size());
        EXPECT_EQ(**message, sent[count]) << "message " << count << ", steps of " << step;
        ++count;
      }
    }
    EXPECT_EQ(count, sent.size()) << step;
    EXPECT_TRUE(parser.empty());
  }
}

TEST(SourceProtocol, R7SizesOverTheLimitsAreRefusedAsSoonAsTheyAreThere) {
  const auto header = [](size_t position, size_t data) {
    return Encoder()
        .u32(static_cast<uint32_t>(SourceKind::kRecords))
        .u32(static_cast<uint32_t>(position))
        .u32(static_cast<uint32_t>(data))
        .bytes();
  };
  SourceParser parser;
  add(parser, header(kPositionTokenBytesMax + 1, 0));
  auto message = parser.next();
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code, ErrorCode::kLimit);
  EXPECT_EQ(message.error().what,
            "wrote a message with 65537 bytes of position; the limit is 65536");
  parser.clear();
  add(parser, header(kPositionTokenBytesMax, kSourceDataBytesMax + 1));
  message = parser.next();
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().what,
            "wrote a message with 1048577 bytes of records; the limit is 1048576");
  parser.clear();
  add(parser, header(kPositionTokenBytesMax, kSourceDataBytesMax));
  message = parser.next();
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->has_value());
}

TEST(SourceProtocol, ARestIsSeen) {
  SourceParser parser;
  EXPECT_TRUE(parser.empty());
  add(parser, encode({SourceKind::kRecords, "1", "a\n"}) + "x");
  ASSERT_TRUE(parser.next());
  EXPECT_FALSE(parser.empty());
}

}  // namespace
}  // namespace weir::wire
