// The results of the last kResultsKept changing requests: one that is asked again, because its
// answer was lost, is answered and not carried out again. Pure. Loop thread.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/records.h"

namespace weir::broker {

class KeptResults {
 public:
  // In any order; call sort() after the last one.
  void recover(uint64_t id, ResultRecord result);
  void sort();

  // Null: none is known. Valid until the next call of keep().
  const ResultRecord* find(const std::string& request) const;
  void keep(ResultRecord result, std::vector<StoreWrite>& writes);

 private:
  std::deque<std::pair<uint64_t, ResultRecord>> results_;  // By id, the oldest first.
  uint64_t last_id_ = 0;
};

}  // namespace weir::broker
