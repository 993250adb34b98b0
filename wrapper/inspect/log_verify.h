// `weir-wrapper --inspect verify`: reads all of a log and checks all that can be checked: the files
// of the database, that nothing is missing that was synced, every value, the hashes of every block,
// and that blocks, history, commit and frontiers say the same.
#pragma once

#include <string>

#include "schema/base/result.h"

namespace weir::inspect {

// {"dir", "pipeline", "node", "instance", "sole_copy", "blocks", "records", "bytes",
// "dead_letters", "damages": [{"file", "what", "affected"}]}. What is not known is null:
// "sole_copy" of a log that does not say it any more, "file" of a damage that is in no file alone.
// Errors: kNotFound, kConflict (a wrapper has it), kIo; a damaged log is none.
Result<std::string> verify_log(const std::string& log_dir);

}  // namespace weir::inspect
