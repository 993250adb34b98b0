#include "ctl/up/status_watch.h"

#include <gtest/gtest.h>

namespace weir::ctl {
namespace {

using std::chrono::seconds;
using wire::InstanceState;
using wire::PipelineState;

constexpr StatusWatch::Time kStart{};

wire::PipelineStatus status(PipelineState state = PipelineState::kRunning) {
  wire::PipelineStatus status;
  status.name = "up";
  status.state = state;
  for (const char* name : {"-", "wc"}) {
    wire::InstanceStatus instance;
    instance.node = name;
    instance.state = InstanceState::kRunning;
    instance.pid = 7;
    wire::NodeStatus node;
    node.name = name;
    node.caller_stdin = node.name == "-";
    node.sink = !node.caller_stdin;
    node.instances = {{"agent-1", instance}};
    status.nodes.push_back(node);
  }
  return status;
}

wire::InstanceStatus& instance(wire::PipelineStatus& status, size_t node) {
  return status.nodes[node].instances[0].status;
}

TEST(StatusWatch, NotesAreToldOnceAndAgainWhenTheyWereSaidAgain) {
  StatusWatch watch;
  wire::PipelineStatus now = status();
  EXPECT_TRUE(watch.on_status(now, kStart).notes.empty());
  instance(now, 1).notes = {{1, 1, "trimmed"}};
  using Notes = std::vector<StatusWatch::NodeText>;
  EXPECT_EQ(watch.on_status(now, kStart).notes, (Notes{{"wc", "trimmed"}}));
  EXPECT_TRUE(watch.on_status(now, kStart).notes.empty());
  instance(now, 1).restarts = 1;
  EXPECT_EQ(watch.on_status(now, kStart).notes,
            (Notes{{"wc", "its wrapper ended and is started again"}}));
  instance(now, 1).notes = {{1, 1, "trimmed"}, {2, 1, "new"}};
  EXPECT_EQ(watch.on_status(now, kStart).notes, (Notes{{"wc", "new"}}));
  instance(now, 1).notes = {{2, 1, "new"}, {3, 19, "trimmed"}};
  EXPECT_EQ(watch.on_status(now, kStart).notes, (Notes{{"wc", "trimmed (19 times)"}}));
}

TEST(StatusWatch, WhatHoldsItUpIsToldOnceAndAgainWhenItComesAgain) {
  StatusWatch watch;
  wire::PipelineStatus now = status(PipelineState::kDegraded);
  using Texts = std::vector<StatusWatch::NodeText>;
  instance(now, 1).last_error = "its disk is full";
  instance(now, 1).notes = {{1, 1, "its disk is full"}};
  now.reason = "wc: its disk is full";
  StatusWatch::News news = watch.on_status(now, kStart);
  EXPECT_EQ(news.troubles, (Texts{{"wc", "its disk is full"}}));
  EXPECT_TRUE(news.notes.empty()) << "it is the same";
  news = watch.on_status(now, kStart + seconds(9));
  EXPECT_TRUE(news.troubles.empty());
  EXPECT_TRUE(news.notes.empty());
  instance(now, 1).last_error.clear();
  EXPECT_TRUE(watch.on_status(now, kStart).troubles.empty());
  instance(now, 1).last_error = "its disk is full";
  EXPECT_EQ(watch.on_status(now, kStart).troubles.size(), 1u);
}

// A wrapper on a full disk is started again and again.
TEST(StatusWatch, WhyAWrapperEndsIsToldOnce) {
  StatusWatch watch;
  wire::PipelineStatus now = status();
  watch.on_status(now, kStart);
  instance(now, 1).state = InstanceState::kStarting;
  instance(now, 1).last_error = "the wrapper ended: no room";
  using Notes = std::vector<StatusWatch::NodeText>;
  const Notes kTold{{"wc", "its wrapper ended (no room) and is started again"}};
  size_t told = 0;
  for (uint32_t second = 1; second <= 60; ++second) {
    instance(now, 1).restarts = second;
    const Notes notes = watch.on_status(now, kStart + seconds(second)).notes;
    told += notes.size();
    EXPECT_TRUE(notes.empty() || notes == kTold);
  }
  EXPECT_EQ(told, 6u);
  instance(now, 1).restarts = 100;
  instance(now, 1).last_error = "something else";
  EXPECT_EQ(watch.on_status(now, kStart + seconds(61)).notes.size(), 1u);
}

TEST(StatusWatch, EachInstanceIsItsOwn) {
  StatusWatch watch;
  wire::PipelineStatus now = status();
  now.nodes[1].instances.push_back(now.nodes[1].instances[0]);
  now.nodes[1].instances[1].status.instance = 1;
  watch.on_status(now, kStart);
  auto& first = now.nodes[1].instances[0].status;
  auto& second = now.nodes[1].instances[1].status;
  first.notes = {{1, 1, "said"}};
  second.notes = {{1, 1, "said"}};
  second.restarts = 1;
  first.dead_letters = 2;
  second.dead_letters = 3;
  using Notes = std::vector<StatusWatch::NodeText>;
  EXPECT_EQ(
      watch.on_status(now, kStart).notes,
      (Notes{
          {"wc.0", "said"}, {"wc.1", "said"}, {"wc.1", "its wrapper ended and is started again"}}));
  EXPECT_EQ(watch.dead_letters(), (std::map<std::string, uint64_t>{{"wc", 5}}));
  second.state = InstanceState::kFailed;
  const StatusWatch::News news = watch.on_status(now, kStart);
  EXPECT_EQ(news.failure, (StatusWatch::NodeText{"wc.1", "failed"}));
  EXPECT_EQ(news.failed_node, "wc");
}

TEST(StatusWatch, NeverFallsSilent) {
  StatusWatch watch;
  wire::PipelineStatus now = status();
  for (uint64_t number = 1; number <= 5000; ++number) {
    instance(now, 1).notes = {{number, 1, "note " + std::to_string(number)}};
    ASSERT_EQ(watch.on_status(now, kStart).notes.size(), 1u) << number;
  }
}

TEST(StatusWatch, TellsOfAcceptedExits) {
  StatusWatch watch;
  wire::PipelineStatus now = status();
  instance(now, 1).nonzero_exits = 1;
  instance(now, 1).last_nonzero_exit = 3;
  EXPECT_EQ(watch.on_status(now, kStart).exits,
            (std::vector<StatusWatch::Exit>{{"wc", {"wc", "exited with status 3"}}}));
  EXPECT_TRUE(watch.on_status(now, kStart).exits.empty());
}

// Agents count the starts of earlier runs on the same data too.
TEST(StatusWatch, TheFirstStartOfARunThatGoesOnIsNoNews) {
  StatusWatch watch;
  wire::PipelineStatus now = status(PipelineState::kStarting);
  instance(now, 1).pid = 0;
  instance(now, 1).restarts = 1;
  EXPECT_TRUE(watch.on_status(now, kStart).notes.empty());
  instance(now, 1).restarts = 2;
  instance(now, 1).pid = 8;
  EXPECT_TRUE(watch.on_status(now, kStart).notes.empty());
  instance(now, 1).restarts = 3;
  EXPECT_EQ(watch.on_status(now, kStart).notes.size(), 1u);
}

TEST(StatusWatch, NamesTheNodeThatFailed) {
  StatusWatch watch;
  wire::PipelineStatus now = status(PipelineState::kFailed);
  now.reason = "wc: broken";
  EXPECT_EQ(watch.on_status(now, kStart).failure, (StatusWatch::NodeText{"", "wc: broken"}));
  instance(now, 1).state = InstanceState::kFailed;
  instance(now, 1).last_error = "broken";
  EXPECT_EQ(watch.on_status(now, kStart).failure, (StatusWatch::NodeText{"wc", "broken"}));
}

TEST(StatusWatch, KnowsWhereStdinGoesAndWhenAllHasEnded) {
  StatusWatch watch;
  wire::PipelineStatus now = status(PipelineState::kStarting);
  instance(now, 1).endpoint = "ipc://not-this-one";
  EXPECT_EQ(watch.on_status(now, kStart).stdin_endpoint, "");
  EXPECT_FALSE(watch.on_status(now, kStart).was_up);
  instance(now, 0).endpoint = "ipc://this";
  now.state = PipelineState::kRunning;
  const StatusWatch::News news = watch.on_status(now, kStart);
  EXPECT_EQ(news.stdin_endpoint, "ipc://this");
  EXPECT_TRUE(news.was_up);
  EXPECT_FALSE(news.all_ended);
  instance(now, 0).state = instance(now, 1).state = InstanceState::kEnded;
  EXPECT_TRUE(watch.on_status(now, kStart).all_ended);
}

TEST(StatusWatch, CountsDeadLetters) {
  StatusWatch watch;
  wire::PipelineStatus now = status();
  instance(now, 1).dead_letters = 2;
  watch.on_status(now, kStart);
  instance(now, 1).dead_letters = 3;
  watch.on_status(now, kStart);
  EXPECT_EQ(watch.dead_letters(), (std::map<std::string, uint64_t>{{"wc", 3}}));
}

TEST(StatusWatch, TroubleThatLastsIsTold) {
  StatusWatch watch;
  wire::PipelineStatus now = status(PipelineState::kDegraded);
  now.reason = "wc: waits for agent alpha";
  EXPECT_TRUE(watch.on_status(now, kStart).notes.empty());
  EXPECT_TRUE(watch.on_status(now, kStart + seconds(2)).notes.empty());
  EXPECT_EQ(watch.on_status(now, kStart + seconds(3)).notes.size(), 1u);
  EXPECT_TRUE(watch.on_status(now, kStart + seconds(9)).notes.empty());
}

}  // namespace
}  // namespace weir::ctl
