// The two ways in which weirctl prints data: for people and for programs.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "schema/graph/diagnostic.h"

namespace weir::ctl {

// Adds `-o table|json`; `format` is "table" without it.
void add_format_option(CLI::App& command, std::string& format);
inline bool is_json(const std::string& format) { return format == "json"; }

// Two spaces of indent, a newline at the end; bytes that are not UTF-8 are replaced.
std::string to_text(const nlohmann::ordered_json& json);

// A list of {"file", "line", "column", "message", "hint"}; line and column are 0 where there is no
// place.
nlohmann::ordered_json to_json(const graph::Diagnostics& diagnostics);

}  // namespace weir::ctl
