// What weir-agent was told: its command line, and the file of settings that stands behind it.
#pragma once

#include <variant>

#include "agent/shell/agent_shell.h"

namespace weir::agent {

// The options, checked; or the exit status of a process that is not to run: 0 after --help, 2 when
// something is wrong, which was said on stderr.
std::variant<AgentOptions, int> parse_command_line(int argc, const char* const* argv);

}  // namespace weir::agent
