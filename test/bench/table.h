// The table: as text for people, as JSON for programs.
#pragma once

#include <string>
#include <vector>

#include "test/bench/bench.h"

namespace weir::bench {

// "met", "MISSED", "-" (there is no target), "skipped", "FAILED".
std::string verdict(const Line& line);
std::string to_text(const std::vector<Line>& table);
std::string to_json(const std::vector<Line>& table, const Settings& settings);

}  // namespace weir::bench
