// Deletes what an agent keeps of one instance. Any thread; blocks for as long as the disk takes.
#pragma once

#include "agent/core/layout.h"
#include "schema/base/result.h"

namespace weir::agent {

// The log, what program and wrapper said, the work folder. kConflict, and nothing is deleted, while
// a wrapper or a guard holds its lock in the log's folder. May be interrupted anywhere and done
// again: the log first gets another name, so there is never a part of one.
Status erase_instance(const Layout& layout, const wire::InstanceKey& key);

}  // namespace weir::agent
