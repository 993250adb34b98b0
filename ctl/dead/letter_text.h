// A dead letter as it is printed: for programs, as a line of a table, and on a page of its own.
// Pure.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "schema/wire/dead_letter.h"

namespace weir::ctl {

// How much of a record a line or a page shows.
inline constexpr uint64_t kRecordBytesInLine = 256;
inline constexpr uint64_t kRecordBytesOnPage = 4096;

// {"pipeline", "node", "instance", "id", "origin": {"node", "instance", "id"}, "unit", "when",
// "attempts", "reason", "status", "signal", "stderr_tail", "action", "bytes", "record",
// "record_base64"}. What is not known, or does not apply, is null; of the last two one is. `record`
// is all of it.
nlohmann::ordered_json to_json(const wire::DeadLetter& letter, std::string_view record);

// The titles of a table's columns, and what stands under them.
std::vector<std::string> line_titles();
std::vector<std::string> to_line(const wire::DeadLetter& letter, std::string_view record);

// Whole lines.
std::string to_page(const wire::DeadLetter& letter, std::string_view record);

}  // namespace weir::ctl
