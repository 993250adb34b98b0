// Runs many seeds of a kind of simulation, and says which one failed.
//
//   WEIR_SIM_FIRST=42 WEIR_SIM_SEEDS=1 WEIR_SIM_TRACE=1    one seed, with what happened in it
//   WEIR_SIM_MINUTES=60                                    as many as there is time for
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

namespace weir::sim {

inline uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// What a seed has come to.
struct SeedOutcome {
  uint64_t faults = 0;
  // No log was lost, so it was checked that each record came once and in order, and not only that
  // none is lost.
  bool is_strict = false;
};

struct SeedRun {
  uint64_t usual = 0;  // How many seeds, unless the environment says otherwise.
  // Of the seeds, if they are a hundred or more: should faults become so many that hardly a log
  // survives, then that is seen.
  uint64_t strict_percent_least = 0;
};

inline void run_seeds(const SeedRun& run,
                      const std::function<SeedOutcome(uint64_t seed)>& run_seed) {
  using Clock = std::chrono::steady_clock;
  const auto limit = Clock::now() + std::chrono::minutes(number_from("WEIR_SIM_MINUTES", 0));
  const bool by_time = std::getenv("WEIR_SIM_MINUTES") != nullptr;
  const uint64_t first = number_from("WEIR_SIM_FIRST", 1);
  const uint64_t count = number_from("WEIR_SIM_SEEDS", by_time ? UINT64_MAX : run.usual);
  uint64_t faults = 0;
  uint64_t strict = 0;
  uint64_t done = 0;
  for (; done < count && (!by_time || Clock::now() < limit); ++done) {
    const std::string seed = std::to_string(first + done);
    SCOPED_TRACE("seed " + seed);
    const SeedOutcome outcome = run_seed(first + done);
    faults += outcome.faults;
    strict += outcome.is_strict ? 1 : 0;
    if (::testing::Test::HasFailure()) {
      FAIL() << "seed " << seed << " fails; run it alone with WEIR_SIM_FIRST=" << seed
             << " WEIR_SIM_SEEDS=1";
    }
  }
  std::printf("%llu seeds, %llu faults, %llu strict\n", static_cast<unsigned long long>(done),
              static_cast<unsigned long long>(faults), static_cast<unsigned long long>(strict));
  if (done >= 100) {
    EXPECT_GE(100 * strict, run.strict_percent_least * done);
  }
}

}  // namespace weir::sim
