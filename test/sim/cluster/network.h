// The network of a simulated cluster: places, and ways between them that are open or not. What is
// said over a way that is closed waits, as TCP keeps it, until the way opens or somebody hangs up.
#pragma once

#include <cstddef>
#include <map>
#include <utility>

namespace weir::sim {

class Network {
 public:
  bool open(size_t from, size_t to) const { return from == to || !closed_.contains({from, to}); }
  // A connection can be made, or acknowledged.
  bool both_open(size_t a, size_t b) const { return open(a, b) && open(b, a); }

  // One direction; as often as it is closed it must be opened.
  void close(size_t from, size_t to) { ++closed_[{from, to}]; }
  void reopen(size_t from, size_t to) {
    const auto found = closed_.find({from, to});
    if (found != closed_.end() && --found->second == 0) closed_.erase(found);
  }
  void heal() { closed_.clear(); }

 private:
  std::map<std::pair<size_t, size_t>, int> closed_;
};

}  // namespace weir::sim
