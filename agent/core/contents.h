// The contents of the uploaded actions that this agent's wrappers need: which are here, and how the
// others are fetched from the broker, chunk by chunk (docs/control.md, "Actions").
//
//   state      meaning                                            left by
//   kWanted    waits for its turn: kFetchedAtOnce others are      one of them is done
//   kLooking   the shell looks whether a good copy is here        its answer
//   kFetching  the broker is asked for a chunk, again after a     the chunk
//              while: it may be away
//   kAdding    a chunk is being written                           the shell's answer
//   kPausing   something failed                                   time; then from the start
//   kHere      verified by this agent, or fetched by it           nobody needs it: swept
//
// What comes for another state than the one it belongs to is ignored.
// Pure. Loop thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "schema/wire/control.h"

namespace weir::agent {

using SteadyTime = std::chrono::steady_clock::time_point;

inline constexpr size_t kFetchedAtOnce = 4;
// Longer than the broker may be silent before a new connection is made: while there is one the
// answer is on its way, and asking again would only send it twice.
inline constexpr std::chrono::milliseconds kAskAgain{5000};
inline constexpr std::chrono::milliseconds kContentPauseFirst{1000};
inline constexpr std::chrono::milliseconds kContentPauseMax{30'000};
inline constexpr uint64_t kCacheBytesMax = 2ull << 30;  // Above it what nobody needs is deleted.

// ---- What the shell does --------------------------------------------------------------------

// Answer: ContentIs or ContentFailed. A copy from before this agent is verified; a damaged one is
// deleted.
struct LookForContent {
  std::string sha256;
  uint64_t bytes = 0;
};
// Answer: ContentIs or ContentFailed.
struct AddToContent {
  std::string sha256;
  uint64_t offset = 0;
  std::string data;
};
// Deletes what is not in `keep`, if all of it is more than `bytes_max`.
struct SweepContents {
  std::set<std::string> keep;
  uint64_t bytes_max = 0;
};
// To the broker, with the hash as the request's id.
struct AskForContent {
  std::string sha256;
  uint64_t offset = 0;
};

using ContentEffect = std::variant<LookForContent, AddToContent, SweepContents, AskForContent>;

// ---- Answers --------------------------------------------------------------------------------

struct ContentIs {
  uint64_t offset = 0;  // What is wanted next; all its bytes: it is here.
};
struct ContentFailed {
  std::string what;
};
using ContentAnswer = std::variant<ContentIs, ContentFailed>;

class Contents {
 public:
  // All that is needed now, by hash. What is new is looked for; what is not in it any more is
  // forgotten.
  void need(const std::map<std::string, wire::ActionRef>& actions);
  bool is_here(const std::string& sha256) const;
  // For people: "waits for action NAME: 12 of 40 MiB", and why it does not go on.
  std::string waits(const std::string& sha256) const;

  void on_answer(const std::string& sha256, const ContentAnswer& answer, SteadyTime now);
  void on_data(const wire::ActionData& data, SteadyTime now);
  void on_refused(const std::string& sha256, const std::string& what, SteadyTime now);
  // `connected`: the broker answers, as far as is known.
  void tick(bool connected, SteadyTime now);
  // None: nothing waits for time.
  std::optional<SteadyTime> deadline() const;

  // What is to be done, since it was last asked.
  std::vector<ContentEffect> take_effects();

 private:
  enum class State { kWanted, kLooking, kFetching, kAdding, kPausing, kHere };
  struct Content {
    wire::ActionRef action;
    State state = State::kWanted;
    bool needed = true;
    uint64_t offset = 0;
    SteadyTime next_at{};  // kFetching: ask again. kPausing: begin anew.
    std::chrono::milliseconds pause{0};
    std::string error;
  };

  static bool is_under_way(const Content& content);
  void fail(Content& content, const std::string& what, SteadyTime now);
  void sweep(uint64_t bytes_max);
  void start_those_that_wait();

  std::map<std::string, Content> contents_;
  bool swept_ = false;  // Once, when the agent starts.
  bool connected_ = false;
  std::vector<ContentEffect> effects_;
};

}  // namespace weir::agent
