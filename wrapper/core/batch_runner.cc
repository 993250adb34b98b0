// Units `batch` and `record` (design 4): one run of the program for some whole records. Its extent
// is committed before it starts, its output is staged while it runs, and one commit publishes the
// output together with the consumption when it has ended well.
//
//   Idle --records are there--> Forming --extent is in the log--> Running --ended well--> Idle
//     ^                                                              |
//     '------- Backing off <--- ended badly: attempt counted --------'
//   all lanes have ended and nothing is left: Idle --> Ending --END is in the log--> Ended
//
// R9: a unit that has failed too often is split in halves, which run once each, until a record that
// fails stands alone. Such a suspect is tried once more when a later unit has ended well, and if it
// fails again, and nothing else does, it becomes a dead letter together with that unit's commit.
// After `max_dead` suspects without a unit that ended well all are tried again: an outage is not
// poison. So are suspects behind which no unit comes; `retries` + 1 times if the input has ended.
//
//   Idle --a dead letter is to be tried again--> Retrying --ended, well or badly--> Idle
// It is a unit of its own, under the name that it had when it failed alone, and says nothing about
// suspects.
#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "wrapper/core/builder.h"
#include "wrapper/core/dead_letters.h"
#include "wrapper/core/log_entries.h"
#include "wrapper/core/poison.h"
#include "wrapper/core/program_runner.h"

namespace weir::core {
namespace {

constexpr uint64_t kShortUnitBytes = 4u << 20;  // While room is short.

class BatchRunner : public ProgramRunner {
 public:
  BatchRunner(Node& node, const LogState& state)
      : ProgramRunner(node, state),
        poison_(node, consumed_before()),
        shape_(output_shape(node.spec())),
        builder_(std::make_shared<BufferPool>(
                     wire::kBlockHeaderBytes + BlockBuilder::kUsualPayloadBytes, 8),
                 shape_) {
    if (state.commit.ended) return;
    // The unit that was under way: the same records under the same name.
    owed_.assign(state.extents.begin(), state.extents.end());
    extents_ = state.extents.size();
    attempts_ = state.attempts;
  }

  void turn(SteadyTime now) override {
    run_.begin_turn(now);
    if (run_.running()) {
      stage(false);
      run_.stop_if_stalled(node_.may_write_output());
    }
    if (!idle()) return;
    if (enough_) return finish();
    // Dead letters and other units take turns.
    if (!std::exchange(after_retry_, false) && start_retry()) return;
    go_on();
    if (idle()) start_retry();
  }

  std::span<uint8_t> output_space() override {
    if (!run_.running()) return {};
    if (builder_.full()) stage(false);
    return builder_.space();
  }

  void on_output(size_t bytes) override {
    run_.on_output();
    builder_.added(bytes);
    if (builder_.full()) stage(false);
    if (node_.lane().staged_bytes() + builder_.pending_bytes() > max_output()) {
      node_.fail("one unit's output is over max_output (" + std::to_string(max_output()) +
                 " bytes): raise it, or give the unit fewer records");
    }
  }

  void on_run_end(const RunEnd& end) override {
    if (!run_.running()) return;
    if (node_.dead().under_way()) return retry_ended(end);
    if (enough_) node_.discard_staged();
    if (accepted(node_.spec(), end)) return commit(end);
    node_.discard_staged();
    builder_.drop();
    run_failed(end);
  }

  void on_rewound(size_t input, const Position& keep) override {
    const auto lost = [&](const Item& item) {
      return item.input == input &&
             !(item.portion.last.of == keep.of && item.portion.last.seq <= keep.seq);
    };
    bool any = std::any_of(unit_.items.begin(), unit_.items.end(), lost);
    for (const auto* units : {&parts_, &suspects_}) {
      for (const Unit& unit : *units)
        any = any || std::any_of(unit.items.begin(), unit.items.end(), lost);
    }
    if (any) form_anew();
  }

  void on_meeting(size_t input) override {
    const edge::ReadingEnd& reader = inputs_[input].reader;
    const auto lost = [&](const std::pair<UnitId, Extent>& extent) {
      return extent.second.lane == inputs_[input].name && !reader.writer_has(extent.second.to);
    };
    if (std::any_of(owed_.begin(), owed_.end(), lost)) form_anew();
  }

