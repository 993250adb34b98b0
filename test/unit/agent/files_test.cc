#include "agent/shell/files.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "test/unit/schema/wire/control_samples.h"

namespace weir::agent {
namespace {

class Files : public ::testing::Test {
 protected:
  Files() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~Files() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string folder_ = "/tmp/weir-files-XXXXXX";
};

TEST_F(Files, AnOrderIsWrittenReplacedReadAndRemoved) {
  wire::StartOrder order = wire::sample_order();
  ASSERT_TRUE(write_order(path("a.order"), order));
  order.term = 9;
  ASSERT_TRUE(write_order(path("a.order"), order));
  auto orders = read_orders(folder_);
  ASSERT_TRUE(orders);
  ASSERT_EQ(orders->size(), 1u);
  EXPECT_EQ(orders->at(0), order);
  ASSERT_TRUE(remove_order(path("a.order")));
  ASSERT_TRUE(remove_order(path("a.order")));
  EXPECT_TRUE(read_orders(folder_)->empty());
}

TEST_F(Files, HalfWrittenAndSpoiltOrdersAreNotRead) {
  const std::string bytes = wire::encode_order(wire::sample_order());
  std::ofstream(path("a.order.new")) << bytes.substr(0, 10);
  std::ofstream(path("b.order")) << bytes.substr(0, 10);
  auto orders = read_orders(folder_);
  ASSERT_TRUE(orders);
  EXPECT_TRUE(orders->empty());
  EXPECT_TRUE(std::filesystem::exists(path("b.order.bad")));
}

TEST_F(Files, WhatCannotBeDoneIsAnError) {
  EXPECT_FALSE(write_order(path("none/a.order"), wire::sample_order()));
  EXPECT_FALSE(read_orders(path("none")));
}

TEST_F(Files, StartsAreCountedOverRestarts) {
  EXPECT_EQ(read_starts(path("starts")).count, 0u);
  write_starts(path("starts"), {17, true});
  EXPECT_TRUE(read_starts(path("starts")).as_told);
  write_starts(path("starts"), {18, false});
  EXPECT_EQ(read_starts(path("starts")).count, 18u);
  EXPECT_FALSE(read_starts(path("starts")).as_told);
  std::ofstream(path("starts")) << "spoilt";
  EXPECT_EQ(read_starts(path("starts")).count, 0u);
}

TEST_F(Files, TheLastLineOfALogIsFoundWithoutItsPrefix) {
  const std::string log = path("log");
  EXPECT_EQ(last_line(log, 0), "");
  std::ofstream(log)
      << "first\n2026-01-02T03:04:05.678Z error weir-wrapper[p/n.0]: no: it is not\n\n";
  EXPECT_EQ(last_line(log, 0), "no: it is not");
  EXPECT_EQ(last_line(log, file_size(log)), "");
  rotate_log(log, 10);
  EXPECT_EQ(file_size(log), 0);
  EXPECT_GT(file_size(log + ".1"), 0);
}

}  // namespace
}  // namespace weir::agent
