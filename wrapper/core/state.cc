#include "wrapper/core/state.h"

#include <algorithm>

#include "schema/base/codec.h"
#include "wrapper/wal/keys.h"

namespace weir::core {
namespace {

constexpr size_t kTextMax = 1 << 16;
constexpr size_t kActionMax = 1 << 18;  // A command may have 128 KiB.
constexpr size_t kRecordMax = 128 << 20;
// How the run that failed on a dead letter ended.
constexpr uint8_t kByNeither = 0;
constexpr uint8_t kByStatus = 1;
constexpr uint8_t kBySignal = 2;

void put(Encoder& out, const Incarnation& of) { out.u64(of.term).u64(of.boot).u64(of.nonce); }
void put(Encoder& out, const Position& at) {
  put(out, at.of);
  out.u64(at.seq);
}
void put(Encoder& out, const UnitId& unit) {
  out.u64(unit.term).u64(unit.boot).u64(unit.number).text(unit.half);
}
void put(Encoder& out, const Extent& extent) {
  out.text(extent.lane);
  put(out, extent.from);
  put(out, extent.to);
}

Incarnation get_incarnation(Decoder& in) {
  Incarnation of;
  of.term = in.u64();
  of.boot = in.u64();
  of.nonce = in.u64();
  return of;
}
Position get_position(Decoder& in) {
  Position at;
  at.of = get_incarnation(in);
  at.seq = in.u64();
  return at;
}
UnitId get_unit(Decoder& in) {
  UnitId unit;
  unit.term = in.u64();
  unit.boot = in.u64();
  unit.number = in.u64();
  unit.half = in.text(kTextMax);
  return unit;
}
Extent get_extent(Decoder& in) {
  Extent extent;
  extent.lane = in.text(kTextMax);
  extent.from = get_position(in);
  extent.to = get_position(in);
  return extent;
}

// At the end of a value; those without one were written before there were any, or had none.
void put_token(Encoder& out, const SourcePosition& position) {
  if (!position.token.empty()) out.text(position.token);
}
std::string get_token(Decoder& in) {
  return in.rest() > 0 ? in.text(kPositionTokenBytesMax) : std::string();
}

CommitState get_commit(Decoder& in) {
  CommitState commit;
  commit.of = get_incarnation(in);
  commit.published = in.u64();
  commit.mid_record = in.u8() != 0;
  commit.position.records = in.u64();
  commit.units = in.u64();
  commit.out_bytes = in.u64();
  commit.out_hash = in.u64();
  commit.ended = in.u8() != 0;
  commit.position.token = get_token(in);
  return commit;
}

SourcePosition get_base(Decoder& in) {
  SourcePosition base;
  base.records = in.u64();
  base.token = get_token(in);
  return base;
}

edge::ReaderDurable get_input(Decoder& in) {
  edge::ReaderDurable input;
  input.seen = get_incarnation(in);
  input.frontier = get_position(in);
  input.enough = in.u8() != 0;
  input.ended = in.u8() != 0;
  input.settles = in.rest() > 0 ? get_position(in) : input.frontier;
  return input;
}

Error corrupt(std::string_view key) {
  return Error{ErrorCode::kCorrupt, "log: the value of a key of kind '" +
                                        std::string(key.substr(0, 1)) +
                                        "' does not decode; the log is damaged"};
}

// Before anything else is looked at. A later release may have written all of it otherwise.
Result<uint32_t> read_format(const wal::Log& log) {
  const Result<std::optional<std::string>> value = log.get(wal::key(wal::kMeta, "version"));
  if (!value) return value.error();
  if (!value->has_value()) return wal::kFormatOldest;
  Decoder in(**value);
  const uint32_t format = in.u32();
  if (!in.done()) return corrupt("M");
  if (format >= wal::kFormatOldest && format <= wal::kFormatNewest) return format;
  return Error{ErrorCode::kInvalid,
               "log: its format is " + std::to_string(format) + ", and this release reads " +
                   std::to_string(wal::kFormatOldest) + " to " +
                   std::to_string(wal::kFormatNewest) + ": it is of another release"};
}

// Decodes one entry into the state; false where the value is not what its key promises.
bool decode_entry(std::string_view key, std::string_view value, LogState& state) {
  Decoder in(value);
  const std::string_view name = key.substr(1);
  switch (key[0]) {
    case wal::kMeta:
      if (name == "version") return true;  // Looked at before.
      if (name == "identity") state.identity = value;
      if (name == "sole_copy") state.sole_copy = value == "1";
      if (name == "trimmed") state.trimmed_at_taken = true;
      if (name == "base") state.base_position = get_base(in);
      if (name == "floor") state.boot_floor = in.u64();
      if (name == "dead") state.next_dead_letter = in.u64();
      if (name == "exits") {
        state.nonzero_exits.count = in.u64();
        state.nonzero_exits.last = in.u32();
      }
      return in.ok();
    case wal::kHistory: {
      edge::HistoryEntry entry;
      entry.of = get_incarnation(in);
      entry.first = in.u64();
      entry.last = in.u64();
      state.history.push_back(entry);
      break;
    }
    case wal::kCommit:
      state.commit = get_commit(in);
      break;
    case wal::kInput:
      state.inputs[std::string(name)] = get_input(in);
      break;
    case wal::kExtent: {
      UnitId unit = get_unit(in);
      state.extents.emplace_back(std::move(unit), get_extent(in));
      break;
    }
    case wal::kFed:
      state.fed_chunks = wal::number_of_key(key) + 1;
      return decode_fed_chunk(value, [&](const FedRange& range) {
        state.fed[{range.lane, range.to.of}] = range.to.seq;
      });
    case wal::kPoint: {
      HashPoint point;
      point.offset = in.u64();
      point.hash = in.u64();
      if (in.rest() > 0) point.records = in.u64();
      state.points.push_back(point);
      break;
    }
    case wal::kSkip: {
      const Extent skip = get_extent(in);
      state.skips[skip.lane].push_back(skip);
      break;
    }
    case wal::kAttempts: {
      Attempts attempts;
      attempts.unit = get_unit(in);
      attempts.failed = in.u32();
      state.attempts = attempts;
      break;
    }
    case wal::kGroup:
      state.groups.push_back({wal::id_of_key(key), in.u64()});
      break;
    default:
      return true;  // Of a later version's making: not ours to judge.
  }
  return in.done();
}

// What is needed to go on with the lane.
Status load_tail(const wal::Log& log, LogState& state) {
  Status status = log.scan(wal::key(wal::kBlock), wal::key_end(wal::kBlock),
                           [&](std::string_view found, std::string_view) {
                             state.first_block = wal::id_of_key(found);
                             return false;
                           });
  if (!status) return status;
  RecordId from = state.groups.empty() ? RecordId{} : state.groups.back().last;
  ++from.seq;
  return log.scan(wal::key(wal::kBlock, from), wal::key_end(wal::kBlock),
                  [&](std::string_view found, std::string_view value) {
                    state.tail.push_back({wal::id_of_key(found), value.size()});
                    return true;
                  });
}

}  // namespace

std::string to_string(const UnitId& unit) {
  return std::to_string(unit.term) + "-" + std::to_string(unit.boot) + "-" +
         std::to_string(unit.number) + unit.half;
}

std::string encode(const CommitState& commit) {
  Encoder out;
  put(out, commit.of);
  out.u64(commit.published).u8(commit.mid_record ? 1 : 0);
  out.u64(commit.position.records).u64(commit.units);
  out.u64(commit.out_bytes).u64(commit.out_hash).u8(commit.ended ? 1 : 0);
  put_token(out, commit.position);
  return std::move(out).bytes();
}

std::string encode_base(const SourcePosition& base) {
  Encoder out;
  out.u64(base.records);
  put_token(out, base);
  return std::move(out).bytes();
}

std::string encode(const edge::ReaderDurable& input) {
  Encoder out;
  put(out, input.seen);
  put(out, input.frontier);
  out.u8(input.enough ? 1 : 0).u8(input.ended ? 1 : 0);
  // Where it is no more than the frontier it is left out.
  if (!(input.settles == input.frontier)) put(out, input.settles);
  return std::move(out).bytes();
}

std::string encode(const Extent& extent) {
  Encoder out;
  put(out, extent);
  return std::move(out).bytes();
}

std::string encode_extent(const UnitId& unit, const Extent& extent) {
  Encoder out;
  put(out, unit);
  put(out, extent);
  return std::move(out).bytes();
}

std::string encode(const Attempts& attempts) {
  Encoder out;
  put(out, attempts.unit);
  return std::move(out.u32(attempts.failed)).bytes();
}

std::string encode(const HashPoint& point) {
  Encoder out;
  out.u64(point.offset).u64(point.hash);
  if (point.records > 0) out.u64(point.records);
  return std::move(out).bytes();
}

std::string encode(const edge::HistoryEntry& entry) {
  Encoder out;
  put(out, entry.of);
  return std::move(out.u64(entry.first).u64(entry.last)).bytes();
}

std::string encode(const NonzeroExits& exits) {
  return Encoder().u64(exits.count).u32(exits.last).bytes();
}

std::string encode(const Group& group) { return Encoder().u64(group.bytes).bytes(); }

std::string encode(const DeadLetter& letter) {
  Encoder out;
  out.text(letter.lane);
  put(out, letter.record);
  put(out, letter.unit);
  out.text(letter.reason).text(letter.stderr_tail).text(letter.action).text(letter.bytes);
  const std::optional<int>& code = letter.status ? letter.status : letter.signal;
  out.u8(letter.status ? kByStatus : letter.signal ? kBySignal : kByNeither);
  out.u32(static_cast<uint32_t>(code.value_or(0)));
  out.u32(letter.attempts).u64(letter.unix_ms).u64(letter.term);
  return std::move(out).bytes();
}

Result<DeadLetter> decode_dead_letter(std::string_view bytes) {
  Decoder in(bytes);
  DeadLetter letter;
  letter.lane = in.text(kTextMax);
  letter.record = get_position(in);
  letter.unit = get_unit(in);
  letter.reason = in.text(kTextMax);
  letter.stderr_tail = in.text(kTextMax);
  letter.action = in.text(kActionMax);
  letter.bytes = in.text(kRecordMax);
  const uint8_t ended = in.u8();
  const int code = static_cast<int>(in.u32());
  if (ended == kByStatus) letter.status = code;
  if (ended == kBySignal) letter.signal = code;
  letter.attempts = in.u32();
  letter.unix_ms = in.u64();
  letter.term = in.u64();
  if (!in.done() || ended > kBySignal)
    return Error{ErrorCode::kCorrupt, "log: a dead letter does not decode"};
  return letter;
}

uint64_t next_boot(const LogState& state) {
  uint64_t boot = std::max(state.boot_floor, state.commit.of.boot);
  for (const edge::HistoryEntry& entry : state.history) boot = std::max(boot, entry.of.boot);
  return boot + 1;
}

Incarnation next_incarnation(const LogState& state, uint64_t term) {
  term = std::max(term, state.commit.of.term);
  for (const edge::HistoryEntry& entry : state.history) term = std::max(term, entry.of.term);
  return {term, next_boot(state), 0};
}

Result<LogState> load(const wal::Log& log) {
  Result<LogState> state = load_without_blocks(log);
  if (!state) return state;
  if (Status status = load_tail(log, *state); !status) return std::move(status).error();
  return state;
}

Result<LogState> load_without_blocks(const wal::Log& log) {
  LogState state;
  const Result<uint32_t> format = read_format(log);
  if (!format) return format.error();
  state.format = *format;
  std::optional<Error> failure;
  const auto each = [&](std::string_view key, std::string_view value) {
    if (!decode_entry(key, value, state)) failure = corrupt(key);
    return !failure.has_value();
  };
  // Everything but the blocks and the dead letters, whose bytes are not needed.
  const std::pair<std::string, std::string> ranges[] = {
      {std::string(1, '\0'), wal::key(wal::kBlock)},
      {wal::key_end(wal::kBlock), wal::key(wal::kDead)},
      {wal::key_end(wal::kDead), std::string(1, '\x7f')},
  };
  for (const auto& [from, end] : ranges) {
    if (Status status = log.scan(from, end, each); !status) return std::move(status).error();
    if (failure) return *std::move(failure);
  }
  const auto count = [&](std::string_view key, std::string_view) {
    ++state.dead_letters;
    state.next_dead_letter = std::max(state.next_dead_letter, wal::number_of_key(key) + 1);
    return true;
  };
  if (Status status = log.scan(wal::key(wal::kDead), wal::key_end(wal::kDead), count); !status) {
    return std::move(status).error();
  }
  return state;
}

}  // namespace weir::core