  void on_enough() override { enough_ = true; }
  bool can_retry() const override { return !enough_ && !run_.over(); }
  void on_retried_dropped() override { stop_retry(); }
  std::string state() const override {
    return std::string("batch: ") + (forms_ ? "forms" : run_.state()) + ", unit " +
           to_string(unit_.id) + " of " + std::to_string(unit_.records) + " records, parts " +
           std::to_string(parts_.size()) + ", owed " + std::to_string(owed_.size());
  }

 private:
  struct Item {
    size_t input;
    Portion portion;
  };
  struct Unit {
    UnitId id;
    std::vector<Item> items;
    uint64_t records = 0;
    uint64_t bytes = 0;
    uint32_t failed = 0;
    uint32_t tried = 0;  // How many runs failed that these records were fed to.
    bool part = false;   // A half of a split unit: runs once.
    bool again = false;  // A suspect that is tried once more, now that others end well.
    Failure why;         // Of a suspect.
  };

  // Nothing is under way, and something may be begun.
  bool idle() const { return run_.due() && !forms_; }

  uint64_t max_output() const {
    const uint64_t set = node_.spec().max_output_bytes;
    if (set != 0) return set;
    return node_.order().log_limit_bytes == 0 ? UINT64_MAX : node_.order().log_limit_bytes / 2;
  }

  // ---- forming

  void go_on() {
    // What a crash left under way is collected whole first: a unit's name is never used for a part.
    if (!owed_.empty()) return form();
    if (!unit_.items.empty() || next_part()) return start();
    form();
  }

  void form() {
    if (!owed_.empty()) {
      if (collect_owed()) start();
      return;
    }
    // What was taken before is committed.
    if (suspects_.empty()) commit_drained_lanes([](size_t) { return false; });
    const graph::NodeSpec& spec = node_.spec();
    const uint64_t records = spec.unit == graph::Unit::kRecord ? 1 : spec.max_records;
    // R7: what a unit stages has to fit into a small log, and into what is left of a small disk,
    // and so have others'.
    const uint64_t log_limit = node_.order().log_limit_bytes;
    uint64_t max_bytes = std::min(spec.max_bytes, log_limit == 0 ? UINT64_MAX : log_limit / 4);
    if (node_.pressure() != Pressure::kNone) max_bytes = std::min(max_bytes, kShortUnitBytes);
    bool more = true;
    while (more && unit_.records < records && (unit_.records == 0 || unit_.bytes < max_bytes)) {
      more = false;
      for (size_t i = 0; i < inputs_.size() && unit_.records < records; ++i) {
        const size_t index = (next_input_ + i) % inputs_.size();
        const uint64_t bytes = max_bytes - std::min(max_bytes, unit_.bytes);
        if (unit_.records > 0 && bytes == 0) break;
        if (inputs_[index].inbox.front_pieces_bytes() > kRecordBytesMax) continue;
        more =
            take(index, inputs_[index].inbox.take_records(records - unit_.records, bytes)) || more;
      }
      next_input_ = (next_input_ + 1) % inputs_.size();
    }
    if (unit_.records > 0) return commit_extent();
    const bool one = spec.unit == graph::Unit::kRecord;
    if (fail_if_oversized(one ? "unit = \"record\"" : "unit = \"batch\"")) return;
    if (all_taken()) return end_of_input();
    if (!suspects_.empty() && poison_.round_due(run_.now())) try_suspects_again();
  }

  // True if there was anything.
  bool take(size_t index, std::optional<Portion> portion) {
    if (!portion) return false;
    Input& input = inputs_[index];
    input.consumed = portion->last;
    input.reader.set_taken(portion->last);
    if (portion->is_end()) input.end_taken = true;
    if (portion->mark) return true;
    unit_.records += portion->ends_record && portion->sizes.empty() && portion->pieces > 1 &&
                             portion->shape == wire::Shape::kFrames
                         ? 1
                         : portion->pieces;
    unit_.bytes += portion->bytes.size;
    unit_.items.push_back({index, *std::move(portion)});
    return true;
  }

