// Places where a test kills the process: WEIR_FAILPOINT=NAME[:COUNT] in its environment makes the
// COUNTth call (1 without it) of failpoint(NAME) end it as kill -9 does. Else a call costs one
// comparison. Thread: any one of them, always the same.
#pragma once

#include <string_view>

namespace weir {

void failpoint(std::string_view name);

}  // namespace weir
