// What a sink writes that nobody reads (design 4): held until the commit that it belongs to is in
// the log, then handed out. It is outside the promise and never in the log: a crash between the two
// loses it, and what a unit writes beyond kHeldBytesMax is handed out before its commit.
//
// Pure. Thread: the node's. Nothing survives a crash.
#pragma once

#include <utility>
#include <vector>

#include "schema/base/shared_bytes.h"
#include "wrapper/core/builder.h"

namespace weir::core {

class SinkOutput {
 public:
  static constexpr size_t kHeldBytesMax = 1u << 20;

  // As the program wrote it; frames without their lengths. Returns what cannot be held.
  std::vector<SharedBytes> add(const Cut& cut, wire::Shape shape);
  // The unit that wrote it is run again.
  void discard();
  // All that is held: it belongs to the commit that is written now.
  std::vector<SharedBytes> take();
  size_t held_bytes() const { return held_bytes_; }

 private:
  std::vector<SharedBytes> held_;
  size_t held_bytes_ = 0;
};

}  // namespace weir::core
