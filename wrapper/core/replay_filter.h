// Takes out of the output of a run what one before it has published (design 4, `stream`): compares
// it with the hash points of the output that was published, holds back what is not decided yet, and
// gives back what is new.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <string>

#include "wrapper/core/state.h"

struct XXH3_state_s;

namespace weir::core {

// XXH3-64 of a growing run of bytes; copyable.
class StreamHash {
 public:
  StreamHash();
  StreamHash(const StreamHash& other);
  StreamHash& operator=(const StreamHash& other);
  ~StreamHash();

  void update(std::span<const uint8_t> bytes);
  uint64_t digest() const;
  uint64_t bytes() const { return bytes_; }

 private:
  XXH3_state_s* state_;
  uint64_t bytes_ = 0;
};

class ReplayFilter {
 public:
  // `points` in rising order of offset; the last is the end of what was published.
  explicit ReplayFilter(std::vector<HashPoint> points);

  enum class State { kComparing, kDone, kDiffers };
  State state() const { return state_; }

  // Takes output. While it is equal to what was published it is swallowed at each point. When all
  // came again, or something differs, the state changes and `fresh` gets all bytes from the
  // last equal point on; the hash up to there is in hash().
  void feed(std::span<const uint8_t> bytes, std::string& fresh);
  // The run ended, or fell silent, before the next point: what is held is new.
  void give_up(std::string& fresh);

  // Offset and hash of the last equal point.
  const StreamHash& hash() const { return equal_; }
  size_t held_bytes() const { return held_.size(); }

 private:
  std::deque<HashPoint> points_;
  State state_ = State::kComparing;
  StreamHash equal_;    // Up to the last equal point.
  StreamHash running_;  // Up to all that came.
  std::string held_;    // Since the last equal point.
};

}  // namespace weir::core
