// The readers of a node's lane, as the node that writes it has them: greets them, sends them what
// is visible, and knows what each has taken and settled. Pure. Thread: the node's.
#pragma once

#include <string>
#include <vector>

#include "schema/edge/writer.h"
#include "schema/wire/order.h"
#include "wrapper/core/effects.h"
#include "wrapper/core/lane.h"

namespace weir::core {

class LaneReaders {
 public:
  static constexpr std::chrono::milliseconds kTickInterval{250};

  // `lane` and `effects` must outlive it.
  LaneReaders(const wire::StartOrder& order, const Lane& lane, Effects& effects);

  bool none() const { return readers_.empty(); }
  const edge::EdgeWriter& operator[](size_t reader) const { return readers_[reader].edge; }

  void start(SteadyTime now) { ticked_at_ = now; }
  // The boot is in the log: they may be greeted from now on.
  void open(SteadyTime now);
  void connected(size_t reader, SteadyTime now);
  void disconnected(size_t reader);
  // `ended`: the lane's END is in the log. `trimmed`: what was taken, but not settled, is gone
  // (R7). An error if this reader needs what is gone.
  Status on_frame(size_t reader, const edge::Frame& frame, SteadyTime now, bool ended,
                  bool trimmed);

  // Sends what is visible, as far as their credit goes. Errors: of the log.
  Status pump();
  // HELLO once more, PING, a new connection. Call each turn.
  void tick(SteadyTime now);

  // Of those that want more and are met: up to the first record that one of them was not sent.
  // kAllRecords: there are none.
  RecordId sent_to_all() const;
  // Of all; kAllRecords if there are none.
  RecordId settled_by_all() const;
  RecordId taken_by_all() const;
  // R3: every record up to `last` that there is has been settled by all.
  bool have_settled(const RecordId& last) const;
  // There are some, and none wants more.
  bool all_satisfied() const;
  // None will ask for anything again, whatever becomes of its log.
  bool all_done() const;
  // An open stream unit of one that wants more needs what it has taken (R7).
  bool any_holds() const;
  bool any_unsatisfied_holds() const;
  // Those that said something since then.
  void heard_since(SteadyTime since, std::vector<std::string>& names) const;

 private:
  struct Reader {
    edge::EdgeWriter edge;
    bool connected = false;
    SteadyTime heard_at{};
  };

  void greet(size_t reader, SteadyTime now);
  Status on_welcome(size_t reader, const edge::Welcome& welcome, SteadyTime now, bool ended,
                    bool trimmed);
  Status pump(size_t reader);

  const Lane& lane_;
  Effects& effects_;
  std::vector<Reader> readers_;
  bool opened_ = false;
  SteadyTime ticked_at_{};
};

}  // namespace weir::core
