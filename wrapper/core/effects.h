// What a node asks of its surroundings. The core calls these and the shell (or a simulation)
// carries them out; none of them calls back into the core before it returns.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "schema/base/shared_bytes.h"
#include "schema/edge/frames.h"
#include "schema/edge/writer.h"
#include "schema/wire/block.h"
#include "wrapper/wal/log.h"

namespace weir::core {

using SteadyTime = edge::SteadyTime;

struct RunOrder {
  std::vector<std::pair<std::string, std::string>> env;  // The WEIR_ variables of this run.
  bool wants_stdin = true;
};

// How a run ended: the program has exited, its stdout has ended, and nothing of its tree is left.
struct RunEnd {
  enum class Kind {
    kExited,      // code: exit status
    kSignaled,    // code: signal; reason, if it is known, says by whom
    kNotStarted,  // code: errno; reason says which file and why
    kLost,        // Not the program's doing (the guard was killed): counts as no attempt.
  };
  Kind kind = Kind::kExited;
  int code = 0;
  std::string reason;
  std::string stderr_tail;
};

class Effects {
 public:
  virtual ~Effects() = default;

  // A frame to the writer of input `input`, over the connection that its last frame came from.
  virtual void to_writer(size_t input, const edge::Frame& frame) = 0;
  virtual void to_reader(size_t reader, const edge::Frame& frame) = 0;
  // False if the connection would block: tried again later.
  virtual bool block_to_reader(size_t reader, const wire::Block& block) = 0;
  // Make the connection to this reader anew, then call Node::reader_connected().
  virtual void reconnect(size_t reader) = 0;

  // Write this. Answered by Node::on_persisted(), in order.
  virtual void persist(wal::LogBatch batch, bool sync) = 0;

  // One run at a time; answered by Node::on_run_end().
  virtual void start_run(const RunOrder& order) = 0;
  // Bytes for the program's stdin, in order; Node::on_fed() says how many were written.
  virtual void feed(const SharedBytes& bytes) = 0;
  // Close stdin once all that was fed is written.
  virtual void close_stdin() = 0;
  // The readers want no more: the program's next write fails.
  virtual void close_stdout() = 0;
  // Kill it, and never mind how it ends: no on_run_end() follows. A run ordered meanwhile starts
  // when nothing is left of this one.
  virtual void kill_run() = 0;
  // Stop it (TERM, then KILL); on_run_end() follows, with kLost for a run that has not begun.
  virtual void terminate_run() = 0;
  // True while the run that was ordered has not begun, because something of the one before it is
  // left.
  virtual bool run_waits() { return false; }
  // How much of what was written to its stdin lies in the pipe unread.
  virtual size_t run_unread_bytes() { return 0; }
  // Processor time that the program has used, in any unit: only its change is looked at.
  virtual uint64_t run_cpu_ticks() = 0;

  // The time of day in milliseconds since 1970, for people; nothing is decided by it.
  virtual uint64_t unix_ms() { return 0; }

  // Output of a sink that nobody reads; outside the promise.
  virtual void keep_output(const SharedBytes& bytes) = 0;

  // Call Node::turn() at this time at the latest.
  virtual void wake_at(SteadyTime when) = 0;
  // Something worth telling the user, once.
  virtual void note(std::string text) = 0;
  // The node cannot go on: its state is `failed` from now on.
  virtual void failed(std::string reason) = 0;
  // What its log holds cannot be read back.
  virtual void log_failed(const Error& error) { failed(error.what); }
  // The log must be opened anew with a boot above `boot` (R2), or not at all where `term` is
  // higher.
  virtual void superseded(const Incarnation& by) = 0;
};

}  // namespace weir::core
