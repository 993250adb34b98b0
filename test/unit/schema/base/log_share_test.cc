#include "schema/base/log_share.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr uint64_t kMiB = 1ull << 20;
constexpr uint64_t kGiB = 1ull << 30;

TEST(LogShare, R7TheDiskLessAReserveIsShared) {
  EXPECT_EQ(log_share_bytes(101 * kGiB, 10), 10 * kGiB);
  EXPECT_EQ(log_share_bytes(1000 * kMiB, 9), 100 * kMiB);
  EXPECT_EQ(log_share_bytes(10'000 * kGiB, 10), 64 * kGiB);
  EXPECT_EQ(log_share_bytes(11 * kGiB, 0), 10 * kGiB);
  EXPECT_EQ(log_share_bytes(0, 10), 16 * kMiB) << "too little to work with, and it says so itself";
}

TEST(LogShare, R7ARunTakesWhatItNeeds) {
  const RunRoom small = run_room(16 * kMiB, 3);
  EXPECT_LE(small.needed_bytes, 11 * kMiB);
  EXPECT_GE(small.log_limit_bytes, 2 * kMiB);
  EXPECT_LE(small.reserve_bytes, 2 * kMiB);
  // Blocks twice in the database, a block more, and what is beside them.
  EXPECT_LE(3 * (small.log_limit_bytes + kMiB) + small.reserve_bytes + kMiB, 16 * kMiB);
  EXPECT_EQ(run_room(1000 * kGiB, 3).log_limit_bytes, 64 * kGiB);
  EXPECT_EQ(run_room(1000 * kGiB, 3).reserve_bytes, kGiB);
  for (const size_t logs : {1, 2, 3, 10, 100}) {
    const uint64_t needed = run_room(0, logs).needed_bytes;
    EXPECT_EQ(run_room(needed, logs).needed_bytes, needed);
    EXPECT_GE(run_room(needed, logs).log_limit_bytes, kLogLimitBytesMin) << logs;
    EXPECT_LT(run_room(needed, logs).log_limit_bytes, kLogLimitBytesMin + 16) << logs;
    EXPECT_GT(run_room(needed + needed / 2, logs).log_limit_bytes, kLogLimitBytesMin) << logs;
  }
  EXPECT_EQ(run_room(0, 0).log_limit_bytes, kLogLimitBytesMin);
}

TEST(LogShare, R7WhatStaysFree) {
  EXPECT_EQ(disk_reserve_bytes(1000 * kMiB, 100 * kGiB), 100 * kMiB);
  EXPECT_EQ(disk_reserve_bytes(100 * kGiB, 200 * kGiB), kGiB);
  EXPECT_EQ(disk_reserve_bytes(0, 200 * kGiB), 64 * kMiB);
  EXPECT_EQ(disk_reserve_bytes(0, 128 * kMiB), 32 * kMiB);
}

}  // namespace
}  // namespace weir
