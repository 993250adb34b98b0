// Dead letters (R9): records that no run of the program accepts, kept with what is known of why.
// They are inputs: each can be given to the program again, alone, and is then dropped by the very
// commit that publishes what came of it.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "wrapper/core/effects.h"
#include "wrapper/core/inbox.h"
#include "wrapper/core/state.h"

namespace weir::core {

class Node;

// Readers that need records apart take none that is longer (design 2).
inline constexpr size_t kRecordBytesMax = 100u << 20;

// Why a record is given up.
struct Failure {
  RunEnd end;             // Of the last run that failed on it; kLost: it was stopped.
  std::string reason;     // In words.
  uint32_t attempts = 0;  // Runs that failed.
};

// "INSTANCE.TERM.NUMBER", as people name one; the number tells it from others of its log.
std::string dead_letter_id(uint32_t instance, uint64_t term, uint64_t number);
std::optional<uint64_t> number_of_dead_letter(std::string_view id, uint32_t instance);

// What a log has of them, and which are to be given to the program again. The wish to retry does
// not survive a crash: the letter is still there then. Thread: the node's.
class DeadLetterBook {
 public:
  DeadLetterBook(const wal::Log& log, const LogState& state)
      : log_(log), count_(state.dead_letters), next_(state.next_dead_letter) {}

  uint64_t count() const { return count_; }

  // The number of one more. No two of a log ever have the same.
  uint64_t add() {
    ++count_;
    return next_++;
  }
  // Numbers of those that these ids name, of all if there are none. Those that are gone are left
  // out. kNotFound for an id that never was; kCorrupt, kIo.
  Result<std::vector<uint64_t>> named(const std::vector<std::string>& ids, uint32_t instance) const;
  // None: it is gone.
  Result<std::optional<DeadLetter>> read(uint64_t number) const;
  // `batch` is where it goes; forgotten() when that is in the log.
  void erase(uint64_t number, wal::LogBatch& batch);
  void forgotten(uint64_t number) { erasing_.erase(number); }

  // ---- to be tried again
  void want_retry(uint64_t number);
  bool wants_retry() const { return !queue_.empty(); }
  bool is_retried(uint64_t number) const;
  std::optional<uint64_t> under_way() const { return under_way_; }
  // The next one, which is under way from now on.
  std::optional<uint64_t> take();
  // It was not the letter's doing: later.
  void put_back();
  void set_done() { under_way_.reset(); }
  // Nothing is tried any more.
  void forget_retries() {
    queue_.clear();
    under_way_.reset();
  }

 private:
  const wal::Log& log_;
  uint64_t count_;
  uint64_t next_;
  std::set<uint64_t> erasing_;  // Still in the log, but not for long.
  std::deque<uint64_t> queue_;
  std::optional<uint64_t> under_way_;
};

// Puts one into this turn's batch, synced: it is a sole copy (R5).
void put_dead_letter(Node& node, const std::string& lane, const Portion& record, const UnitId& unit,
                     const Failure& why);

// The program has accepted the one under way: it goes with this turn's commit, which publishes what
// is staged.
void accept_retried(Node& node);
// What becomes of the one under way when its run has failed.
enum class RetriedFate {
  kWaits,  // It was not the program's doing: as soon as it can be. Still under way: put_back().
  kLater,  // The program asked for later: it stays as it is, until somebody asks again.
  kStays,  // It has failed on it once more: it stays, with what is known now.
};
// `counts`: it counts as an attempt. `why.attempts` is not looked at.
RetriedFate fate_of_retried(Node& node, const Failure& why, bool counts);

}  // namespace weir::core