  void commit_extent() {
    CommitState& commit = node_.commit_state();
    unit_.id = {commit.of.term, commit.of.boot, ++commit.units, ""};
    unit_.failed = unit_.tried = 0;
    write_extents();
    start_when_persisted();
  }

  void start_when_persisted() {
    // The name of a sink's unit must outlive a power cut: what is published is synced for sinks.
    node_.publish_outputs();
    forms_ = true;
    const uint64_t formed = ++formed_;
    node_.when_persisted([this, formed] {
      if (forms_ && formed == formed_) start();
    });
  }

  // E: all records from the current unit on that were taken and are not committed.
  void write_extents() {
    uint64_t count = 0;
    std::vector<Position> at;
    for (const Input& input : inputs_) at.push_back(input.durable.frontier);
    const auto add = [&](const Unit& unit) {
      std::optional<Extent> extent;
      const auto put = [&] {
        if (extent) put_extent(node_.batch(), count++, unit.id, *extent);
      };
      for (const Item& item : unit.items) {
        const std::string& lane = inputs_[item.input].name;
        if (!extent || extent->lane != lane) {
          put();
          extent = Extent{lane, at[item.input], {}};
        }
        extent->to = at[item.input] = item.portion.last;
      }
      put();
    };
    for (const Unit& suspect : suspects_) add(suspect);
    add(unit_);
    for (const Unit& part : parts_) add(part);
    keep_extents(count);
  }

  // One by one: each range erased makes every later look into the log dearer for a while.
  void keep_extents(uint64_t count) {
    for (uint64_t i = count; i < extents_; ++i) erase_extent(node_.batch(), i);
    extents_ = count;
  }

  // True when all that was under way before the crash is here again, under the same names.
  bool collect_owed() {
    while (!owed_.empty()) {
      const auto& [id, extent] = owed_.front();
      const auto named = node_.input_named(extent.lane);
      if (!named) {
        node_.fail("its log names a lane that is not read any more: " + extent.lane);
        return false;
      }
      Input& input = inputs_[*named];
      if (input.consumed.id() >= extent.to.id()) {
        owed_.pop_front();
        continue;
      }
      if (!input.inbox.has_whole()) return false;
      const bool first = input.consumed == input.durable.frontier;
      if (first && !input.reader.follows(input.consumed, input.inbox.front_id())) {
        // An older copy of this log: some of these records are settled and gone. Their unit's name
        // must not be used for the rest.
        form_anew();
        return false;
      }
      if (!(unit_.id == id)) {
        if (!unit_.items.empty()) parts_.push_back(std::exchange(unit_, {}));
        unit_.id = id;
        unit_.part = !id.half.empty();
        if (attempts_ && attempts_->unit == id) unit_.failed = unit_.tried = attempts_->failed;
      }
      if (!take(*named, take_whole_upto(input, extent.to))) return false;
    }
    if (!unit_.items.empty()) parts_.push_back(std::exchange(unit_, {}));
    return next_part();
  }

  // Whole records, none after `to`.
  static std::optional<Portion> take_whole_upto(Input& input, const Position& to) {
    if (input.inbox.front_is_continued()) return input.inbox.take_record();
    return input.inbox.take_upto(to);
  }

  // The records this unit would have had are no more: all that is not committed is asked for again.
  void form_anew() {
    stop_retry();
    if (run_.over()) return;
    if (run_.running()) node_.effects().kill_run();
    node_.discard_staged();
    builder_.drop();
    keep_extents(0);
    run_.forget_failed();
    unit_ = {};
    parts_.clear();
    suspects_.clear();
    owed_.clear();
    run_.be_idle();
    forms_ = false;
    node_.refetch();
  }

  // ---- running

  void start() {
    forms_ = false;
    poison_.on_start();
    builder_.drop();
    run_.start({unit_.id, unit_.failed + 1});
    std::optional<SharedBytes> delimiter_due;
    for (const Item& item : unit_.items) {
      if (delimiter_due) run_.feed(item.input, {}, *delimiter_due);
      delimiter_due.reset();
      run_.feed(item.input, {}, item.portion.bytes);
      if (item.portion.open_end) delimiter_due = missing_delimiter(item.portion);
    }
    run_.close_stdin();
  }

