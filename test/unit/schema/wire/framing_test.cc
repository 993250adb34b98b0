#include "schema/wire/framing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace weir::wire {
namespace {

using Pieces = std::vector<std::string>;

std::string frame(std::string_view bytes) { return Encoder().text(bytes).bytes(); }

Pieces pieces_of(std::string_view payload, Shape shape, size_t offset = 0) {
  Pieces pieces;
  for (PieceCursor cursor(payload, shape, offset); !cursor.done();) {
    pieces.emplace_back(cursor.take());
  }
  return pieces;
}

TEST(PieceCursor, GivesEachPieceAsAProgramReadsIt) {
  EXPECT_EQ(pieces_of("a\n\nbc\nd", Shape::kLines), (Pieces{"a\n", "\n", "bc\n", "d"}));
  EXPECT_EQ(pieces_of(std::string_view("a\0b\n\0", 5), Shape::kNul),
            (Pieces{std::string("a\0", 2), std::string("b\n\0", 3)}));
  EXPECT_EQ(pieces_of(frame("one") + frame("") + frame("four"), Shape::kFrames),
            (Pieces{"one", "", "four"}));
  EXPECT_EQ(pieces_of("", Shape::kLines), Pieces{});
}

TEST(PieceCursor, BeginsAndGoesOnWhereItIsTold) {
  const std::string payload = "a\nbb\nccc\ndddd\n";
  EXPECT_EQ(pieces_of(payload, Shape::kLines, 5), (Pieces{"ccc\n", "dddd\n"}));
  PieceCursor cursor(payload, Shape::kLines);
  cursor.skip(2);
  EXPECT_EQ(cursor.offset(), 5u);
  EXPECT_EQ(cursor.take_raw(), "ccc\n");
  cursor.skip(7);
  EXPECT_TRUE(cursor.done());
  EXPECT_EQ(cursor.size(), 0u);
  EXPECT_EQ(cursor.take(), "");
}

TEST(PieceCursor, NeverReadsPastTheEndWhateverTheLengthsSay) {
  EXPECT_EQ(pieces_of(std::string_view("\xff\xff\xff\xff", 4) /* a length alone */, Shape::kFrames),
            (Pieces{""}));
  EXPECT_EQ(pieces_of("\xff\xff\xff\xffrest", Shape::kFrames), (Pieces{"rest"}));
  EXPECT_EQ(pieces_of(frame("ok") + "\1\2", Shape::kFrames), (Pieces{"ok", ""}));
}

TEST(Framing, FramesAreReadWithoutTheirLengths) {
  const SharedBytes two = SharedBytes::copy_of(frame("one") + frame("") + frame("four"));
  std::vector<uint32_t> sizes;
  EXPECT_EQ(as_read(two, Shape::kFrames, 3, &sizes).view(), "onefour");
  EXPECT_EQ(sizes, (std::vector<uint32_t>{3, 0, 4}));
}

TEST(Framing, OneFrameAndLinesAreNotCopied) {
  const SharedBytes one = SharedBytes::copy_of(frame("one"));
  EXPECT_EQ(as_read(one, Shape::kFrames, 1).data, one.data + kFrameLengthBytes);
  const SharedBytes lines = SharedBytes::copy_of(std::string_view("a\nb\n"));
  EXPECT_EQ(as_read(lines, Shape::kLines, 2).data, lines.data);
}

TEST(Framing, EachPieceHasASizeAlsoWhereThePayloadHasFewer) {
  std::vector<uint32_t> sizes;
  const SharedBytes one = SharedBytes::copy_of(frame("one"));
  EXPECT_EQ(as_read(one, Shape::kFrames, 3, &sizes).view(), "one");
  EXPECT_EQ(sizes, (std::vector<uint32_t>{3, 0, 0}));
}

TEST(Framing, WholeFramesAreToldFromOthers) {
  EXPECT_TRUE(are_whole_frames(frame("one") + frame(""), 2));
  EXPECT_FALSE(are_whole_frames(frame("one") + frame(""), 1));
  EXPECT_FALSE(are_whole_frames(frame("one"), 2));
  EXPECT_FALSE(are_whole_frames(frame("one").substr(0, 6), 1));
}

TEST(Framing, ContentIsNeitherLengthNorDelimiter) {
  EXPECT_EQ(content_bytes("abc\n", Shape::kLines), 3u);
  EXPECT_EQ(content_bytes("abc", Shape::kLines), 3u);
  EXPECT_EQ(content_bytes("", Shape::kLines), 0u);
  EXPECT_EQ(content_bytes(frame("abc\n"), Shape::kFrames), 4u);
  EXPECT_EQ(content_bytes("ab", Shape::kFrames), 0u);
}

TEST(Framing, WholeRecordsEndWithTheLastDelimiterWithinTheLimit) {
  const auto cut = [](std::string_view text, size_t bytes_max) {
    const auto cutting = whole_records(text, Shape::kLines, bytes_max);
    return cutting ? std::tuple(cutting->bytes, cutting->pieces, cutting->continued)
                   : std::tuple(size_t{0}, 0u, false);
  };
  EXPECT_EQ(cut("a\nbc\nd", 100), std::tuple(5u, 2u, false));
  EXPECT_EQ(cut("a\nbc\nd", 4), std::tuple(2u, 1u, false));
  EXPECT_EQ(cut("abc", 100), std::tuple(0u, 0u, false));
  EXPECT_EQ(cut("abc\n", 4), std::tuple(4u, 1u, false));
  EXPECT_EQ(cut("abcd\n", 4), std::tuple(3u, 1u, true)) << "something stays for the last piece";
  EXPECT_EQ(cut("", 4), std::tuple(0u, 0u, false));
}

TEST(Framing, AllRecordsCountOneWithoutItsDelimiter) {
  EXPECT_EQ(all_records("a\nb", Shape::kLines).pieces, 2u);
  EXPECT_EQ(all_records("a\nb\n", Shape::kLines).pieces, 2u);
  EXPECT_EQ(all_records("", Shape::kLines).bytes, 0u);
}

TEST(Framing, DelimitersAreCountedAtAnyLengthAndAlignment) {
  std::mt19937_64 random(7);
  std::string text(9000, 'x');
  for (char& c : text) {
    if (random() % 5 == 0) c = '\n';
  }
  for (size_t begin = 0; begin < 40; ++begin) {
    for (const size_t size : {0ul, 1ul, 15ul, 16ul, 17ul, 255ul, 4080ul, 4096ul, 8900ul}) {
      const std::string_view part = std::string_view(text).substr(begin, size);
      const auto expected = static_cast<size_t>(std::count(part.begin(), part.end(), '\n'));
      EXPECT_EQ(count_delimiters(part, '\n'), expected) << "from " << begin;
    }
  }
}

}  // namespace
}  // namespace weir::wire
