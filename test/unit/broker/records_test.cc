#include "broker/core/records.h"

#include <gtest/gtest.h>

#include "test/unit/schema/wire/control_samples.h"

namespace weir::broker {
namespace {

TEST(Records, KeysKeepTheirOrderAndLength) {
  std::string before;
  for (const StoreKey& key :
       {StoreKey{RecordKind::kMeta, 0}, StoreKey{RecordKind::kMeta, 1},
        StoreKey{RecordKind::kPipeline, 255}, StoreKey{RecordKind::kPipeline, 256},
        StoreKey{RecordKind::kResult, UINT64_MAX}}) {
    const std::string bytes = encode_key(key);
    EXPECT_EQ(bytes.size(), kStoreKeyBytes);
    EXPECT_LT(before, bytes);
    before = bytes;
    auto back = decode_key(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, key);
  }
}

TEST(Records, WrongKeysAreRefused) {
  EXPECT_FALSE(decode_key(""));
  EXPECT_FALSE(decode_key(std::string(8, '\1')));
  EXPECT_FALSE(decode_key(std::string(9, '\0')));
  EXPECT_FALSE(decode_key(std::string(9, '\10')));
  EXPECT_FALSE(decode_key(std::string(10, '\1')));
}

TEST(Records, RoundTrip) {
  PipelineRecord pipeline;
  pipeline.spec = wire::sample_spec();
  pipeline.desired = DesiredState::kStop;
  pipeline.run = {"simplepipe", wire::ReaderOrder{"weirctl.0", "ipc://x"}, {true, 5, "/tmp"}};
  pipeline.was_running = true;
  pipeline.completed = true;
  pipeline.ending = true;
  pipeline.actions = {wire::sample_action()};
  pipeline.figures = {wire::sample_status()};
  EXPECT_EQ(*decode_pipeline(encode_record(pipeline)), pipeline);
  const PlacementRecord placement{{"p", "n", 3, 9},
                                  "alpha",
                                  17,
                                  16,
                                  18,
                                  {"a.0@3"},
                                  {"beta", "gamma"},
                                  true,
                                  {19, "at"},
                                  {20, std::string("\0\n", 2)},
                                  {{"beta", 15, 14}, {"", 13, 13}},
                                  {17, 2, 20}};
  EXPECT_EQ(*decode_placement(encode_record(placement)), placement);
  for (const ResultRecord& result :
       {ResultRecord{"r", std::nullopt, std::nullopt},
        ResultRecord{"r", wire::Refusal{ErrorCode::kConflict, "it runs"}, std::nullopt},
        ResultRecord{"r", std::nullopt, wire::sample_action()}}) {
    EXPECT_EQ(*decode_result(encode_record(result)), result);
  }
  const ActionRecord action{wire::sample_action(), 17, true};
  EXPECT_EQ(*decode_action(encode_record(action)), action);
  const wire::Event event{5, 6, "node.failed", "p", "n", "alpha", "exit status 3"};
  EXPECT_EQ(*decode_event(encode_record(event)), event);
  EXPECT_EQ(*decode_number(encode_number(1ull << 60)), 1ull << 60);
}

TEST(Records, APlacementOfBeforePositionsIsReadAsItWas) {
  PlacementRecord placement{{"p", "n", 3, 9}, "alpha",  17,   16,       18,
                            {"a.0@3"},        {"beta"}, true, {19, ""}, {20, ""}};
  std::string bytes = encode_record(placement);
  bytes[0] = 3;
  EXPECT_FALSE(decode_placement(bytes)) << "positions were counts";
  bytes.resize(bytes.size() - 2 * sizeof(uint32_t) - 3 * sizeof(uint64_t));
  EXPECT_EQ(*decode_placement(bytes), placement);
  bytes[0] = 2;
  EXPECT_FALSE(decode_placement(bytes)) << "it left none";
  bytes.resize(bytes.size() - sizeof(uint32_t));
  EXPECT_EQ(*decode_placement(bytes), placement);
  bytes[0] = 1;
  EXPECT_FALSE(decode_placement(bytes)) << "it had none";
  bytes.resize(bytes.size() - 2 * sizeof(uint64_t));
  placement.position = placement.settled_position = {};
  EXPECT_EQ(*decode_placement(bytes), placement);
}

TEST(Records, DamagedOnesAreRefused) {
  PipelineRecord pipeline;
  pipeline.spec = wire::sample_spec();
  pipeline.run.name = "simplepipe";
  const std::string good = encode_record(pipeline);
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_pipeline(good.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_pipeline(good + "x"));
  std::string other_version = good;
  other_version[0] = 9;
  EXPECT_FALSE(decode_pipeline(other_version));
  EXPECT_FALSE(decode_placement(
      encode_record(PlacementRecord{{"p", "n", 0}, "alpha", 0, 0, 0, {}, {}, false})));
  EXPECT_FALSE(decode_result("\1"));
  EXPECT_FALSE(decode_number("\1"));
}

}  // namespace
}  // namespace weir::broker