  // Output goes to the log as it fills blocks, invisible until the commit.
  void stage(bool all) {
    while (all || builder_.full()) {
      std::optional<Cut> cut = builder_.cut();
      if (!cut && all) cut = builder_.cut_rest();
      if (!cut) return;
      node_.append(*std::move(cut), shape_);
    }
  }

  void commit(const RunEnd& end) {
    if (!suspects_confirmed()) return try_suspects_then_this();
    node_.count_exit(end);
    if (enough_) {
      builder_.drop();
    } else {
      stage(true);
    }
    write_dead_letters();
    std::vector<Position> to(inputs_.size());
    for (const Item& item : unit_.items) to[item.input] = item.portion.last;
    std::vector<Frontier> frontiers;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (to[i].none()) to[i] = suspects_to_[i];
      if (!to[i].none()) frontiers.push_back({i, to[i], false, false});
    }
    suspects_to_.assign(inputs_.size(), {});
    node_.commit_unit(frontiers);
    run_.forget_failed();
    unit_ = {};
    if (!next_part()) {
      keep_extents(0);
    } else {
      write_extents();
    }
    run_.be_idle();
    poison_.on_success();
  }

  // ---- failing

  void run_failed(const RunEnd& end) {
    if (is_hopeless(end)) return node_.fail(describe(end));
    if (!counts_as_attempt(end)) {
      if (end.kind != RunEnd::Kind::kLost)
        node_.effects().note(describe(end) + ": tried again later");
      return run_.wait(poison_.wait_for_later());
    }
    ++unit_.failed;
    ++unit_.tried;
    if (!unit_.again) {
      // Something else fails: the suspects may have been tried once more too soon.
      for (Unit& suspect : suspects_) suspect.again = false;
    }
    run_.put_failed(unit_.id, unit_.failed);
    const bool spent = unit_.part || unit_.failed > node_.spec().retries;
    if (!spent) {
      note_attempt(node_, describe(end), unit_.failed);
      return run_.wait(backoff(node_.spec(), unit_.failed));
    }
    if (unit_.records > 1) return split();
    put_aside(end);
  }

  void split() {
    std::vector<Item> records;
    for (const Item& item : unit_.items) {
      for (Portion& record : split_records(item.portion)) {
        records.push_back({item.input, std::move(record)});
      }
    }
    const size_t half = records.size() / 2;
    Unit halves[2];
    for (size_t i = 0; i < records.size(); ++i) {
      Unit& part = halves[i < half ? 0 : 1];
      part.bytes += records[i].portion.bytes.size;
      ++part.records;
      part.items.push_back(std::move(records[i]));
    }
    for (int i = 0; i < 2; ++i) {
      halves[i].id = unit_.id;
      halves[i].id.half += i == 0 ? ".0" : ".1";
      halves[i].part = true;
      halves[i].tried = unit_.tried;
    }
    parts_.push_front(std::move(halves[1]));
    unit_ = std::move(halves[0]);
    // From now on these records have the halves' names: after a crash between the end of a half's
    // run and its commit, the whole would do again under its own name what the half has done.
    write_extents();
    start_when_persisted();
  }

  bool next_part() {
    if (parts_.empty()) return false;
    unit_ = std::move(parts_.front());
    parts_.pop_front();
    return true;
  }

  // A record that fails alone: held back until a later unit shows that the program works.
  void put_aside(const RunEnd& end) {
    unit_.why = {end, describe(end), unit_.tried};
    poison_.note_aside(inputs_[unit_.items[0].input].name, unit_.why);
    suspects_.push_back(std::move(unit_));
    unit_ = {};
    run_.be_idle();
    if (!poison_.is_outage(suspects_.size())) return;
    try_suspects_again();
    run_.wait(poison_.outage_wait());
  }

