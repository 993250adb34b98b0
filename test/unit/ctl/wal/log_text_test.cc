#include "ctl/wal/log_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weir::ctl {
namespace {

using Json = nlohmann::ordered_json;

Json verified() {
  return Json::parse(R"({"dir":"d","pipeline":"p","node":"work","instance":2,"sole_copy":false,
    "blocks":3,"records":40,"bytes":500,"dead_letters":1,"damages":[]})");
}

TEST(LogText, CallsAnUndamagedLogWhole) {
  EXPECT_EQ(*verified_text(verified()),
            "log p/work.2: whole: 40 records in 3 blocks, 500 bytes; 1 dead letters\n");
}

TEST(LogText, NamesWhatIsDamagedAndAtStake) {
  Json log = verified();
  log["damages"].push_back({{"file", nullptr}, {"what", "wrong\x1b"}, {"affected", "all"}});
  log["damages"].push_back({{"file", "d/log/x"}, {"what", "gone"}, {"affected", nullptr}});
  EXPECT_EQ(*verified_text(log),
            "log p/work.2: damaged; what can be read: 40 records in 3 blocks, 500 bytes; 1 dead "
            "letters\n"
            "FILE     AFFECTED  WHAT\n"
            "-        all       wrong?\n"
            "d/log/x  -         gone\n"
            "Upstream holds what is needed to make this log again: when the node is started it "
            "sets the log\naside and goes on; records may be seen twice, and dead letters stay in "
            "what was set aside.\n");
  log["sole_copy"] = true;
  EXPECT_NE(verified_text(log)->find("What is damaged is nowhere else"), std::string::npos);
  log["sole_copy"] = nullptr;
  log["pipeline"] = "";
  EXPECT_EQ(verified_text(log)->find("log of an unknown node: damaged; "), 0u);
}

TEST(LogText, DumpHasATableForEachList) {
  const Json log = Json::parse(R"({"dir":"d","pipeline":"p","node":"n","instance":0,
    "sole_copy":true,"commit":{"term":1,"published":7,"mid_record":false,"ended":true},
    "history":[{"term":1,"boot":2,"nonce":3,"first":1,"last":7}],"inputs":[],"extents":[],
    "fed":[],"hash_points":[],"abandoned":[],"attempts":null,"trim_groups":[],
    "dead_letters":[],"blocks_total":3,"blocks":[{"first":"1.2.1","last":"1.2.7","records":7,
    "bytes":70,"flags":["continued","end"],"shape":"lines","published":true,"file":null,
    "offset":null}]})");
  EXPECT_EQ(*dump_text(log),
            "log        p/n.0\n"
            "sole copy  yes\n"
            "commit     term 1, published 7, ended\n"
            "\nhistory\n"
            "TERM  BOOT  NONCE  FIRST  LAST\n"
            "1     2     3      1      7\n"
            "\nblocks\n"
            "FIRST  LAST   RECORDS  BYTES  FLAGS          PUBLISHED  FILE\n"
            "1.2.1  1.2.7  7        70     continued,end  true       -\n"
            "... and 2 blocks more\n");
}

TEST(LogText, RefusesAnswersThatLackFields) {
  EXPECT_FALSE(read_log_answer(""));
  EXPECT_FALSE(read_log_answer("[]"));
  EXPECT_FALSE(read_log_answer("{"));
  EXPECT_FALSE(verified_text(Json::object()));
  EXPECT_FALSE(dump_text(verified()));
  Json log = verified();
  log["damages"] = {{"x", 1}};
  EXPECT_FALSE(verified_text(log));
}

}  // namespace
}  // namespace weir::ctl
