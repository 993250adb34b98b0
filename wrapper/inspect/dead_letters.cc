#include "wrapper/inspect/dead_letters.h"

#include <charconv>

#include "wrapper/core/state.h"
#include "wrapper/wal/keys.h"

namespace weir::inspect {
namespace {

bool read_number(std::string_view text, uint64_t& number) {
  const auto [at, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && at == text.data() + text.size();
}

// "pipeline/node.instance"
bool read_identity(std::string_view text, wire::DeadLetter& letter) {
  const size_t slash = text.find('/');
  const size_t dot = text.rfind('.');
  if (slash == std::string_view::npos || dot == std::string_view::npos || dot < slash) return false;
  uint64_t instance = 0;
  if (!read_number(text.substr(dot + 1), instance)) return false;
  letter.pipeline = text.substr(0, slash);
  letter.node = text.substr(slash + 1, dot - slash - 1);
  letter.instance = static_cast<uint32_t>(instance);
  return true;
}

// The keys that may hold what is asked for: all, or the one whose number ends the id.
std::pair<std::string, std::string> keys_of(const std::string& id) {
  uint64_t number = 0;
  const size_t dot = id.rfind('.');
  if (dot == std::string::npos || !read_number(std::string_view(id).substr(dot + 1), number)) {
    return {wal::key(wal::kDead), wal::key_end(wal::kDead)};
  }
  const std::string key = wal::key(wal::kDead, number);
  return {key, key + '\0'};
}

wire::DeadLetter describe(const core::DeadLetter& letter, wire::DeadLetter out, uint64_t number) {
  out.id = std::to_string(out.instance) + "." + std::to_string(letter.term) + "." +
           std::to_string(number);
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
  wire::DeadLetter of_this_log;
  if (state->dead_letters > 0 && !read_identity(state->identity, of_this_log)) {
    return Error{ErrorCode::kCorrupt, "the log does not say whose it is"};
  }
  bool found = false;
  std::optional<Error> failure;
  const auto each = [&](std::string_view key, std::string_view value) {
    Result<core::DeadLetter> letter = core::decode_dead_letter(value);
    if (!letter) {
      failure = letter.error();
      return false;
    }
    wire::DeadLetter shown = describe(*letter, of_this_log, wal::number_of_key(key));
    if (!query.id.empty() && shown.id != query.id) return true;
    found = true;
    shown.sent_bytes = std::min(query.record_bytes_max, shown.record_bytes);
    return on_letter(shown, std::string_view(letter->bytes).substr(0, shown.sent_bytes));
  };
  const auto [from, end] = keys_of(query.id);
  if (Status scanned = log.scan(from, end, each); !scanned) return scanned;
  if (failure) return *std::move(failure);
  if (!query.id.empty() && !found) {
    return Error{ErrorCode::kNotFound, "there is no dead letter " + query.id};
  }
  return {};
}

}  // namespace weir::inspect
