#include <map>

#include "broker/store/store.h"

namespace weir::broker {
namespace {

class MemoryStore : public Store {
 public:
  Result<std::vector<StoreRecord>> load() override {
    std::vector<StoreRecord> records;
    for (const auto& [key, value] : records_) records.push_back({key, value});
    return records;
  }

  Status write(const std::vector<StoreWrite>& writes) override {
    for (const StoreWrite& one : writes) {
      if (one.value) {
        records_[one.key] = *one.value;
      } else {
        records_.erase(one.key);
      }
    }
    return {};
  }

 private:
  std::map<StoreKey, std::string> records_;
};

}  // namespace

std::unique_ptr<Store> make_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace weir::broker
