// source ; inner ; sink with a long-running program in each, through weir and through pipes.
#pragma once

#include <string>

#include "test/bench/bench.h"
#include "test/bench/command.h"
#include "test/bench/up.h"

namespace weir::bench {

struct Chain {
  std::string framing;  // "frames" or "lines".
  uint64_t count = 0;
  uint64_t record_bytes = 0;
};

// Three nodes of this protocol: numbered records, an echo, and a program that counts. Failed when
// the count is not right.
Usage through_weir(Bench& bench, const Chain& chain);
Usage through_pipes(Bench& bench, const Chain& chain);

}  // namespace weir::bench
