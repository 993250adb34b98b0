#include "ctl/dead/letter_text.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "ctl/output/text.h"
#include "schema/graph/diagnostic.h"
#include "schema/graph/utf8.h"

namespace weir::ctl {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kRecordCharacters = 32;
constexpr size_t kStderrCharacters = 60;

// "grep.0"
Json origin_of(const wire::DeadLetter& letter) {
  const std::string& lane = letter.origin;
  const size_t dot = std::min(lane.rfind('.'), lane.size());
  uint32_t instance = 0;
  if (dot < lane.size()) {
    std::from_chars(lane.data() + dot + 1, lane.data() + lane.size(), instance);
  }
  return {{"node", lane.substr(0, dot)}, {"instance", instance}, {"id", letter.origin_record}};
}

template <typename T>
Json or_null(const T& value, bool known) {
  return known ? Json(value) : Json(nullptr);
}

std::string_view without_end(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.remove_suffix(1);
  return text;
}

std::string_view last_line(std::string_view text) {
  text = without_end(text);
  const size_t newline = text.rfind('\n');
  return newline == std::string_view::npos ? text : text.substr(newline + 1);
}

std::string titled(std::string_view title, std::string_view text) {
  std::string line(title);
  if (!text.empty()) line.resize(10, ' ');
  return line + graph::printable(text) + "\n";
}

// Each line with a bar in front, so that it is not taken for one of ours.
std::string barred(std::string_view text) {
  text = without_end(text);
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    out += "  | " + graph::printable(text.substr(at, end - at)) + "\n";
    at = end + 1;
  }
  return out;
}

}  // namespace

Json to_json(const wire::DeadLetter& letter, std::string_view record) {
  const bool is_text = graph::first_invalid_utf8(record) == std::string_view::npos;
  return {{"pipeline", letter.pipeline},
          {"node", letter.node},
          {"instance", letter.instance},
          {"id", letter.id},
          {"origin", origin_of(letter)},
          {"unit", or_null(letter.unit, !letter.unit.empty())},
          {"when", or_null(utc_time(letter.unix_ms), letter.unix_ms > 0)},
          {"attempts", or_null(letter.attempts, letter.attempts > 0)},
          {"reason", letter.reason},
          {"status", or_null(letter.status.value_or(0), letter.status.has_value())},
          {"signal", or_null(letter.signal.value_or(0), letter.signal.has_value())},
          {"stderr_tail", letter.stderr_tail.value},
          {"action", letter.action},
          {"bytes", letter.record_bytes},
          {"record", is_text ? Json(std::string(record)) : Json(nullptr)},
          {"record_base64", is_text ? Json(nullptr) : Json(base64(record))}};
}

std::vector<std::string> line_titles() {
  return {"NODE", "ID", "WHEN", "BYTES", "WHY", "RECORD", "STDERR"};
}

std::vector<std::string> to_line(const wire::DeadLetter& letter, std::string_view record) {
  return {letter.node,
          letter.id,
          letter.unix_ms > 0 ? utc_time(letter.unix_ms) : "-",
          std::to_string(letter.record_bytes),
          graph::printable(letter.reason),
          shortened(graph::printable(without_end(record)), kRecordCharacters),
          shortened(graph::printable(last_line(letter.stderr_tail.value)), kStderrCharacters)};
}

std::string to_page(const wire::DeadLetter& letter, std::string_view record) {
  std::string why = letter.reason;
  if (letter.attempts > 1) why += "; " + std::to_string(letter.attempts) + " runs with it failed";
  std::string page =
      titled("node", letter.pipeline + "/" + letter.node + "." + std::to_string(letter.instance));
  page += titled("id", letter.id);
  if (letter.unix_ms > 0) page += titled("when", utc_time(letter.unix_ms));
  page += titled("why", why);
  page += titled("action", letter.action);
  page += titled("origin", letter.origin + " " + letter.origin_record);
  if (!letter.unit.empty()) page += titled("unit", letter.unit);
  page += titled("stderr", letter.stderr_tail.value.empty() ? "none" : "");
  page += barred(letter.stderr_tail.value);
  std::string size = std::to_string(letter.record_bytes) + " bytes";
  if (record.size() < letter.record_bytes) {
    size += ", of which the first " + std::to_string(record.size()) + " are shown; --raw gives all";
  }
  return page + titled("record", size) + barred(record);
}

}  // namespace weir::ctl
