// A guard's cgroup, and what one with the same pid left before it.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "wrapper/action/guard_protocol.h"
#include "wrapper/action/program_start.h"
#include "wrapper/action/run_tree.h"

namespace weir::action {
namespace {

int run_in(RunTree& tree) {
  const SpawnOrder order{{"/bin/sh", "-c", "exit 7"}, {}, ""};
  const StartOutcome started =
      start_program(order, false, run_marker(1), {0, 1, 2}, tree.cgroup_of(0));
  EXPECT_GT(started.pid, 0) << started.text;
  int status = 0;
  EXPECT_EQ(::waitpid(started.pid, &status, 0), started.pid);
  return status;
}

// The kernel kills at once whatever comes into a cgroup that was ever killed: a program that is
// started in one that somebody left would die again and again.
TEST(CgroupTree, NothingIsStartedInOneThatWasKilled) {
  std::string why;
  std::unique_ptr<RunTree> first = make_cgroup_tree(&why);
  if (!first) GTEST_SKIP() << "no cgroup to work in: " << why;
  const std::string left = first->folder();
  EXPECT_EQ(WEXITSTATUS(run_in(*first)), 7);
  EXPECT_TRUE(kill_cgroup(left));
  for (int i = 0; i < 3; ++i) {
    const std::unique_ptr<RunTree> second = make_cgroup_tree(&why);
    ASSERT_NE(second, nullptr) << why;
    const int status = run_in(*second);
    EXPECT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 7);
  }
  first.reset();
  EXPECT_TRUE(remove_cgroup(left));
}

}  // namespace
}  // namespace weir::action
