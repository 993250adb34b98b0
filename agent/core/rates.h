// Records and bytes per second of one wrapper, from what it reports. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "schema/wire/order.h"

namespace weir::agent {

using SteadyTime = std::chrono::steady_clock::time_point;

// Over less time than this nothing is said.
inline constexpr std::chrono::milliseconds kRateTimeMin{900};

class Rates {
 public:
  // A report of the process that runs; its figures begin anew with each process.
  void on_report(const wire::InstanceStatus& status, SteadyTime now);
  void clear() { *this = {}; }
  // Puts the rates into a status.
  void put(wire::InstanceStatus& status) const;

 private:
  struct Figures {
    uint64_t records_in = 0;
    uint64_t records_out = 0;
    uint64_t bytes_in = 0;
    uint64_t bytes_out = 0;
  };

  std::optional<SteadyTime> since_;
  Figures before_;
  Figures per_second_;
};

}  // namespace weir::agent
