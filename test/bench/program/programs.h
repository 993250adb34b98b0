// What weir-bench-program can be; each returns its exit status.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "test/bench/program/records.h"

namespace weir::bench {

// Writes so many numbered records of so many bytes.
int write_numbers(Framing framing, uint64_t count, uint64_t bytes);
// Answers each record with itself; what was answered is written whenever the input is drained.
int echo(Framing framing);
// Answers each record with nothing, and writes into `report` how many there were.
int swallow(Framing framing, const std::string& report);

// Writes records of so many bytes at this rate for so long; each begins with when it was written.
int stamp(Framing framing, double rate, double seconds, uint64_t bytes);
// As swallow(), but writes into `report` how long each has been under way: microseconds, one a
// line.
int arrive(Framing framing, const std::string& report);

// Between ZeroMQ and the pipes of a program, and nothing else: what comes in at `listen` goes to
// its stdin, what it writes goes to `connect`. Either may be empty. With `log`, what it writes is
// on the disk, in that file, before it is sent.
int relay(const std::string& listen, const std::string& connect, const std::string& log,
          const std::vector<std::string>& argv);

// So many agents, numbered from `first` on, that say to the broker what agents say, and whose
// wrappers run as soon as they are ordered. Ends when it is killed.
int play_agents(const std::string& broker, uint32_t first, uint32_t count);

}  // namespace weir::bench
