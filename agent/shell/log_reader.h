// Reads what a wrapper or its program has written, in parts, over rotation. Blocks for as long as
// reading a quarter of a megabyte does. Any thread.
#pragma once

#include <string>

#include "schema/base/result.h"
#include "schema/wire/control.h"

namespace weir::agent {

// The part that `read` asks for, of the file at `path` and of PATH.1, which is older. LogData::file
// is made of the inode and of when it was made, because numbers of inodes are given anew. kIo.
Result<wire::LogData> read_log(const std::string& path, const wire::LogRead& read);

}  // namespace weir::agent
