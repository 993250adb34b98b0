// How a World is run, and which faults there are in it.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "test/sim/seed_runner.h"
#include "test/sim/world.h"

namespace weir::sim {

// Logs survive.
inline Faults gentle() {
  Faults faults;
  faults.crash = 4;
  faults.link_drop = 6;
  faults.message_loss = 5;
  faults.message_repeat = 20;
  faults.message_swap = 20;
  faults.program_kill = 2;
  faults.guard_loss = 2;
  return faults;
}

// Logs are lost too, or their ends.
inline Faults harsh() {
  Faults faults = gentle();
  faults.power_cut = 3;
  faults.old_copy = 1;
  faults.replace = 1;
  return faults;
}

inline SeedOutcome outcome_of(const World& world) {
  return {world.faults_done(), !world.logs_lost()};
}

// Runs the world with faults for a while, then without until it has ended; false, as a failed
// expectation, if it does not end or breaks a rule.
inline bool run_world(World& world) {
  const bool ended = world.run(600);
  if (std::getenv("WEIR_SIM_TRACE") != nullptr) std::puts(world.told().c_str());
  EXPECT_TRUE(ended) << world.why();
  return ended;
}

}  // namespace weir::sim
