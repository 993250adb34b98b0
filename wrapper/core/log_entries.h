// What a node writes to its log, entry by entry (docs/wal.md): the keys of wal/keys.h with the
// values of state.h, so that nobody else puts the two together.
#pragma once

#include <string>

#include "wrapper/core/state.h"
#include "wrapper/wal/log.h"

namespace weir::core {

// ---- what the log is
void put_format(wal::LogBatch& batch, uint32_t version);
void put_owner(wal::LogBatch& batch, const std::string& identity, bool sole_copy);
void put_base_position(wal::LogBatch& batch, const SourcePosition& base);
void put_trimmed_at_taken(wal::LogBatch& batch);
void put_nonzero_exits(wal::LogBatch& batch, const NonzeroExits& exits);
void put_boot_floor(wal::LogBatch& batch, uint64_t boot);
// That alone: the next boot is above it. To be synced.
wal::LogBatch boot_floor_batch(uint64_t boot);

// ---- the lane that is written
void put_commit(wal::LogBatch& batch, const CommitState& commit);
void put_history(wal::LogBatch& batch, const edge::HistoryEntry& entry);
void erase_history(wal::LogBatch& batch, const Incarnation& of);
void put_block(wal::LogBatch& batch, const wire::Block& block);
// From this record on.
void erase_blocks_from(wal::LogBatch& batch, const RecordId& first);
void put_group(wal::LogBatch& batch, const Group& group);
void erase_group(wal::LogBatch& batch, const Group& group);
// Blocks from `first` on and groups, up to and including `last`.
void erase_trimmed(wal::LogBatch& batch, const RecordId& first, const RecordId& last);

// ---- the lanes that are read
void put_input(wal::LogBatch& batch, const std::string& lane, const edge::ReaderDurable& input);

// ---- the unit under way
void put_extent(wal::LogBatch& batch, uint64_t number, const UnitId& unit, const Extent& extent);
void erase_extent(wal::LogBatch& batch, uint64_t number);
void put_attempts(wal::LogBatch& batch, const Attempts& attempts);
void erase_attempts(wal::LogBatch& batch);
void put_point(wal::LogBatch& batch, const HashPoint& point);
void erase_point(wal::LogBatch& batch, const HashPoint& point);
void erase_points(wal::LogBatch& batch);
void put_skip(wal::LogBatch& batch, const Extent& skip);
void erase_skips(wal::LogBatch& batch);
void put_fed_chunk(wal::LogBatch& batch, uint64_t number, const std::string& chunk);
void erase_fed_chunks(wal::LogBatch& batch);

// ---- dead letters
void put_letter(wal::LogBatch& batch, uint64_t number, const DeadLetter& letter);
// `next`: the number that the next one gets, which is remembered though the highest one goes.
void erase_letter(wal::LogBatch& batch, uint64_t number, uint64_t next);

}  // namespace weir::core
