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

// `run_seed` returns how many faults there were.
inline void run_seeds(uint64_t usual, const std::function<uint64_t(uint64_t seed)>& run_seed) {
  using Clock = std::chrono::steady_clock;
  const auto limit = Clock::now() + std::chrono::minutes(number_from("WEIR_SIM_MINUTES", 0));
  const bool by_time = std::getenv("WEIR_SIM_MINUTES") != nullptr;
  const uint64_t first = number_from("WEIR_SIM_FIRST", 1);
  const uint64_t count = number_from("WEIR_SIM_SEEDS", by_time ? UINT64_MAX : usual);
  uint64_t faults = 0;
  uint64_t done = 0;
  for (; done < count && (!by_time || Clock::now() < limit); ++done) {
    const std::string seed = std::to_string(first + done);
    SCOPED_TRACE("seed " + seed);
    faults += run_seed(first + done);
    if (::testing::Test::HasFailure()) {
      FAIL() << "seed " << seed << " fails; run it alone with WEIR_SIM_FIRST=" << seed
             << " WEIR_SIM_SEEDS=1";
    }
  }
  std::printf("%llu seeds, %llu faults\n", static_cast<unsigned long long>(done),
              static_cast<unsigned long long>(faults));
}

}  // namespace weir::sim
