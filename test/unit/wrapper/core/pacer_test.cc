#include "wrapper/core/pacer.h"

#include <gtest/gtest.h>

namespace weir::core {
namespace {

using std::chrono::milliseconds;

struct Paced {
  auto look(uint64_t unsent, bool in_memory = true) { return pacer.look(unsent, in_memory, now); }
  void pass(milliseconds time) { now += time; }

  Pacer pacer;
  SteadyTime now{std::chrono::hours(1)};
};

TEST(Pacer, HoldsTheProgramUpUntilItsReadersFollow) {
  Paced paced;
  paced.look(Pacer::kBytes - 1);
  EXPECT_FALSE(paced.pacer.holds());
  EXPECT_EQ(paced.look(Pacer::kBytes), paced.now + Pacer::kHoldMax);
  EXPECT_TRUE(paced.pacer.holds());
  EXPECT_FALSE(paced.look(Pacer::kBytes)) << "it has been said";
  paced.pass(milliseconds(50));
  paced.look(Pacer::kBytes - 1);
  EXPECT_FALSE(paced.pacer.holds());
}

TEST(Pacer, ASlowReaderHoldsItUpOnce) {
  Paced paced;
  paced.look(Pacer::kBytes);
  paced.pass(Pacer::kHoldMax);
  paced.look(Pacer::kBytes);
  EXPECT_FALSE(paced.pacer.holds());
  paced.look(2 * Pacer::kBytes);
  EXPECT_FALSE(paced.pacer.holds());
  paced.look(0, false);  // What it waits for has left memory.
  paced.look(Pacer::kBytes);
  EXPECT_FALSE(paced.pacer.holds());

  paced.look(0, true);  // It has caught up.
  paced.look(Pacer::kBytes);
  EXPECT_TRUE(paced.pacer.holds());
}

}  // namespace
}  // namespace weir::core
