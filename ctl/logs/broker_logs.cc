#include "ctl/logs/broker_logs.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "ctl/output/instances.h"

namespace weir::ctl {
namespace {

constexpr uint64_t kAllThereIs = std::numeric_limits<int64_t>::max();
// The last lines are searched for in so many bytes first, then in more.
constexpr uint64_t kTailBytesFirst = 64u << 10;
constexpr uint64_t kTailBytesMax = 64u << 20;
constexpr uint64_t kTailBytesFactor = 8;

bool ends_in_the_middle(std::string_view text) { return !text.empty() && text.back() != '\n'; }

// With an unfinished one at the end.
size_t count_lines(std::string_view text) {
  const auto newlines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  return newlines + (ends_in_the_middle(text) ? 1 : 0);
}

std::string_view last_lines(std::string_view text, size_t count) {
  // The newline at the very end has no line behind it.
  size_t at = ends_in_the_middle(text) || text.empty() ? text.size() : text.size() - 1;
  if (count == 0) return {};
  for (size_t i = 0; i < count; ++i) {
    if (at == 0) return text;
    at = text.rfind('\n', at - 1);
    if (at == std::string_view::npos) return text;
  }
  return text.substr(at + 1);
}

}  // namespace

Result<LogSource::Progress> BrokerLogs::poll(const OnLine& on_line) {
  const bool is_time =
      !looked_at_ || (config_.follow && broker_.now() - *looked_at_ >= kLookForMoves);
  if (is_time) {
    if (Status looked = look_for_moves(on_line); !looked) return std::move(looked).error();
  }
  std::vector<Asked> asked = next_readers();
  if (asked.empty()) return Progress::kDrained;
  std::vector<wire::Message> questions;
  questions.reserve(asked.size());
  for (const Asked& one : asked) questions.emplace_back(question(readers_[one.reader]));
  auto answers = broker_.ask_all(std::move(questions), kAnswerWait);
  if (broker_.signal() != 0) return Error{ErrorCode::kTimeout, "interrupted"};
  for (size_t i = 0; i < asked.size(); ++i) {
    asked[i].answer = Broker::as<wire::LogData>(std::move(answers[i]));
  }
  // Another agent does not know the file either: then nothing is missing.
  const bool any_gap = std::any_of(asked.begin(), asked.end(),
                                   [](const Asked& one) { return one.answer && one.answer->gap; });
  if (any_gap) {
    if (Status looked = look_for_moves(on_line); !looked) return std::move(looked).error();
  }
  return take_all(std::move(asked), on_line) || !config_.follow ? Progress::kMore
                                                                : Progress::kDrained;
}

// True: there is more at once.
bool BrokerLogs::take_all(std::vector<Asked> asked, const OnLine& on_line) {
  bool more = false;
  for (Asked& one : asked) {
    Reader& reader = readers_[one.reader];
    if (reader.agent == one.agent) take(reader, std::move(one.answer), on_line);
    more = more || !reader.is_at_end;
  }
  return more;
}

// What an agent that is away has may still come.
bool BrokerLogs::is_complete() {
  return is_completed_ && std::none_of(readers_.begin(), readers_.end(),
                                       [](const Reader& reader) { return reader.is_away; });
}

void BrokerLogs::finish(const OnLine& on_line) {
  for (Reader& reader : readers_) hand_out(reader, on_line, true);
}

// Which instances there are, and where.
Status BrokerLogs::look_for_moves(const OnLine& on_line) {
  const auto status =
      broker_.ask<wire::PipelineStatus>(wire::PipelineStatusRequest{config_.pipeline}, kAnswerWait);
  if (!status) return status.error();
  const bool is_first = !looked_at_;
  looked_at_ = broker_.now();
  is_completed_ = status->state == wire::PipelineState::kCompleted;
  const std::vector<KnownInstance> instances = instances_of(*status);
  for (const std::string& name : config_.nodes) {
    for (const KnownInstance& instance : instances) {
      if (instance.node->name != name) continue;
      Reader& reader = reader_of(instance.key(config_.pipeline), instance.label);
      // Of what comes later all is wanted.
      if (!is_first && reader.agent.empty()) reader.has_begun = true;
      if (reader.agent == instance.report->agent) continue;
      if (!reader.agent.empty()) begin_anew(reader, on_line);
      reader.agent = instance.report->agent;
    }
  }
  return {};
}

BrokerLogs::Reader& BrokerLogs::reader_of(const wire::InstanceKey& key, const std::string& label) {
  const auto known = std::find_if(readers_.begin(), readers_.end(),
                                  [&](const Reader& reader) { return reader.key == key; });
  if (known != readers_.end()) return *known;
  Reader& reader = readers_.emplace_back();
  reader.key = key;
  reader.label = label;
  reader.has_begun = !config_.tail;
  reader.tail_bytes = kTailBytesFirst;
  return reader;
}

// All of them when they are followed; else one after the other.
std::vector<BrokerLogs::Asked> BrokerLogs::next_readers() const {
  std::vector<Asked> next;
  for (size_t i = 0; i < readers_.size(); ++i) {
    const Reader& reader = readers_[i];
    // Not placed: it has said nothing yet.
    if (reader.agent.empty() || (!config_.follow && reader.is_at_end)) continue;
    next.push_back({i, reader.agent, wire::LogData{}});
    if (!config_.follow) break;
  }
  return next;
}

wire::LogRead BrokerLogs::question(const Reader& reader) const {
  const uint64_t tail = reader.has_begun ? kAllThereIs : config_.tail == 0u ? 0 : reader.tail_bytes;
  return {reader.key, config_.kind, reader.file, reader.offset, reader.file == 0 ? tail : 0};
}

void BrokerLogs::take(Reader& reader, Result<wire::LogData> answer, const OnLine& on_line) {
  reader.is_at_end = true;
  if (!answer) return take_error(reader, answer.error());
  const wire::LogData& data = *answer;
  reader.is_away = false;
  if (data.gap) {
    hand_out(reader, on_line, true);
    config_.on_note(reader.label +
                    ": lines are missing: their file was deleted before they were read");
  }
  reader.file = data.file;
  reader.offset = data.offset;
  // Who gives nothing has nothing more.
  reader.is_at_end = data.at_end || data.data.value.empty();
  if (!reader.has_begun) return take_tail(reader, data, on_line);
  reader.partial += data.data.value;
  hand_out(reader, on_line, false);
}

// Collects until the end; looks further back if there were too few lines.
void BrokerLogs::take_tail(Reader& reader, const wire::LogData& data, const OnLine& on_line) {
  reader.tail_text += data.data.value;
  if (!reader.is_at_end) return;
  const std::string text = std::exchange(reader.tail_text, "");
  const bool is_all = text.size() < reader.tail_bytes || reader.tail_bytes >= kTailBytesMax;
  // One more, because the first one may have been cut.
  if (count_lines(text) <= *config_.tail && !is_all && *config_.tail > 0) {
    reader.tail_bytes *= kTailBytesFactor;
    reader.file = reader.offset = 0;
    reader.is_at_end = false;
    return;
  }
  reader.has_begun = true;
  reader.partial = last_lines(text, *config_.tail);
  hand_out(reader, on_line, false);
}

void BrokerLogs::take_error(Reader& reader, const Error& error) {
  // It has never run there, so it has said nothing.
  if (error.code == ErrorCode::kNotFound) return;
  is_incomplete_ = true;
  if (std::exchange(reader.is_away, true)) return;
  const std::string why =
      error.code == ErrorCode::kTimeout ? "agent " + reader.agent + " does not answer" : error.what;
  config_.on_note(reader.label + ": " + why + (config_.follow ? "; waiting for it" : ""));
}

void BrokerLogs::hand_out(Reader& reader, const OnLine& on_line, bool all) {
  size_t from = 0;
  std::string& text = reader.partial;
  for (size_t end = 0; (end = text.find('\n', from)) != std::string::npos; from = end + 1) {
    on_line(reader.label, std::string_view(text).substr(from, end + 1 - from));
  }
  text.erase(0, from);
  if (text.empty() || (!all && text.size() < kLineBytesMax)) return;
  on_line(reader.label, text + "\n");
  text.clear();
}

// It was placed on another agent: nothing of its log there has been read.
void BrokerLogs::begin_anew(Reader& reader, const OnLine& on_line) {
  hand_out(reader, on_line, true);
  reader.file = reader.offset = 0;
  reader.tail_text.clear();
  reader.has_begun = true;
  reader.is_away = false;
  reader.is_at_end = false;
}

}  // namespace weir::ctl
