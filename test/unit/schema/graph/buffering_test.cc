#include "schema/graph/buffering.h"

#include <gtest/gtest.h>

namespace weir::graph {
namespace {

std::string remedy(std::string_view command) {
  const auto filter = buffering_filter(command);
  return filter ? filter->remedy : "";
}

TEST(Buffering, ALoneFilterThatBuffersHasARemedy) {
  EXPECT_EQ(remedy("sed 's/^/x/'"), "sed -u");
  EXPECT_EQ(remedy("  /bin/grep -v 'a|b'"), "grep --line-buffered");
  EXPECT_EQ(remedy("jq .mag"), "jq --unbuffered");
  EXPECT_EQ(remedy("python3 enrich.py"), "python3 -u");
  EXPECT_EQ(remedy("tr a-z A-Z"), "stdbuf -oL tr");
  EXPECT_EQ(remedy("awk '{ print $1; }'"), "mawk -W interactive, or gawk with fflush()");
}

TEST(Buffering, OneWithTheOptionThatHelpsHasNone) {
  for (const char* command :
       {"sed -u 's/^/x/'", "sed -nu p", "sed --unbuffered p", "grep --line-buffered x",
        "jq --unbuffered .", "python3 -u enrich.py", "mawk -W interactive '{ print }'",
        "gawk '{ print; fflush() }'", "perl -ne '$| = 1; print'"}) {
    EXPECT_EQ(remedy(command), "") << command;
  }
}

TEST(Buffering, NothingIsSaidOfOtherPrograms) {
  for (const char* command : {"", "   ", "cat", "tee x", "./enrich.sh", "stdbuf -oL tr a b",
                              "grep x | sed y", "sed p; true", "sed p > out", "$(which sed) p"}) {
    EXPECT_EQ(remedy(command), "") << command;
  }
}

TEST(Buffering, MawkKeepsWhatItReadsSoFlushingDoesNotHelp) {
  EXPECT_NE(remedy("awk '{ print; fflush() }'"), "");
  EXPECT_FALSE(buffering_filter("mawk '{ print }'")->stdbuf_helps);
  EXPECT_TRUE(buffering_filter("sed p")->stdbuf_helps);
}

}  // namespace
}  // namespace weir::graph
