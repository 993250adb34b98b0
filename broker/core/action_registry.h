// Names of actions and their versions. What an action is made of lies elsewhere, under its hash
// (schema/content/store.h); this says which hashes are in use. Pure. Loop thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/core/records.h"
#include "schema/base/result.h"
#include "schema/wire/control.h"

namespace weir::broker {

inline constexpr size_t kActionVersionsMax = 4096;  // Of all names together.

class ActionRegistry {
 public:
  void recover(uint64_t id, ActionRecord record);

  // The newest version if that has this content already, else a new one. kLimit.
  Result<wire::ActionRef> put(const wire::ActionPut& put, uint64_t unix_ms,
                              std::vector<StoreWrite>& writes);
  // Version 0: the newest. kNotFound.
  Result<wire::ActionRef> find(const std::string& name, uint32_t version) const;
  // Version 0: all of them. kNotFound.
  Status remove(const std::string& name, uint32_t version, std::vector<StoreWrite>& writes);

  // All that are not removed: by name, newest first.
  std::vector<ActionRecord> list() const;
  // How many versions of this name are there.
  size_t count(const std::string& name) const;

 private:
  struct Entry {
    uint64_t id = 0;  // Of its record.
    ActionRecord record;
  };
  using Versions = std::map<uint32_t, Entry>;  // With the one that marks the highest number given.

  std::map<std::string, Versions> names_;
  uint64_t last_id_ = 0;
};

}  // namespace weir::broker