  void try_suspects_again(bool after_success = false) {
    while (!suspects_.empty()) {
      suspects_.back().part = true;
      suspects_.back().again = after_success;
      parts_.push_front(std::move(suspects_.back()));
      suspects_.pop_back();
    }
  }

  // Each has failed once more after another unit ended well.
  bool suspects_confirmed() const {
    return std::all_of(suspects_.begin(), suspects_.end(),
                       [](const Unit& suspect) { return suspect.again; });
  }

  // A unit has ended well: was it an outage? The suspects, then this unit once more.
  void try_suspects_then_this() {
    node_.discard_staged();
    builder_.drop();
    parts_.push_front(std::move(unit_));
    try_suspects_again(true);
    unit_ = {};
    run_.be_idle();
  }

  // In the commit of a unit that ended well: what failed before it is not the program's fault.
  void write_dead_letters() {
    suspects_to_.resize(inputs_.size());
    for (const Unit& suspect : suspects_) {
      const Item& item = suspect.items[0];
      put_dead_letter(node_, inputs_[item.input].name, item.portion, suspect.id, suspect.why);
      suspects_to_[item.input] = item.portion.last;
    }
    suspects_.clear();
  }

  // ---- dead letters

  bool start_retry() {
    const std::optional<uint64_t> number = node_.dead().take();
    if (!number) return false;
    Result<std::optional<DeadLetter>> letter = node_.dead().read(*number);
    if (!letter) return node_.fail(letter.error().what), true;
    if (!letter->has_value()) return node_.dead().set_done(), true;
    after_retry_ = true;
    builder_.drop();
    run_.start({(*letter)->unit, (*letter)->attempts + 1});
    run_.feed(0, {}, SharedBytes::copy_of((*letter)->bytes));
    run_.close_stdin();
    return true;
  }

  void retry_ended(const RunEnd& end) {
    run_.be_idle();
    if (accepted(node_.spec(), end) && !enough_) {
      node_.count_exit(end);
      stage(true);
      return accept_retried(node_);
    }
    node_.discard_staged();
    builder_.drop();
    if (accepted(node_.spec(), end)) return node_.dead().set_done();  // Nobody wants its output.
    if (is_hopeless(end)) return node_.fail(describe(end));
    const Failure why{end, describe(end), 1};
    if (fate_of_retried(node_, why, counts_as_attempt(end)) != RetriedFate::kWaits) return;
    node_.dead().put_back();
    run_.wait(poison_.wait_for_later());
  }

  void stop_retry() {
    if (!run_.running() || !node_.dead().under_way()) return;
    node_.effects().kill_run();
    node_.discard_staged();
    builder_.drop();
    node_.dead().put_back();
    run_.be_idle();
  }

  // ---- ending

  void end_of_input() {
    if (node_.dead().wants_retry()) return;  // They come first.
    if (suspects_.empty()) return finish();
    if (poison_.fail_if_none_succeeded(suspects_.back().why)) return;
    if (!poison_.rounds_are_over()) {
      if (poison_.round_due(run_.now())) try_suspects_again();
      return;
    }
    write_dead_letters();
    finish();
  }

  void finish() {
    keep_extents(0);
    run_.finish();
  }

  PoisonRounds poison_;
  wire::Shape shape_;
  BlockBuilder builder_;
  Unit unit_;                  // Under way, or formed.
  std::deque<Unit> parts_;     // Halves that wait, in the order of their records.
  std::deque<Unit> suspects_;  // Records that failed alone; all before unit_ and parts_.
  std::vector<Position> suspects_to_;
  // What was under way before a crash and is not here again yet.
  std::deque<std::pair<UnitId, Extent>> owed_;
  std::optional<Attempts> attempts_;  // As the crash left them.
  size_t next_input_ = 0;
  uint64_t extents_ = 0;      // In the log.
  bool forms_ = false;        // The extent of unit_ is on its way to the log ...
  uint64_t formed_ = 0;       // ... with this number.
  bool after_retry_ = false;  // The last run was for a dead letter.
};

}  // namespace

std::unique_ptr<Runner> make_batch_runner(Node& node, const LogState& state) {
  return std::make_unique<BatchRunner>(node, state);
}

}  // namespace weir::core
