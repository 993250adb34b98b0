#include "ctl/output/text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "ctl/output/format.h"

namespace weir::ctl {
namespace {

TEST(Text, TablesAlignTheirColumns) {
  EXPECT_EQ(table({}), "");
  EXPECT_EQ(table({{"A", "B"}}), "A  B\n");
  EXPECT_EQ(table({{"NODE", "ID", "WHY"}, {"a", "long id", ""}, {"né", "1", "x"}}),
            "NODE  ID       WHY\n"
            "a     long id\n"
            "né    1        x\n");
}

TEST(Text, ShortenedCutsCharactersAndNotBytes) {
  EXPECT_EQ(shortened("", 3), "");
  EXPECT_EQ(shortened("abc", 3), "abc");
  EXPECT_EQ(shortened("abcd", 3), "abc...");
  EXPECT_EQ(shortened("éàü", 3), "éàü");
  EXPECT_EQ(shortened("éàüx", 3), "éàü...");
}

TEST(Text, TimesAreUtc) {
  EXPECT_EQ(utc_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(utc_time(1'767'323'045'678), "2026-01-02T03:04:05.678Z");
}

// RFC 4648, section 10.
TEST(Text, Base64IsThatOfTheRfc) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64(std::string("\xff\xfe\x00\xfb", 4)), "//4A+w==");
}

TEST(JsonLists, AreWhatTheWholeListWouldBe) {
  for (size_t size = 0; size < 4; ++size) {
    std::ostringstream out;
    JsonList list(out);
    auto whole = nlohmann::ordered_json::array();
    for (size_t i = 0; i < size; ++i) {
      const nlohmann::ordered_json element{{"a", "two\nlines"}, {"b", {1, 2}}};
      list.add(element);
      whole.push_back(element);
    }
    EXPECT_EQ(list.empty(), size == 0);
    list.end();
    EXPECT_EQ(out.str(), to_text(whole));
  }
}

}  // namespace
}  // namespace weir::ctl
