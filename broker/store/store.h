// How the broker's records outlive the process.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/core/records.h"
#include "schema/base/result.h"

namespace weir::broker {

// Owned and called by the loop thread.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  // All records, in the order of their keys. kCorrupt, kIo.
  virtual Result<std::vector<StoreRecord>> load() = 0;
  // All of `writes` or none; on disk when it returns. After an error the store is in an unknown
  // state and must not be written again: end the process, and open it anew in the next one.
  virtual Status write(const std::vector<StoreWrite>& writes) = 0;
};

// RocksDB in `folder`, which is made if it is not there (its parent is not). kConflict if another
// process has it open.
Result<std::unique_ptr<Store>> open_rocks_store(const std::string& folder);

// Forgets everything when it goes.
std::unique_ptr<Store> make_memory_store();

}  // namespace weir::broker
