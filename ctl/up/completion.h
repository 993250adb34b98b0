// That a run is complete, as its data folder remembers it: DIR/weirctl/complete.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "schema/base/result.h"

namespace weir::ctl {

// What `--strict` asks about.
struct Completion {
  uint64_t nonzero_exits = 0;
  uint64_t dead_letters = 0;

  bool is_clean() const { return nonzero_exits == 0 && dead_letters == 0; }
};

// `folder`: the data folder.
Status write_completion(const std::string& folder, const Completion& completion);
// Nothing if the run is not complete, or that was not written down.
std::optional<Completion> read_completion(const std::string& folder);

}  // namespace weir::ctl
