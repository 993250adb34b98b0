// The dead letters of one node instance, wherever its log is: beside us, or behind the broker.
//
// Both ways block until the answers are there, and for no longer than a minute without one.
// Thread: one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/client/broker.h"
#include "schema/base/result.h"
#include "schema/wire/dead_letter.h"

namespace weir::ctl {

struct LetterFilter {
  std::string id{};                            // Only this one; empty: all.
  std::optional<uint64_t> record_bytes_max{};  // Of each record; the rest is left out.
};

// False: that was enough.
using OnDeadLetter = std::function<bool(const wire::DeadLetter& letter, std::string_view record)>;

// Of the log in this folder, as weir-wrapper tells them, which knows how a log is written: weirctl
// itself never opens one. An id that is not there is no error, and no call. Errors: kNotFound (the
// log, or weir-wrapper), kConflict (the node runs), kTimeout, and others with what weir-wrapper
// says.
Status read_dead_letters(const std::string& log_dir, const LetterFilter& filter,
                         const OnDeadLetter& on_letter);

// Of an instance, asked for through the broker. One of which nothing is kept has none.
Status read_dead_letters(Broker& broker, const wire::InstanceKey& instance,
                         const LetterFilter& filter, const OnDeadLetter& on_letter);

struct PlacedInstance {
  wire::InstanceKey key;
  std::string label;  // As users call it.
};

// The instances of these nodes (of all, without names) that were ever placed on an agent.
Result<std::vector<PlacedInstance>> placed_instances(Broker& broker, const std::string& pipeline,
                                                     const std::vector<std::string>& nodes);

}  // namespace weir::ctl
