// Seeds that once found a bug, with what it was. They are run for ever.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace weir::sim {

// Seeds of clusters with all kinds of faults.
inline constexpr std::initializer_list<uint64_t> kClusterSeeds = {
    2123,  // A portable source was moved when its reader had ended, which lost its log afterwards.
    1008078,  // One that was moved was to end before it had written again what its old log held.
    1026256,  // A `run` after `stop --end` and `stop` began a lost source anew, whose lane had
              // ended.
};

}  // namespace weir::sim
