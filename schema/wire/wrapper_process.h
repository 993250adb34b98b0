// How an agent starts a wrapper, and what a wrapper's exit status tells it. An agent may adopt
// wrappers that another version of it has started, so what is here is only added to.
#pragma once

namespace weir::wire {

// ---- options
inline constexpr const char* kOrderOption = "--order";  // The file with the start order.
inline constexpr const char* kLogLevelOption = "--log-level";
inline constexpr const char* kLogFileOption = "--log-file";  // Where stdout and stderr go.
inline constexpr const char* kLifelineOption = "--lifeline-fd";
inline constexpr const char* kLockOption = "--lock-fd";  // An inherited descriptor; likewise:
inline constexpr const char* kKeepOption = "--keep-fd";
inline constexpr const char* kDiskReserveOption = "--disk-reserve";      // Bytes.
inline constexpr const char* kMemoryReserveOption = "--memory-reserve";  // Bytes.
inline constexpr const char* kMemoryFileOption = "--memory-file";

// ---- exit statuses
inline constexpr int kExitStopped = 0;    // As it was told to.
inline constexpr int kExitBadOrder = 64;  // The order cannot be used; starting again does not help.
inline constexpr int kExitDamaged = 65;   // The log is damaged and a sole copy; likewise.
inline constexpr int kExitFenced = 70;    // A higher term exists: somebody else is this node now.
inline constexpr int kExitAgain = 75;     // Start it again, as after any other status or a signal.

}  // namespace weir::wire
