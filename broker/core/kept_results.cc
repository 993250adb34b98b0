#include "broker/core/kept_results.h"

#include <algorithm>

namespace weir::broker {

void KeptResults::recover(uint64_t id, ResultRecord result) {
  last_id_ = std::max(last_id_, id);
  results_.emplace_back(id, std::move(result));
}

void KeptResults::sort() {
  std::sort(results_.begin(), results_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
}

const ResultRecord* KeptResults::find(const std::string& request) const {
  if (request.empty()) return nullptr;
  const auto found = std::find_if(results_.begin(), results_.end(), [&](const auto& entry) {
    return entry.second.request == request;
  });
  return found == results_.end() ? nullptr : &found->second;
}

void KeptResults::keep(ResultRecord result, std::vector<StoreWrite>& writes) {
  if (result.request.empty()) return;
  results_.emplace_back(++last_id_, std::move(result));
  writes.push_back({{RecordKind::kResult, last_id_}, encode_record(results_.back().second)});
  while (results_.size() > kResultsKept) {
    writes.push_back({{RecordKind::kResult, results_.front().first}, std::nullopt});
    results_.pop_front();
  }
}

}  // namespace weir::broker
