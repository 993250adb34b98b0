#include "ctl/cluster/wait.h"

#include <gtest/gtest.h>

#include <csignal>

#include "ctl/base/exit_code.h"
#include "test/unit/ctl/fake_broker.h"

namespace weir::ctl {
namespace {

using wire::PipelineState;

constexpr PipelineState kStates[] = {PipelineState::kStored,    PipelineState::kStarting,
                                     PipelineState::kRunning,   PipelineState::kDegraded,
                                     PipelineState::kStopping,  PipelineState::kStopped,
                                     PipelineState::kCompleted, PipelineState::kFailed};

// One letter for each state in the order above: waits, done, failed, conflict.
std::string outcomes(Wanted wanted) {
  std::string all;
  for (const PipelineState state : kStates) {
    const auto end = judge(wanted, {"p", state, "why", {}});
    if (!end) {
      all += 'w';
    } else if (*end) {
      all += 'd';
    } else {
      all += end->error().code == ErrorCode::kConflict ? 'c' : 'f';
    }
  }
  return all;
}

TEST(Judge, EveryState) {
  EXPECT_EQ(outcomes(Wanted::kRunning), "cwdwccdf");
  EXPECT_EQ(outcomes(Wanted::kCompleted), "cwwwccdf");
  EXPECT_EQ(outcomes(Wanted::kStopped), "dcccwddc");
  EXPECT_EQ(outcomes(Wanted::kRemoved), "ccccwccc");
}

class WaitTest : public testing::Test {
 protected:
  WaitTest() {
    world_.answer = [this](const wire::Message& question) -> Result<wire::Message> {
      if (std::holds_alternative<wire::PipelineStatusRequest>(question)) return status_;
      if (std::holds_alternative<wire::PipelineGet>(question)) {
        return wire::Message(wire::PipelineSpecIs{});
      }
      if (std::holds_alternative<wire::BrokerStatusRequest>(question)) {
        return wire::Message(wire::BrokerStatus{});
      }
      return wire::Message(wire::Ok{});
    };
  }
  void state_is(PipelineState state, const std::string& reason = "") {
    status_ = wire::Message(wire::PipelineStatus{"p", state, reason, {}});
  }
  int seconds() const {
    return static_cast<int>(
        std::chrono::duration_cast<std::chrono::seconds>(world_.now.time_since_epoch()).count());
  }

  FakeWorld world_;
  Result<wire::Message> status_ = wire::Message(
      wire::PipelineStatus{"p", PipelineState::kStarting, "src: waits for agent beta", {}});
};

TEST_F(WaitTest, EndsWhenTheStateComes) {
  world_.on_pause = [this] {
    if (seconds() == 2) state_is(PipelineState::kRunning);
  };
  const FakeRun run = run_with(world_, {"pipeline", "run", "p", "--wait"});
  EXPECT_EQ(run.code, kDone) << run.err;
  EXPECT_EQ(run.out, "pipeline 'p' is running\n");
  EXPECT_EQ(run.err, "");
}

TEST_F(WaitTest, TimesOutWithStateAndReason) {
  const FakeRun run = run_with(world_, {"pipeline", "run", "p", "--wait", "--timeout", "10s"});
  EXPECT_EQ(run.code, kTimedOut);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(
      run.err,
      "weirctl: note: pipeline 'p': starting: src: waits for agent beta\n"
      "weirctl: pipeline 'p' is not running after 10s: starting: src: waits for agent beta\n");
  EXPECT_EQ(seconds(), 10);
}

TEST_F(WaitTest, TakesAMinuteAtMostWithoutTimeout) {
  EXPECT_EQ(run_with(world_, {"pipeline", "run", "p", "--wait"}).code, kTimedOut);
  EXPECT_EQ(seconds(), 60);
}

TEST_F(WaitTest, ForCompletionHasNoLimit) {
  state_is(PipelineState::kRunning);
  world_.on_pause = [this] {
    if (seconds() == 10'000) state_is(PipelineState::kCompleted);
  };
  const FakeRun run = run_with(world_, {"pipeline", "stop", "p", "--end", "--wait"});
  EXPECT_EQ(run.code, kDone) << run.err;
  EXPECT_EQ(run.out, "pipeline 'p' is completed\n");
}

TEST_F(WaitTest, EndsWithAnErrorWhenThePipelineFails) {
  state_is(PipelineState::kFailed, "src: no such program");
  const FakeRun run = run_with(world_, {"pipeline", "run", "p", "--wait=completed"});
  EXPECT_EQ(run.code, kFailed);
  EXPECT_NE(run.err.find("weirctl: pipeline 'p' has failed: src: no such program\n"),
            std::string::npos)
      << run.err;
}

TEST_F(WaitTest, EndsWithAConflictWhenSomebodyElseStopsThePipeline) {
  world_.on_pause = [this] { state_is(PipelineState::kStopping); };
  const FakeRun run = run_with(world_, {"pipeline", "run", "p", "--wait"});
  EXPECT_EQ(run.code, kConflict);
  EXPECT_EQ(run.err,
            "weirctl: pipeline 'p' will not be running: somebody has asked for something else "
            "meanwhile, and it is stopping\n");
}

TEST_F(WaitTest, OutlivesABrokerThatIsAwayForAWhile) {
  world_.on_pause = [this] {
    status_ = Error{ErrorCode::kTimeout, "late"};
    if (seconds() >= 20) state_is(PipelineState::kRunning);
  };
  const FakeRun run = run_with(world_, {"pipeline", "run", "p", "--wait"});
  EXPECT_EQ(run.code, kDone);
  EXPECT_EQ(run.err, "weirctl: note: pipeline 'p': the broker does not answer\n");
}

TEST_F(WaitTest, EndsOnCtrlC) {
  world_.on_pause = [this] { world_.signal = SIGINT; };
  const FakeRun run = run_with(world_, {"pipeline", "run", "p", "--wait"});
  EXPECT_EQ(run.code, kInterrupted);
  EXPECT_EQ(run.err, "weirctl: note: the pipeline goes on; 'weirctl pipeline stop p' stops it\n");
}

TEST_F(WaitTest, ForRemovalEndsWhenThePipelineIsGone) {
  state_is(PipelineState::kStopping, "is being removed: src: waits for agent beta");
  world_.on_pause = [this] {
    if (seconds() == 1) status_ = Error{ErrorCode::kNotFound, "no pipeline is named \"p\""};
  };
  const FakeRun run = run_with(world_, {"pipeline", "rm", "p", "--wait"});
  EXPECT_EQ(run.code, kDone) << run.err;
  EXPECT_EQ(run.out, "pipeline 'p' is removed\n");
}

TEST_F(WaitTest, WithTimeoutButWithoutWaitIsAUsageError) {
  EXPECT_EQ(run_with(world_, {"pipeline", "run", "p", "--timeout", "5s"}).code, kUsage);
  EXPECT_EQ(run_with(world_, {"pipeline", "run", "p", "--wait", "--timeout", "5"}).code, kUsage);
  EXPECT_EQ(run_with(world_, {"pipeline", "run", "p", "--wait=stopped"}).code, kUsage);
  EXPECT_EQ(run_with(world_, {"pipeline", "stop", "p", "--timeout", "5s"}).code, kUsage);
  EXPECT_TRUE(world_.asked.empty());
}

}  // namespace
}  // namespace weir::ctl
