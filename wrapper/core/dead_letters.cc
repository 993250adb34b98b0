#include "wrapper/core/dead_letters.h"

#include "wrapper/core/runner.h"
#include "wrapper/wal/keys.h"

namespace weir::core {

void put_dead_letter(Node& node, const std::string& lane, const Portion& record, const UnitId& unit,
                     const Failure& why) {
  DeadLetter letter;
  letter.lane = lane;
  letter.record = record.last;
  letter.unit = unit;
  letter.reason = why.reason;
  letter.stderr_tail = why.end.stderr_tail;
  letter.action = node.spec().run.empty() ? node.spec().action : node.spec().run;
  letter.bytes = record.bytes.view();
  if (why.end.kind == RunEnd::Kind::kExited) letter.status = why.end.code;
  if (why.end.kind == RunEnd::Kind::kSignaled) letter.signal = why.end.code;
  letter.attempts = why.attempts;
  letter.unix_ms = node.effects().unix_ms();
  letter.term = node.order().term;
  node.batch().put(wal::key(wal::kDead, node.next_dead_letter()), encode(letter));
  node.sync_this_turn();
  node.effects().note("record " + to_string(record.last) + " of " + lane +
                      " is a dead letter: " + letter.reason);
}

}  // namespace weir::core
