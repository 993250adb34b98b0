// Runs many seeds of a kind of world, and says which one failed.
//
//   WEIR_SIM_FIRST=42 WEIR_SIM_SEEDS=1 WEIR_SIM_TRACE=1    one seed, with what happened in it
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

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

// Runs the world with faults for a while, then without until it has ended; false, as a failed
// expectation, if it does not end or breaks a rule.
inline bool run_world(World& world) {
  const bool ended = world.run(600);
  if (std::getenv("WEIR_SIM_TRACE") != nullptr) std::puts(world.told().c_str());
  EXPECT_TRUE(ended) << world.why();
  return ended;
}

// `run_seed` returns how many faults there were.
inline void run_seeds(uint64_t usual, const std::function<uint64_t(uint64_t seed)>& run_seed) {
  const char* const from = std::getenv("WEIR_SIM_FIRST");
  const char* const more = std::getenv("WEIR_SIM_SEEDS");
  const uint64_t first = from == nullptr ? 1 : std::strtoull(from, nullptr, 10);
  const uint64_t count = more == nullptr ? usual : std::strtoull(more, nullptr, 10);
  uint64_t faults = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const std::string name = "seed " + std::to_string(seed);
    SCOPED_TRACE(name);
    faults += run_seed(seed);
    if (::testing::Test::HasFailure()) {
      FAIL() << name << " fails; run it alone with WEIR_SIM_FIRST=" << seed << " WEIR_SIM_SEEDS=1";
    }
  }
  std::printf("%llu seeds, %llu faults\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(faults));
}

}  // namespace weir::sim
