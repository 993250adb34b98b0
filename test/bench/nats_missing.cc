// In place of nats_rows.cc where the C client of NATS was not there when this was built.
#include "test/bench/bench.h"

namespace weir::bench {

void run_nats_rows(Bench&) {
  throw Skipped("built without libnats (apt-get install libnats-dev nats-server, build again)");
}

}  // namespace weir::bench
