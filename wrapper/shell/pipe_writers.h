// Who keeps a pipe from ending. Looks through /proc; any thread.
#pragma once

#include <string>

namespace weir::shell {

// The processes that have the other end of this pipe open for writing, this one aside, for people:
// "process 12 (sleep)", "processes 12 (sleep), 13 (tail) and 2 more". Empty: none that can be seen.
std::string writers_of(int read_end);

}  // namespace weir::shell
