// Small things that commands print: tables, times, bytes. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::ctl {

// Columns as wide as the widest entry, two blanks between them, nothing behind the last. Entries
// are printable UTF-8; all rows have as many as the first.
std::string table(const std::vector<std::vector<std::string>>& rows);

// The text, or its beginning and "..." if it has more than `characters`.
std::string shortened(const std::string& text, size_t characters);

// "2026-01-02T03:04:05.678Z"
std::string utc_time(uint64_t unix_ms);

// RFC 4648, with padding.
std::string base64(std::string_view bytes);

}  // namespace weir::ctl
