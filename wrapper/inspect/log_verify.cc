#include "wrapper/inspect/log_verify.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "wrapper/inspect/log_folder.h"
#include "wrapper/inspect/log_text.h"
#include "wrapper/wal/keys.h"
#include "wrapper/wal/rocks_log.h"

namespace weir::inspect {
namespace {

class Verification {
 public:
  explicit Verification(std::string log_dir) : dir_(std::move(log_dir)) {}

  Status run();
  Json result() const;

 private:
  void damage(const std::string& file, const std::string& what, const std::string& affected);
  // What opening or reading said: the file is in its text, if it is known.
  void damage(const Error& error, const std::string& affected);
  void check_history();
  void check_inputs();
  void check_dead_letters();
  void check_blocks();
  void check_block(const wal::InspectedLog::Entry& entry);
  void check_place_in_lane(const wire::BlockHeader& header);
  void check_end();

  std::string dir_;
  std::unique_ptr<const wal::InspectedLog> log_;
  core::LogState state_;
  bool loaded_ = false;
  edge::History history_;
  RecordId last_;  // Of the blocks that were looked at.
  bool gap_ = false;
  uint64_t blocks_ = 0;
  uint64_t records_ = 0;
  uint64_t bytes_ = 0;
  uint64_t dead_letters_ = 0;
  Json damages_ = Json::array();
};

void Verification::damage(const std::string& file, const std::string& what,
                          const std::string& affected) {
  damages_.push_back({{"file", file.empty() ? Json(nullptr) : Json(file)},
                      {"what", what},
                      {"affected", affected.empty() ? Json(nullptr) : Json(affected)}});
}

void Verification::damage(const Error& error, const std::string& affected) {
  std::string file;
  size_t at = error.what.find(dir_ + "/log/");
  while (at != std::string::npos && file.empty()) {
    const size_t end = error.what.find_first_of(":; )", at);
    const std::string path = error.what.substr(at, end - at);
    if (path.find('.', dir_.size()) != std::string::npos ||
        path.find("/MANIFEST") != std::string::npos || path.ends_with("/CURRENT")) {
      file = path;
    }
    at = error.what.find(dir_ + "/log/", at + 1);
  }
  damage(file, error.what, affected);
}

Status Verification::run() {
  if (const std::ifstream why(dir_ + "/log/condemned"); why) {
    std::ostringstream text;
    text << why.rdbuf();
    damage("", "its wrapper found: " + text.str(), "");
  }
  auto log = wal::open_rocks_log_to_read(dir_ + "/log");
  if (!log && log.error().code != ErrorCode::kCorrupt) return log.error();
  if (!log) {
    damage(log.error(), "what was written last, or all of it");
    log = wal::open_rocks_log_to_read(dir_ + "/log", wal::Trust::kWhatIsThere);
    if (!log) return {};
  }
  log_ = *std::move(log);
  log_->check_tables([this](const wal::InspectedLog::Damage& found) {
    damage(found.file, found.what, affected_by(found.first_key, found.last_key));
  });
  Result<core::LogState> state = core::load_without_blocks(*log_);
  if (!state) {
    damage(state.error(), "");
  } else {
    loaded_ = true;
    state_ = *std::move(state);
    history_ = history_of(state_);
    check_history();
    check_inputs();
  }
  check_dead_letters();
  check_blocks();
  return {};
}

// Numbers go on from one incarnation to the next, and the last commit is of the newest one.
void Verification::check_history() {
  const std::vector<edge::HistoryEntry>& entries = history_.entries();
  for (size_t i = 0; i < entries.size(); ++i) {
    const edge::HistoryEntry& entry = entries[i];
    const std::string name = std::to_string(entry.of.term) + "." + std::to_string(entry.of.boot);
    if (entry.last + 1 < entry.first) {
      damage("", "history: incarnation " + name + " ends before it begins", "the history");
    }
    if (i == 0) continue;
    const edge::HistoryEntry& before = entries[i - 1];
    if (entry.first_id() <= before.first_id() || entry.first != before.last + 1) {
      damage("", "history: incarnation " + name + " does not follow the one before it",
             "the history");
    }
  }
  if (!entries.empty() && !(state_.commit.of == entries.back().of)) {
    damage("", "the last commit is not of the newest incarnation", "the commit");
  }
}

void Verification::check_inputs() {
  for (const auto& [lane, input] : state_.inputs) {
    const RecordId seen{input.seen.term, input.seen.boot, UINT64_MAX};
    if (!input.frontier.none() && seen < input.frontier.id()) {
      damage("", "input " + lane + ": its frontier is of a writer that was never seen",
             "what was consumed of " + lane);
    }
  }
}

void Verification::check_dead_letters() {
  const auto each = [&](std::string_view key, std::string_view value) {
    ++dead_letters_;
    const Result<core::DeadLetter> letter = core::decode_dead_letter(value);
    if (!letter) {
      damage("", letter.error().what,
             "dead letter number " + std::to_string(wal::number_of_key(key)));
    }
    return true;
  };
  const Status scanned = log_->scan(wal::key(wal::kDead), wal::key_end(wal::kDead), each);
  if (!scanned) damage(scanned.error(), "dead letters");
}

void Verification::check_blocks() {
  const Status listed = log_->list(wal::key(wal::kBlock), wal::key_end(wal::kBlock),
                                   [this](const wal::InspectedLog::Entry& entry) {
                                     check_block(entry);
                                     return true;
                                   });
  if (!listed) {
    damage(listed.error(), last_.none() ? "records" : "records behind " + to_string(last_));
  } else if (loaded_) {
    check_end();
  }
}

void Verification::check_block(const wal::InspectedLog::Entry& entry) {
  ++blocks_;
  const std::string affected = "records from " + to_string(wal::id_of_key(entry.key));
  const Result<std::string> value =
      entry.place ? log_->read(entry.key, *entry.place) : std::string(entry.value);
  if (!value) {
    gap_ = true;
    return damage(entry.place ? log_->file_of(*entry.place) : "", value.error().what, affected);
  }
  const Result<wire::Block> block = wire::decode_block(SharedBytes::copy_of(*value));
  if (!block || block->header.first_id() != wal::id_of_key(entry.key)) {
    gap_ = true;
    return damage("", block ? "another block is in its place" : block.error().what, affected);
  }
  if (loaded_) check_place_in_lane(block->header);
  last_ = block->header.last_id();
  records_ += block->header.pieces;
  bytes_ += block->header.payload_bytes;
}

void Verification::check_place_in_lane(const wire::BlockHeader& header) {
  const bool staged = history_.empty() || header.first_id() >= history_.next();
  const edge::HistoryEntry* entry = history_.find(header.of);
  const bool within =
      entry != nullptr && header.first >= entry->first && header.last() <= entry->last;
  if (!staged && !within) {
    damage("", "record " + to_string(header.first_id()) + " is not in the history",
           "records from " + to_string(header.first_id()));
  }
  const bool follows = last_.none() || history_.after(last_) == header.first_id();
  if (!staged && !follows && !std::exchange(gap_, false)) {
    damage("", "records are missing",
           "records behind " + to_string(last_) + " and before " + to_string(header.first_id()));
  }
  gap_ = false;
}

// The last block that is there reaches what was published.
void Verification::check_end() {
  if (last_.none() || gap_ || history_.empty() || history_.after(last_) == history_.next()) return;
  if (last_ >= history_.next()) return;  // Staged.
  damage("", "records are missing at the end", "records behind " + to_string(last_));
}

Json Verification::result() const {
  Json json{{"dir", dir_}};
  json.update(identity_of(state_));
  json["sole_copy"] = loaded_ ? Json(state_.sole_copy) : Json(nullptr);
  json["blocks"] = blocks_;
  json["records"] = records_;
  json["bytes"] = bytes_;
  json["dead_letters"] = dead_letters_;
  json["damages"] = damages_;
  return json;
}

}  // namespace

Result<std::string> verify_log(const std::string& log_dir) {
  const Result<UniqueFd> lock = keep_wrappers_away(log_dir);
  if (!lock) return lock.error();
  Verification verification(log_dir);
  if (Status done = verification.run(); !done) return done.error();
  return verification.result().dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weir::inspect
