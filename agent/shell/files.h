// The agent's files: orders that survive a power cut, folders, and the end of a log. Any thread;
// all calls block for as long as the disk takes.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "agent/core/layout.h"
#include "agent/core/wrapper_life.h"
#include "schema/base/result.h"
#include "schema/wire/control.h"

namespace weir::agent {

// Temporary file, sync, rename: the file is whole, old or new, at any moment. After write_order()
// and remove_order() the folder is to be synced.
Status write_order(const std::string& path, const wire::StartOrder& order);
// Removing what is not there is no error.
Status remove_order(const std::string& path);
// All orders in the folder. Files that cannot be read as orders are renamed to *.bad and logged.
Result<std::vector<wire::StartOrder>> read_orders(const std::string& folder);

// Random, and the same as long as the folder of the logs is the same. kNotFound, in words for the
// user, if there are orders (`has_orders`) for logs in another folder than the one that is there.
Result<std::string> identity_of(const Layout& layout, bool has_orders);
// kNotFound, likewise, if that is not the identity of the logs any more.
Status check_identity(const Layout& layout, const std::string& identity);

// None if there is no such file. Not synced: what a power cut takes is no loss.
Starts read_starts(const std::string& path);
void write_starts(const std::string& path, const Starts& starts);

// What is left of the disk that a folder is on; 0 if that cannot be told.
uint64_t free_bytes(const std::string& folder);

// 0 if it is not there.
off_t file_size(const std::string& path);
// The last line that is not empty, if it begins at or after `from`; without the time, level and
// name that our logs put in front.
std::string last_line(const std::string& path, off_t from);
// Moves a log that has become large out of the way: PATH.1, replacing the one before.
void rotate_log(const std::string& path, off_t limit_bytes);

}  // namespace weir::agent
