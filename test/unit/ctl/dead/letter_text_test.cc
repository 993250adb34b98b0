#include "ctl/dead/letter_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weir::ctl {
namespace {

wire::DeadLetter sample() {
  wire::DeadLetter letter;
  letter.pipeline = "p";
  letter.node = "work";
  letter.instance = 0;
  letter.id = "0.1.0";
  letter.origin = "gen-2.0";
  letter.origin_record = "1.1.613";
  letter.unit = "1-1-4.0.1";
  letter.unix_ms = 1'767'323'045'678;
  letter.attempts = 14;
  letter.reason = "exited with status 3";
  letter.status = 3;
  letter.stderr_tail.value = "first\ncannot digest 613\n";
  letter.action = "work --hard";
  letter.record_bytes = letter.sent_bytes = 4;
  return letter;
}

TEST(DeadLetterText, JsonHasAllFields) {
  EXPECT_EQ(to_json(sample(), "613\n").dump(),
            R"({"pipeline":"p","node":"work","instance":0,"id":"0.1.0",)"
            R"("origin":{"node":"gen-2","instance":0,"id":"1.1.613"},"unit":"1-1-4.0.1",)"
            R"("when":"2026-01-02T03:04:05.678Z","attempts":14,)"
            R"("reason":"exited with status 3","status":3,"signal":null,)"
            R"("stderr_tail":"first\ncannot digest 613\n","action":"work --hard","bytes":4,)"
            R"("record":"613\n","record_base64":null})");
}

TEST(DeadLetterText, JsonHasNullForWhatIsNotKnown) {
  wire::DeadLetter letter = sample();
  letter.unit.clear();
  letter.unix_ms = 0;
  letter.attempts = 0;
  letter.status.reset();
  letter.signal = 11;
  const auto json = to_json(letter, "a\xff\n");
  for (const char* name : {"unit", "when", "attempts", "status", "record"}) {
    EXPECT_TRUE(json[name].is_null()) << name;
  }
  EXPECT_EQ(json["signal"], 11);
  EXPECT_EQ(json["record_base64"], "Yf8K");
}

TEST(DeadLetterText, ALineShowsTheBeginningOfTheRecord) {
  EXPECT_EQ(to_line(sample(), "613\n"),
            (std::vector<std::string>{"work", "0.1.0", "2026-01-02T03:04:05.678Z", "4",
                                      "exited with status 3", "613", "cannot digest 613"}));
  EXPECT_EQ(to_line(sample(), "613\n").size(), line_titles().size());
  wire::DeadLetter letter = sample();
  letter.stderr_tail.value = "\x1b[31m" + std::string(100, 'x');
  const auto line = to_line(letter, std::string("tab\tand\x07") + std::string(100, 'y'));
  EXPECT_EQ(line[5], "tab and?" + std::string(24, 'y') + "...");
  EXPECT_EQ(line[6], "?[31m" + std::string(55, 'x') + "...");
}

TEST(DeadLetterText, APageShowsWhatIsKnown) {
  EXPECT_EQ(to_page(sample(), "613\n"),
            "node      p/work.0\n"
            "id        0.1.0\n"
            "when      2026-01-02T03:04:05.678Z\n"
            "why       exited with status 3; 14 runs with it failed\n"
            "action    work --hard\n"
            "origin    gen-2.0 1.1.613\n"
            "unit      1-1-4.0.1\n"
            "stderr\n"
            "  | first\n"
            "  | cannot digest 613\n"
            "record    4 bytes\n"
            "  | 613\n");
  wire::DeadLetter letter = sample();
  letter.record_bytes = 9000;
  letter.stderr_tail.value.clear();
  letter.unit.clear();
  letter.unix_ms = 0;
  letter.attempts = 1;
  const std::string page = to_page(letter, "\x1b[2J\nnext");
  EXPECT_NE(page.find("why       exited with status 3\n"), std::string::npos) << page;
  EXPECT_NE(page.find("stderr    none\nrecord    9000 bytes, of which the first 9 are shown; --raw "
                      "gives all\n  | ?[2J\n  | next\n"),
            std::string::npos)
      << page;
}

}  // namespace
}  // namespace weir::ctl
