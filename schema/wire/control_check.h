// Range checks of decoded control values: what the cores may rely on. kInvalid or kLimit with the
// field's name. Pure.
#pragma once

#include "schema/base/result.h"
#include "schema/wire/control.h"
#include "schema/wire/dead_letter.h"

namespace weir::wire {

// A program's settings; names, counts, sizes and texts in range.
Status check(const graph::NodeSpec& node);
// The nodes one by one, and check_topology().
Status check(const graph::PipelineSpec& spec);
Status check(const StartOrder& order);
Status check(const InstanceStatus& status);
Status check(const PipelineRun& run);
Status check(const DeadLetter& letter);
Status check(const Message& message);

}  // namespace weir::wire
