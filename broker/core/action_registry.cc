#include "broker/core/action_registry.h"

#include <algorithm>
#include <utility>

#include "schema/graph/suggest.h"

namespace weir::broker {

void ActionRegistry::recover(uint64_t id, ActionRecord record) {
  last_id_ = std::max(last_id_, id);
  const std::string name = record.action.name;
  const uint32_t version = record.action.version;
  names_[name][version] = Entry{id, std::move(record)};
}

Result<wire::ActionRef> ActionRegistry::put(const wire::ActionPut& put, uint64_t unix_ms,
                                            std::vector<StoreWrite>& writes) {
  if (const auto newest = find(put.name, 0); newest && newest->sha256 == put.sha256) {
    return *newest;
  }
  if (list().size() >= kActionVersionsMax) {
    return Error{ErrorCode::kLimit, "there are " + std::to_string(kActionVersionsMax) +
                                        " versions of actions already; remove some with 'weirctl "
                                        "action rm'"};
  }
  Versions& versions = names_[put.name];
  const uint32_t version = versions.empty() ? 1 : versions.rbegin()->first + 1;
  Entry entry{++last_id_, {{put.name, version, put.sha256, put.bytes}, unix_ms, false}};
  writes.push_back({{RecordKind::kAction, entry.id}, encode_record(entry.record)});
  // It marks the highest number now.
  for (auto at = versions.begin(); at != versions.end();) {
    if (!at->second.record.removed) {
      ++at;
      continue;
    }
    writes.push_back({{RecordKind::kAction, at->second.id}, std::nullopt});
    at = versions.erase(at);
  }
  return versions.emplace(version, std::move(entry)).first->second.record.action;
}

Result<wire::ActionRef> ActionRegistry::find(const std::string& name, uint32_t version) const {
  if (const auto found = names_.find(name); found != names_.end()) {
    for (auto at = found->second.rbegin(); at != found->second.rend(); ++at) {
      if (at->second.record.removed) continue;
      if (version == 0 || at->first == version) return at->second.record.action;
    }
  }
  if (version != 0 && count(name) > 0) {
    return Error{ErrorCode::kNotFound,
                 "action \"" + name + "\" has no version " + std::to_string(version)};
  }
  std::vector<std::string> known;
  for (const auto& [other, versions] : names_) {
    if (count(other) > 0) known.push_back(other);
  }
  const std::string hint = graph::did_you_mean(name, known);
  return Error{ErrorCode::kNotFound,
               "no action is named \"" + name + "\"" + (hint.empty() ? "" : "; " + hint)};
}

Status ActionRegistry::remove(const std::string& name, uint32_t version,
                              std::vector<StoreWrite>& writes) {
  if (const auto known = find(name, version); !known) return known.error();
  Versions& versions = names_.at(name);
  const uint32_t highest = versions.rbegin()->first;
  for (auto at = versions.begin(); at != versions.end();) {
    Entry& entry = at->second;
    const bool chosen = version == 0 || at->first == version;
    if (!chosen || entry.record.removed) {
      ++at;
    } else if (at->first == highest) {
      entry.record.removed = true;
      writes.push_back({{RecordKind::kAction, entry.id}, encode_record(entry.record)});
      ++at;
    } else {
      writes.push_back({{RecordKind::kAction, entry.id}, std::nullopt});
      at = versions.erase(at);
    }
  }
  return {};
}

std::vector<ActionRecord> ActionRegistry::list() const {
  std::vector<ActionRecord> all;
  for (const auto& [name, versions] : names_) {
    for (auto at = versions.rbegin(); at != versions.rend(); ++at) {
      if (!at->second.record.removed) all.push_back(at->second.record);
    }
  }
  return all;
}

size_t ActionRegistry::count(const std::string& name) const {
  const auto found = names_.find(name);
  if (found == names_.end()) return 0;
  return static_cast<size_t>(
      std::count_if(found->second.begin(), found->second.end(),
                    [](const auto& entry) { return !entry.second.record.removed; }));
}

}  // namespace weir::broker
