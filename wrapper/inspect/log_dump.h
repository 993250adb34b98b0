// `weir-wrapper --inspect dump`: all that a log holds, its records' bytes aside, as JSON.
#pragma once

#include <cstdint>
#include <string>

#include "schema/base/result.h"

namespace weir::inspect {

// {"dir", "pipeline", "node", "instance", "sole_copy", "boot_floor", "trimmed_at_taken", "commit",
// "history", "inputs", "extents", "fed", "hash_points", "abandoned", "attempts",
// "trim_groups", "dead_letters": [{"number", "lane", "record", "unit", "reason", "bytes"}],
// "blocks_total", "blocks": [{"first", "last", "records", "bytes", "flags", "shape", "published",
// "file", "offset"}]}; no more than `blocks_max` blocks, from the first on. Errors: kNotFound,
// kConflict (a wrapper has it), kCorrupt, kIo.
Result<std::string> dump_log(const std::string& log_dir, uint64_t blocks_max);

}  // namespace weir::inspect
