#include "wrapper/inspect/questions.h"

#include <algorithm>
#include <filesystem>

#include "schema/runtime/process.h"
#include "wrapper/core/dead_letters.h"
#include "wrapper/core/state.h"
#include "wrapper/inspect/dead_letters.h"
#include "wrapper/wal/rocks_log.h"

namespace weir::inspect {
namespace {

constexpr std::chrono::milliseconds kLockWait{5'000};  // Others may look at it meanwhile.

template <typename T>
wire::Message answer_or_refusal(Result<T> answer) {
  if (!answer) return wire::refusal(answer.error());
  return *std::move(answer);
}

Error no_log(const wire::InstanceKey& key) {
  return Error{ErrorCode::kNotFound, wire::to_string(key) + ": nothing of it is kept here"};
}

wire::Message answer_to(const std::string& log_dir, const wire::DeadRead& question) {
  if (!std::filesystem::is_directory(log_dir + "/log"))
    return wire::refusal(no_log(question.instance));
  const auto log = wal::open_rocks_log_to_read(log_dir + "/log");
  if (!log) return wire::refusal(log.error());
  return answer_or_refusal(answer(**log, question, [](uint64_t) { return false; }));
}

wire::Message answer_to(const std::string& log_dir, const wire::DeadChange& question) {
  if (!std::filesystem::is_directory(log_dir + "/log"))
    return wire::refusal(no_log(question.instance));
  const auto log = wal::open_rocks_log(log_dir + "/log", {});
  if (!log) return wire::refusal(log.error());
  return answer_or_refusal(change(**log, question));
}

template <typename T>
wire::Message answer_to(const std::string& /*log_dir*/, const T& /*question*/) {
  return wire::Refusal{ErrorCode::kInvalid, "weir-wrapper --inspect does not know this question"};
}

}  // namespace

Result<wire::DeadData> answer(const wal::Log& log, const wire::DeadRead& question,
                              const std::function<bool(uint64_t)>& is_retried) {
  wire::DeadData data;
  size_t bytes = 0;
  const DeadLetterQuery query{
      question.id, std::min<uint64_t>(question.record_bytes, wire::kDeadDataBytesMax / 4),
      question.record_from, question.from};
  const auto each = [&](const wire::DeadLetter& letter, std::string_view record) {
    const uint64_t number = core::number_of_dead_letter(letter.id, letter.instance).value_or(0);
    if (data.letters.size() >= wire::kDeadLettersPerAnswer || bytes >= wire::kDeadDataBytesMax) {
      data.next = number;
      return false;
    }
    data.letters.push_back(letter);
    data.letters.back().retrying = is_retried(number);
    data.records.push_back({std::string(record)});
    bytes += record.size() + letter.stderr_tail.value.size() + letter.action.size();
    return true;
  };
  Status scanned = scan_dead_letters(log, question.instance, query, each);
  if (!scanned) return std::move(scanned).error();
  return data;
}

Result<wire::DeadChanged> change(wal::Log& log, const wire::DeadChange& question) {
  if (question.action == wire::DeadAction::kRetry) {
    return Error{ErrorCode::kConflict, question.instance.node +
                                           " does not run: its dead letters can be given to its "
                                           "program again while it does"};
  }
  const Result<core::LogState> state = core::load(log);
  if (!state) return state.error();
  core::DeadLetterBook book(log, *state);
  const auto numbers = book.named(question.ids, question.instance.instance);
  if (!numbers) return numbers.error();
  wal::LogBatch batch;
  for (const uint64_t number : *numbers) book.erase(number, batch);
  if (!numbers->empty()) {
    if (Status written = log.write(batch, true); !written) return std::move(written).error();
  }
  return wire::DeadChanged{question.instance, numbers->size(), book.count()};
}

Result<std::string> answer_about(const std::string& log_dir, std::string_view question) {
  const Result<wire::Envelope> asked = wire::decode(question);
  if (!asked) return asked.error();
  // No wrapper may come meanwhile; one that is started waits.
  Result<runtime::FileLock> lock =
      std::filesystem::is_directory(log_dir)
          ? runtime::FileLock::acquire_within(log_dir + "/wrapper.lock", kLockWait)
          : Error{ErrorCode::kNotFound, log_dir + ": there is no such folder"};
  if (!lock) {
    Error error = std::move(lock).error();
    if (error.code == ErrorCode::kTimeout) {
      error = {ErrorCode::kUnavailable, "its wrapper is starting or stopping; try again"};
    } else if (error.code == ErrorCode::kNotFound) {
      error.what = "nothing of it is kept here";
    }
    return wire::encode({asked->request, wire::refusal(error)});
  }
  const wire::Message said =
      std::visit([&](const auto& message) { return answer_to(log_dir, message); }, asked->message);
  return wire::encode({asked->request, said});
}

}  // namespace weir::inspect
