#include "wrapper/inspect/dead_letters.h"

#include <charconv>

#include "wrapper/core/dead_letters.h"
#include "wrapper/core/state.h"
#include "wrapper/wal/keys.h"

namespace weir::inspect {
namespace {

bool read_number(std::string_view text, uint64_t& number) {
  const auto [at, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && at == text.data() + text.size();
}

// "pipeline/node.instance"
bool read_identity(std::string_view text, wire::InstanceKey& owner) {
  const size_t slash = text.find('/');
  const size_t dot = text.rfind('.');
  if (slash == std::string_view::npos || dot == std::string_view::npos || dot < slash) return false;
  uint64_t instance = 0;
  if (!read_number(text.substr(dot + 1), instance)) return false;
  owner.pipeline = text.substr(0, slash);
  owner.node = text.substr(slash + 1, dot - slash - 1);
  owner.instance = static_cast<uint32_t>(instance);
  return true;
}

// The keys that may hold what is asked for: all, or the one whose number ends the id.
std::pair<std::string, std::string> keys_of(const DeadLetterQuery& query) {
  uint64_t number = 0;
  const size_t dot = query.id.rfind('.');
  if (dot == std::string::npos ||
      !read_number(std::string_view(query.id).substr(dot + 1), number)) {
    return {wal::key(wal::kDead, query.from), wal::key_end(wal::kDead)};
  }
  const std::string key = wal::key(wal::kDead, number);
  return {key, key + '\0'};
}

wire::DeadLetter describe(const core::DeadLetter& letter, const wire::InstanceKey& owner,
                          uint64_t number) {
  wire::DeadLetter out;
  out.pipeline = owner.pipeline;
  out.node = owner.node;
  out.instance = owner.instance;
  out.id = core::dead_letter_id(owner.instance, letter.term, number);
  out.origin = letter.lane;
  out.origin_record = to_string(letter.record);
  if (!(letter.unit == core::UnitId{})) out.unit = to_string(letter.unit);
  out.unix_ms = letter.unix_ms;
  out.attempts = letter.attempts;
  out.reason = letter.reason;
  out.status = letter.status;
  out.signal = letter.signal;
  out.stderr_tail.value = letter.stderr_tail;
  out.action = letter.action;
  out.record_bytes = letter.bytes.size();
  return out;
}

}  // namespace

Status read_dead_letters(const wal::Log& log, const DeadLetterQuery& query,
                         const OnDeadLetter& on_letter) {
  const Result<core::LogState> state = core::load_without_blocks(log);
  if (!state) return state.error();
  wire::InstanceKey owner;
  if (state->dead_letters > 0 && !read_identity(state->identity, owner)) {
    return Error{ErrorCode::kCorrupt, "the log does not say whose it is"};
  }
  return scan_dead_letters(log, owner, query, on_letter);
}

Status scan_dead_letters(const wal::Log& log, const wire::InstanceKey& owner,
                         const DeadLetterQuery& query, const OnDeadLetter& on_letter) {
  bool found = false;
  std::optional<Error> failure;
  const auto each = [&](std::string_view key, std::string_view value) {
    Result<core::DeadLetter> letter = core::decode_dead_letter(value);
    if (!letter) {
      failure = letter.error();
      return false;
    }
    wire::DeadLetter shown = describe(*letter, owner, wal::number_of_key(key));
    if (!query.id.empty() && shown.id != query.id) return true;
    found = true;
    const uint64_t from = std::min(query.record_from, shown.record_bytes);
    shown.sent_bytes = std::min(query.record_bytes_max, shown.record_bytes - from);
    return on_letter(shown, std::string_view(letter->bytes).substr(from, shown.sent_bytes));
  };
  const auto [from, end] = keys_of(query);
  if (Status scanned = log.scan(from, end, each); !scanned) return scanned;
  if (failure) return *std::move(failure);
  if (!query.id.empty() && !found) {
    return Error{ErrorCode::kNotFound, "there is no dead letter " + query.id};
  }
  return {};
}

}  // namespace weir::inspect
