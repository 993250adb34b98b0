// Dead letters (R9): records that no run of the program accepts, kept with what is known of why.
#pragma once

#include <string>

#include "wrapper/core/effects.h"
#include "wrapper/core/inbox.h"
#include "wrapper/core/node.h"

namespace weir::core {

// Readers that need records apart take none that is longer (design 2).
inline constexpr size_t kRecordBytesMax = 100u << 20;

// Why a record is given up.
struct Failure {
  RunEnd end;             // Of the last run that failed on it; kLost: it was stopped.
  std::string reason;     // In words.
  uint32_t attempts = 0;  // Runs that failed.
};

// Puts one into this turn's batch, synced: it is a sole copy (R5).
void put_dead_letter(Node& node, const std::string& lane, const Portion& record, const UnitId& unit,
                     const Failure& why);

}  // namespace weir::core
