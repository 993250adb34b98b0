// What may be called how, and what can be told from the text of a shell command.
#pragma once

#include <string>
#include <string_view>

namespace weir::graph {

inline constexpr size_t kNameMax = 63;  // Characters of any name.

// [a-zA-Z_][a-zA-Z0-9_-]*, at most kNameMax: nodes and actions.
bool is_node_name(std::string_view name);

// [a-z0-9][a-z0-9_-]*, at most kNameMax: pipelines, which become directories.
bool is_pipeline_name(std::string_view name);

// [a-zA-Z0-9][a-zA-Z0-9._-]*, at most kNameMax: agents.
bool is_host_name(std::string_view name);

// The name for the node of an inline command: the basename of its first word, made valid.
// "/usr/bin/grep -v x" is "grep"; "LC_ALL=C ./to-csv.sh" is "to-csv-sh". Never empty.
std::string command_name(std::string_view command);

// Whether the command is one grep, egrep, fgrep or rg and nothing else, so that exit status 1 means
// "nothing found" (R9). Errs on the side of no.
bool is_lone_grep(std::string_view command);

// In quotes, so that the expression lexer reads `command` back.
std::string quote_command(std::string_view command);

}  // namespace weir::graph
