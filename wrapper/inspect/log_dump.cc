#include "wrapper/inspect/log_dump.h"

#include <nlohmann/json.hpp>

#include "wrapper/inspect/log_folder.h"
#include "wrapper/inspect/log_text.h"
#include "wrapper/wal/keys.h"
#include "wrapper/wal/rocks_log.h"

namespace weir::inspect {
namespace {

Result<Json> blocks_of(const wal::InspectedLog& log, const RecordId& next, uint64_t max,
                       uint64_t& total) {
  Json blocks = Json::array();
  Status damage;
  const Status listed = log.list(
      wal::key(wal::kBlock), wal::key_end(wal::kBlock), [&](const wal::InspectedLog::Entry& entry) {
        if (++total > max) return true;
        Result<std::string> value =
            entry.place ? log.read(entry.key, *entry.place) : std::string(entry.value);
        if (value) {
          const auto block = wire::decode_block(SharedBytes::copy_of(*value));
          if (!block) damage = block.error();
          if (!block) return false;
          Json& json = blocks.emplace_back(to_json(block->header));
          json["published"] = block->header.first_id() < next;
          json["file"] = entry.place ? Json(log.file_of(*entry.place)) : Json(nullptr);
          json["offset"] = entry.place ? Json(entry.place->offset) : Json(nullptr);
        } else {
          damage = value.error();
        }
        return damage.has_value();
      });
  if (!listed) return listed.error();
  if (!damage) return damage.error();
  return blocks;
}

Result<Json> dead_letters_of(const wal::Log& log) {
  Json letters = Json::array();
  Status damage;
  const Status scanned = log.scan(
      wal::key(wal::kDead), wal::key_end(wal::kDead), [&](auto key, std::string_view value) {
        const Result<core::DeadLetter> letter = core::decode_dead_letter(value);
        if (!letter) damage = letter.error();
        if (!letter) return false;
        const bool has_unit = !(letter->unit == core::UnitId{});
        letters.push_back({{"number", wal::number_of_key(key)},
                           {"lane", letter->lane},
                           {"record", to_string(letter->record)},
                           {"unit", has_unit ? Json(to_string(letter->unit)) : Json(nullptr)},
                           {"reason", letter->reason},
                           {"bytes", letter->bytes.size()}});
        return true;
      });
  if (!scanned) return scanned.error();
  if (!damage) return damage.error();
  return letters;
}

}  // namespace

Result<std::string> dump_log(const std::string& log_dir, uint64_t blocks_max) {
  const Result<UniqueFd> lock = keep_wrappers_away(log_dir);
  if (!lock) return lock.error();
  const auto log = wal::open_rocks_log_to_read(log_dir + "/log");
  if (!log) return log.error();
  const Result<core::LogState> state = core::load_without_blocks(**log);
  if (!state) return state.error();
  Json json{{"dir", log_dir}};
  json.update(identity_of(*state));
  json.update(to_json(*state));
  Result<Json> letters = dead_letters_of(**log);
  if (!letters) return letters.error();
  json["dead_letters"] = *std::move(letters);
  const edge::History history = history_of(*state);
  uint64_t total = 0;
  Result<Json> blocks =
      blocks_of(**log, history.empty() ? RecordId{} : history.next(), blocks_max, total);
  if (!blocks) return blocks.error();
  json["blocks_total"] = total;
  json["blocks"] = *std::move(blocks);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weir::inspect
