#include "ctl/output/units.h"

#include <gtest/gtest.h>

#include "ctl/output/columns.h"
#include "ctl/top/screen.h"

namespace weir::ctl {
namespace {

TEST(Units, CountsAreReadable) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1234567), "1,234,567");
  const struct {
    uint64_t number;
    std::string_view text;
  } kCounts[] = {{0, "0"},
                 {9'999, "9999"},
                 {10'000, "10.0k"},
                 {12'345, "12.3k"},
                 {99'949, "99.9k"},
                 {99'950, "100k"},
                 {999'499, "999k"},
                 {999'500, "1.00M"},
                 {4'560'000, "4.56M"},
                 {18'446'744'073'709'551'615u, "18.4E"}};
  for (const auto& [number, text] : kCounts) EXPECT_EQ(readable_count(number), text) << number;
  EXPECT_EQ(counted(1, "node"), "1 node");
  EXPECT_EQ(counted(0, "node"), "0 nodes");
}

TEST(Units, BytesAndAgesAreReadable) {
  EXPECT_EQ(readable_bytes(0), "0 B");
  EXPECT_EQ(readable_bytes(1023), "1023 B");
  EXPECT_EQ(readable_bytes(8u << 20), "8.0 MiB");
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  EXPECT_EQ(readable_age(milliseconds(999)), "0s");
  EXPECT_EQ(readable_age(seconds(59)), "59s");
  EXPECT_EQ(readable_age(seconds(60)), "1m");
  EXPECT_EQ(readable_age(seconds(7'199)), "1h");
  EXPECT_EQ(readable_age(seconds(48 * 3600)), "2d");
}

TEST(Columns, StandNumbersToTheRight) {
  Columns columns({"NODE", ">SIZE", "WHY"});
  EXPECT_TRUE(columns.empty());
  columns.add({"a", "1 B", ""});
  columns.add({"größe", "12.0 MiB", "x\x1b[31m\ny"});
  EXPECT_FALSE(columns.empty());
  EXPECT_EQ(columns.text(),
            "NODE       SIZE  WHY\n"
            "a           1 B\n"
            "größe  12.0 MiB  x?[31m?y\n");
}

TEST(Screen, ShowsWhatFits) {
  EXPECT_EQ(fitted("one\ntwo\nthree\n", 2, 80), "one\ntwo");
  EXPECT_EQ(fitted("one\n\nthree", 5, 2), "on\n\nth");
  EXPECT_EQ(fitted("größe", 1, 3), "grö");
  EXPECT_EQ(fitted("", 5, 5), "");
}

}  // namespace
}  // namespace weir::ctl
