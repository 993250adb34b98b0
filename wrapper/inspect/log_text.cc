#include "wrapper/inspect/log_text.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "wrapper/wal/keys.h"

namespace weir::inspect {
namespace {

// In the order of the keys.
constexpr std::pair<char, const char*> kKinds[] = {{wal::kAttempts, "the count of attempts"},
                                                   {wal::kBlock, "records"},
                                                   {wal::kCommit, "the commit"},
                                                   {wal::kDead, "dead letters"},
                                                   {wal::kExtent, "the unit under way"},
                                                   {wal::kFed, "what the stream unit was fed"},
                                                   {wal::kHistory, "the history"},
                                                   {wal::kInput, "the frontiers of inputs"},
                                                   {wal::kMeta, "the identity"},
                                                   {wal::kSkip, "abandoned records"},
                                                   {wal::kGroup, "trim groups"},
                                                   {wal::kPoint, "hash points"}};

std::string text_of(const Position& at) { return at.none() ? "" : to_string(at.id()); }
std::string text_of(const Incarnation& of) {
  return std::to_string(of.term) + "." + std::to_string(of.boot);
}

// What a program attached is for itself; that it changes can be seen.
std::string hex_of(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const auto value = static_cast<uint8_t>(byte);
    text += kDigits[value >> 4];
    text += kDigits[value & 15];
  }
  return text;
}

Json to_json(const core::Extent& extent) {
  return {{"lane", extent.lane}, {"from", text_of(extent.from)}, {"to", text_of(extent.to)}};
}

Json to_json(const core::CommitState& commit) {
  return {{"term", commit.of.term},
          {"boot", commit.of.boot},
          {"published", commit.published},
          {"mid_record", commit.mid_record},
          {"position", commit.position.records},
          {"position_token", hex_of(commit.position.token)},
          {"units", commit.units},
          {"output_bytes", commit.out_bytes},
          {"output_hash", commit.out_hash},
          {"ended", commit.ended}};
}

}  // namespace

std::string affected_by(std::string_view first_key, std::string_view last_key) {
  if (first_key.empty()) return "";
  std::string text;
  for (const auto& [letter, name] : kKinds) {
    if (letter < first_key[0] || letter > last_key[0]) continue;
    text += text.empty() ? name : std::string(", ") + name;
    if (letter != wal::kBlock) continue;
    const bool from = first_key[0] == wal::kBlock;
    const bool to = last_key[0] == wal::kBlock;
    if (from) text += " from " + to_string(wal::id_of_key(first_key));
    if (to) text += " up to about " + to_string(wal::id_of_key(last_key));
  }
  return text;
}

Json identity_of(const core::LogState& state) {
  const std::string& text = state.identity;
  const size_t slash = std::min(text.find('/'), text.size());
  const size_t dot = text.rfind('.');
  uint32_t instance = 0;
  const bool whole = slash < text.size() && dot != std::string::npos && dot > slash;
  if (whole) std::from_chars(text.data() + dot + 1, text.data() + text.size(), instance);
  return {{"pipeline", text.substr(0, slash)},
          {"node", whole ? text.substr(slash + 1, dot - slash - 1) : ""},
          {"instance", instance}};
}

Json to_json(const core::LogState& state) {
  Json json{{"sole_copy", state.sole_copy},
            {"boot_floor", state.boot_floor},
            {"trimmed_at_taken", state.trimmed_at_taken},
            {"commit", to_json(state.commit)}};
  Json& history = json["history"] = Json::array();
  const edge::History entries = history_of(state);
  for (const edge::HistoryEntry& entry : entries.entries()) {
    history.push_back({{"term", entry.of.term},
                       {"boot", entry.of.boot},
                       {"nonce", entry.of.nonce},
                       {"first", entry.first},
                       {"last", entry.last}});
  }
  Json& inputs = json["inputs"] = Json::array();
  for (const auto& [lane, input] : state.inputs) {
    inputs.push_back({{"lane", lane},
                      {"seen", text_of(input.seen)},
                      {"frontier", text_of(input.frontier)},
                      {"enough", input.enough},
                      {"ended", input.ended}});
  }
  Json& extents = json["extents"] = Json::array();
  for (const auto& [unit, extent] : state.extents) {
    extents.push_back(to_json(extent));
    extents.back()["unit"] = to_string(unit);
  }
  Json& fed = json["fed"] = Json::array();
  for (const auto& [source, last] : state.fed) {
    fed.push_back({{"lane", source.lane}, {"to", to_string(Position{source.of, last})}});
  }
  Json& points = json["hash_points"] = Json::array();
  for (const core::HashPoint& point : state.points) {
    points.push_back({{"offset", point.offset}, {"hash", point.hash}});
  }
  Json& abandoned = json["abandoned"] = Json::array();
  for (const auto& [lane, skips] : state.skips) {
    for (const core::Extent& skip : skips) abandoned.push_back(to_json(skip));
  }
  json["attempts"] = nullptr;
  if (state.attempts) {
    json["attempts"] = {{"unit", to_string(state.attempts->unit)},
                        {"failed", state.attempts->failed}};
  }
  Json& groups = json["trim_groups"] = Json::array();
  for (const core::Group& group : state.groups) {
    groups.push_back({{"last", to_string(group.last)}, {"bytes", group.bytes}});
  }
  return json;
}

Json to_json(const wire::BlockHeader& header) {
  constexpr const char* kShapes[] = {"lines", "nul", "frames"};
  Json flags = Json::array();
  if (header.continued) flags.push_back("continued");
  if (wire::is_abandoned(header.mark)) flags.push_back("abandoned");
  if (header.is_end()) flags.push_back("end");
  const bool watermark = header.mark && header.mark->kind == wire::Mark::Kind::kWatermark;
  if (watermark) flags.push_back("watermark");
  return {{"first", to_string(header.first_id())},
          {"last", to_string(header.last_id())},
          {"records", header.pieces},
          {"bytes", header.payload_bytes},
          {"flags", std::move(flags)},
          {"shape", kShapes[static_cast<size_t>(header.shape)]}};
}

edge::History history_of(const core::LogState& state) {
  std::vector<edge::HistoryEntry> entries = state.history;
  if (!entries.empty()) {
    edge::HistoryEntry& last = entries.back();
    last.last = state.commit.of == last.of ? state.commit.published : last.first - 1;
  }
  return edge::History(std::move(entries));
}

}  // namespace weir::inspect
