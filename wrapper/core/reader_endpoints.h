// Where the readers of a lane are. Pure. Thread: the node's.
#pragma once

#include <string>
#include <vector>

#include "schema/wire/order.h"

namespace weir::core {

class ReaderEndpoints {
 public:
  explicit ReaderEndpoints(const std::vector<wire::ReaderOrder>& readers);

  // Those that are elsewhere now: they are to be connected anew.
  std::vector<size_t> move(const std::vector<wire::ReaderOrder>& readers);
  const std::string& name(size_t reader) const { return readers_[reader].name; }
  // Empty while it is not known.
  const std::string& endpoint(size_t reader) const { return readers_[reader].endpoint; }

 private:
  std::vector<wire::ReaderOrder> readers_;
};

}  // namespace weir::core
