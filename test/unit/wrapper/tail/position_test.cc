#include "wrapper/tail/position.h"

#include <gtest/gtest.h>

#include <random>

namespace weir::tail {
namespace {

FilePosition file(uint64_t inode, std::string_view bytes) {
  FilePosition position;
  position.id = {2049, inode};
  position.offset = bytes.size();
  PrintBytes before;
  before.add(bytes);
  position.print = before.print();
  position.changed_ns = 1'700'000'000'123'456'789;
  return position;
}

std::vector<PathPosition> sample() {
  FilePosition rotated = file(7, std::string(5000, 'x'));
  rotated.rotated = rotated.at_end = true;
  FilePosition copy = file(UINT64_MAX, "short\n");
  copy.copy = true;
  return {{"/log/a.log", 17, {3, 9}, {rotated, file(8, "")}, {{{2049, 9}, 5}, {{1, 2}, 3}}},
          {"/log/b.log", 1, {}, {copy}, {}},
          {"/other", 1, {}, {}, {}}};
}

TEST(TailPosition, ComesBackAsItWas) {
  const std::string token = encode(sample());
  const auto back = decode(token);
  ASSERT_TRUE(back) << back.error().what;
  EXPECT_EQ(*back, sample());
  EXPECT_EQ(*decode(encode({})), std::vector<PathPosition>{});
}

TEST(TailPosition, AThousandFilesFitIntoOne) {
  std::vector<PathPosition> paths;
  for (uint64_t i = 0; i < 1000; ++i) {
    paths.push_back({"/var/log/containers/app-" + std::to_string(100'000 + i) + ".log",
                     1'700'000'000'123'456'789,
                     {},
                     {file(10'000'000 + i, std::string(100'000, 'x'))},
                     {}});
  }
  EXPECT_LT(encode(paths).size(), 64u << 10);
}

TEST(TailPosition, DamagedOnesAreRefused) {
  const std::string token = encode(sample());
  for (size_t size = 0; size < token.size(); ++size) {
    EXPECT_FALSE(decode(token.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode(token + "x"));
  std::string later = token;
  later[0] = 9;
  EXPECT_EQ(decode(later).error().what, "the position was written by another version of weir-tail");
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = token;
    for (int j = 0; j < 3; ++j) bytes[random() % bytes.size()] = static_cast<char>(random());
    (void)decode(bytes);
  }
}

TEST(TailPosition, APrintIsThatOfTheBytesHoweverTheyCame) {
  std::string bytes;
  for (int i = 0; i < 1500; ++i) bytes += static_cast<char>('a' + i % 26);
  std::mt19937 random(2);
  for (int i = 0; i < 500; ++i) {
    const std::string part = bytes.substr(0, random() % bytes.size());
    PrintBytes at_once;
    at_once.add(part);
    PrintBytes in_pieces;
    for (size_t at = 0; at < part.size();) {
      const size_t count = std::min<size_t>(1 + random() % 400, part.size() - at);
      in_pieces.add(std::string_view(part).substr(at, count));
      at += count;
    }
    ASSERT_EQ(at_once.print(), in_pieces.print());
    ASSERT_EQ(at_once.head, part.substr(0, 1024));
    ASSERT_EQ(at_once.last, part.substr(part.size() - std::min<size_t>(part.size(), 256)));
  }
}

}  // namespace
}  // namespace weir::tail
