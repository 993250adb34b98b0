// The log front: every process of weir logs through these, to stderr, one line a message:
//   2026-01-02T03:04:05.678Z info  wrapper[simplepipe/even.0]: message
#pragma once

#include <string>
#include <string_view>

namespace weir::log {

enum class Level { kDebug, kInfo, kWarn, kError };

// Sets the name that stands in front of each message and the lowest level that is printed. Call
// once, early in main. Thread: main, before other threads log.
void init(std::string_view process_name, Level lowest);

// The level named "debug", "info", "warn" or "error"; kInfo for anything else.
Level level_from(std::string_view name);

// Any thread.
void write(Level level, std::string_view message);
inline void debug(std::string_view message) { write(Level::kDebug, message); }
inline void info(std::string_view message) { write(Level::kInfo, message); }
inline void warn(std::string_view message) { write(Level::kWarn, message); }
inline void error(std::string_view message) { write(Level::kError, message); }

}  // namespace weir::log
