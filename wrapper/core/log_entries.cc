#include "wrapper/core/log_entries.h"

#include "schema/base/codec.h"
#include "wrapper/wal/keys.h"

namespace weir::core {

using wal::key;
using wal::key_end;

namespace {

std::string history_key(const Incarnation& of) {
  return key(wal::kHistory, RecordId{of.term, of.boot, 0});
}

void erase_all(wal::LogBatch& batch, char letter) {
  batch.erase_range(key(letter), key_end(letter));
}

}  // namespace

void put_format(wal::LogBatch& batch, uint32_t version) {
  batch.put(key(wal::kMeta, "version"), Encoder().u32(version).bytes());
}
void put_owner(wal::LogBatch& batch, const std::string& identity, bool sole_copy) {
  batch.put(key(wal::kMeta, "identity"), identity);
  batch.put(key(wal::kMeta, "sole_copy"), std::string(sole_copy ? "1" : "0"));
}
void put_base_position(wal::LogBatch& batch, const SourcePosition& base) {
  batch.put(key(wal::kMeta, "base"), encode_base(base));
}
void put_trimmed_at_taken(wal::LogBatch& batch) {
  batch.put(key(wal::kMeta, "trimmed"), std::string("1"));
}
void put_nonzero_exits(wal::LogBatch& batch, const NonzeroExits& exits) {
  batch.put(key(wal::kMeta, "exits"), encode(exits));
}
void put_boot_floor(wal::LogBatch& batch, uint64_t boot) {
  batch.put(key(wal::kMeta, "floor"), Encoder().u64(boot).bytes());
}

wal::LogBatch boot_floor_batch(uint64_t boot) {
  wal::LogBatch batch;
  put_boot_floor(batch, boot);
  return batch;
}

void put_commit(wal::LogBatch& batch, const CommitState& commit) {
  batch.put(key(wal::kCommit), encode(commit));
}
void put_history(wal::LogBatch& batch, const edge::HistoryEntry& entry) {
  batch.put(history_key(entry.of), encode(entry));
}
void erase_history(wal::LogBatch& batch, const Incarnation& of) { batch.erase(history_key(of)); }
void put_block(wal::LogBatch& batch, const wire::Block& block) {
  batch.put(key(wal::kBlock, block.header.first_id()), block.bytes);
}
void erase_blocks_from(wal::LogBatch& batch, const RecordId& first) {
  batch.erase_range(key(wal::kBlock, first), key_end(wal::kBlock));
}
void put_group(wal::LogBatch& batch, const Group& group) {
  batch.put(key(wal::kGroup, group.last), encode(group));
}
void erase_group(wal::LogBatch& batch, const Group& group) {
  batch.erase(key(wal::kGroup, group.last));
}
void erase_trimmed(wal::LogBatch& batch, const RecordId& first, const RecordId& last) {
  const RecordId next{last.term, last.boot, last.seq + 1};
  batch.erase_range(key(wal::kBlock, first), key(wal::kBlock, next));
  batch.erase_range(key(wal::kGroup), key(wal::kGroup, next));
}

void put_input(wal::LogBatch& batch, const std::string& lane, const edge::ReaderDurable& input) {
  batch.put(key(wal::kInput, lane), encode(input));
}

void put_extent(wal::LogBatch& batch, uint64_t number, const UnitId& unit, const Extent& extent) {
  batch.put(key(wal::kExtent, number), encode_extent(unit, extent));
}
void erase_extent(wal::LogBatch& batch, uint64_t number) { batch.erase(key(wal::kExtent, number)); }
void put_attempts(wal::LogBatch& batch, const Attempts& attempts) {
  batch.put(key(wal::kAttempts), encode(attempts));
}
void erase_attempts(wal::LogBatch& batch) { batch.erase(key(wal::kAttempts)); }
void put_point(wal::LogBatch& batch, const HashPoint& point) {
  batch.put(key(wal::kPoint, point.offset), encode(point));
}
void erase_point(wal::LogBatch& batch, const HashPoint& point) {
  batch.erase(key(wal::kPoint, point.offset));
}
void erase_points(wal::LogBatch& batch) { erase_all(batch, wal::kPoint); }
void put_skip(wal::LogBatch& batch, const Extent& skip) {
  batch.put(key(wal::kSkip, skip.lane + "/" + to_string(skip.to)), encode(skip));
}
void erase_skips(wal::LogBatch& batch) { erase_all(batch, wal::kSkip); }
void put_fed_chunk(wal::LogBatch& batch, uint64_t number, const std::string& chunk) {
  batch.put(key(wal::kFed, number), chunk);
}
void erase_fed_chunks(wal::LogBatch& batch) { erase_all(batch, wal::kFed); }

void put_letter(wal::LogBatch& batch, uint64_t number, const DeadLetter& letter) {
  batch.put(key(wal::kDead, number), encode(letter));
}
void erase_letter(wal::LogBatch& batch, uint64_t number, uint64_t next) {
  batch.erase(key(wal::kDead, number));
  batch.put(key(wal::kMeta, "dead"), Encoder().u64(next).bytes());
}

}  // namespace weir::core
