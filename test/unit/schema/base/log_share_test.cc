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

TEST(LogShare, R7WhatStaysFree) {
  EXPECT_EQ(disk_reserve_bytes(1000 * kMiB, 100 * kGiB), 100 * kMiB);
  EXPECT_EQ(disk_reserve_bytes(100 * kGiB, 200 * kGiB), kGiB);
  EXPECT_EQ(disk_reserve_bytes(0, 200 * kGiB), 64 * kMiB);
  EXPECT_EQ(disk_reserve_bytes(0, 128 * kMiB), 32 * kMiB);
}

}  // namespace
}  // namespace weir
