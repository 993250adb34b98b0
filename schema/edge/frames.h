// The edge protocol's frames: what two neighbouring wrappers say to each other beside blocks. One
// ZeroMQ message each, one part; a block is sent as it is and is told apart by its magic.
// docs/edge.md tells the protocol, with a drawing.
//
//   frame = magic "WED", version '1', type (1 byte), then the fields below, all numbers big-endian
//
// Fields are only added, at the end: a reader of the same version ignores what stands behind those
// that it knows, and takes one that is not there as unset. What an older reader must not pass over
// gets another version, which it refuses (docs/decisions/0009).
//
// Writer to reader: HISTORY, HELLO, BEGIN, PING, blocks. Reader to writer: WELCOME, ACK, RESET,
// REFUSE. `session` is chosen by the writer, larger with each HELLO; an answer with another one is
// void.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schema/base/ids.h"
#include "schema/base/result.h"
#include "schema/edge/history.h"

namespace weir::edge {

inline constexpr size_t kNameBytesMax = 256;
inline constexpr size_t kHistoryEntriesMax = 4096;  // In one frame.
// In the frames of one HELLO together: a writer that opens its log anew each second, while no
// reader ever settles anything, comes here after twelve days.
inline constexpr size_t kHistoryEntriesInAllMax = 1u << 20;
inline constexpr size_t kReasonBytesMax = 1024;
// Larger than any frame or block: the limit that sockets are given.
inline constexpr size_t kEdgeMessageBytesMax = (1u << 20) + (1u << 19);

// One lane and its reader: who speaks to whom.
struct EdgeName {
  std::string pipeline;
  std::string from;  // "node.instance"
  std::string to;

  bool operator==(const EdgeName&) const = default;
};

struct Hello {
  uint64_t session = 0;
  EdgeName edge;
  std::vector<HistoryEntry> history;  // The last entry is the writer itself.
  RecordId first_held;

  const Incarnation& writer() const { return history.back().of; }
};

// The older part of a history that is too long for one frame; what is left of it comes in the HELLO
// with the same session, over the same connection.
struct HistoryPart {
  uint64_t session = 0;
  std::vector<HistoryEntry> entries;
};

struct Welcome {
  uint64_t session = 0;
  uint64_t round =
      0;              // Counts the reader's answers: only the BEGIN that bears the last one counts.
  Incarnation seen;   // The latest incarnation of the writer that this reader knows.
  Position position;  // The last record that the reader has; none: it has seen nothing.
  Position settled;
  uint64_t credit_bytes = 0;
  bool enough = false;
  bool ended = false;  // END is committed.
};

struct Begin {
  uint64_t session = 0;
  uint64_t round = 0;  // Of the WELCOME that it answers.
  RecordId from;
  ResumeCause cause = ResumeCause::kAfter;
};

struct Ping {
  uint64_t session = 0;
  RecordId next;  // The next record that the writer will send: a reader that is behind missed some.
};

// Positions, not ids: two copies of a log may have given one id to different records.
struct Ack {
  uint64_t session = 0;
  Position taken;
  Position settled;
  bool enough = false;
  bool ended = false;
  bool holds = false;  // An open stream unit here needs what it has taken until it ends (R7).

  bool operator==(const Ack&) const = default;
};

// "I do not know you, or have lost the thread: say HELLO."
struct Reset {
  uint64_t session = 0;
};

enum class RefuseReason : uint8_t {
  kStale = 1,      // A later incarnation of this lane is known: `seen`.
  kCopy = 2,       // The same (term, boot) with another nonce is known: an old copy of a log.
  kWrongEdge = 3,  // This reader is not who the writer takes it for.
  kMalformed = 4,
};

struct Refuse {
  uint64_t session = 0;
  RefuseReason reason = RefuseReason::kMalformed;
  Incarnation seen;
  std::string text;
};

using Frame = std::variant<Hello, Welcome, Begin, Ping, Ack, Reset, Refuse, HistoryPart>;

// Of a HELLO with at most kHistoryEntriesMax entries; see encode_all().
std::string encode(const Frame& frame);

// The messages that a frame is sent as, in this order: one, but for a HELLO with a long history.
std::vector<std::string> encode_all(const Frame& frame);

// Errors: kCorrupt for bytes that are no frame of this version, are cut short, or break a limit or
// a range.
Result<Frame> decode(std::string_view bytes);

// Puts a HELLO that came in several frames together again. For the connections of one listener.
class HelloParts {
 public:
  // The frame as it was sent, or nothing: it was a part of one. A HELLO whose parts are not there
  // (any more) has only its own entries. `route`: the connection.
  std::optional<Frame> add(const std::string& route, Frame frame);

 private:
  static constexpr size_t kConnectionsMax = 64;  // That are in the middle of one; else the oldest
                                                 // is forgotten, and says HELLO again.
  struct Unfinished {
    std::string route;
    HistoryPart part;
  };
  std::deque<Unfinished> unfinished_;
};

}  // namespace weir::edge
