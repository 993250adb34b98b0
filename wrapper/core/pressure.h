// R7: when the host runs short of something, wrappers stop accepting before anything fails. A pure
// rule: what is left goes in about once a second, what to hold back comes out.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

namespace weir::core {

// Each holds back what those before it do, and more.
enum class Pressure {
  kNone,
  kSources,  // Sources are not read: what is in the logs can drain. The disk is near its reserve.
  kInputs,   // Nor is credit given to writers: nothing more is taken in. Memory is short.
  kAll,      // Of other programs only sinks' are read, and those whose log is next to empty: what
             // is left is for commits and draining.
};

// What has to stay free; 0: nothing has to.
struct Reserves {
  uint64_t disk_bytes = 0;  // Of the disk that the log is on.
  uint64_t memory_bytes = 0;
};

// What is free; nothing: not known, and then not short.
struct Room {
  std::optional<uint64_t> disk_bytes;
  std::optional<uint64_t> memory_bytes;
};

class PressureGauge {
 public:
  explicit PressureGauge(const Reserves& reserves) : reserves_(reserves) {}

  // True if anything has changed.
  bool look(const Room& room) {
    const Pressure before = pressure();
    disk_low_ = is_low(room.disk_bytes, reserves_.disk_bytes, disk_low_);
    disk_out_ = is_low(room.disk_bytes, reserves_.disk_bytes / 4, disk_out_);
    memory_low_ = is_low(room.memory_bytes, reserves_.memory_bytes, memory_low_);
    return pressure() != before;
  }

  Pressure pressure() const {
    if (disk_out_) return Pressure::kAll;
    if (memory_low_) return Pressure::kInputs;
    return disk_low_ ? Pressure::kSources : Pressure::kNone;
  }

  // For people; empty if nothing is short.
  std::string reason() const {
    if (disk_out_) return disk_text("only what drains is read");
    if (memory_low_) {
      return "memory is short on this host: less than the reserve of " +
             mebibytes(reserves_.memory_bytes) +
             " is available (memory_reserve): no input is taken until there is more";
    }
    return disk_low_ ? disk_text("sources are not read") : "";
  }

 private:
  // What was low is so until there is an eighth more.
  static bool is_low(const std::optional<uint64_t>& left, uint64_t reserve, bool was_low) {
    return left && *left < (was_low ? reserve + reserve / 8 : reserve);
  }
  static std::string mebibytes(uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }
  std::string disk_text(const std::string& what) const {
    return "the disk of its log is nearly full: less than " +
           std::string(disk_out_ ? "a quarter of " : "") + "the reserve of " +
           mebibytes(reserves_.disk_bytes) + " is left (disk_reserve): " + what +
           " until there is room";
  }

  Reserves reserves_;
  bool disk_low_ = false;
  bool disk_out_ = false;
  bool memory_low_ = false;
};

}  // namespace weir::core
