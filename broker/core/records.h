// What the broker keeps on disk: fixed-width keys and the values under them. Pure.
//
//   key = kind (1 byte) | id (8 bytes, big-endian)
//
//   kMeta       id 0: format version; id 1: boot counter, raised at each start of a broker; id 2:
//               the highest term of all placements that were deleted
//   kPipeline   one pipeline with its desired state
//   kPlacement  one node instance: its agent and its term. Deleted when its pipeline is, and no
//   agent
//               keeps anything of it; no term is ever given twice all the same, because what is
//               placed for the first time begins above the highest of those that were deleted
//   kResult     the answer to a changing request; the last kResultsKept of them
//   kAction     one version of an action. The highest of a name stays when it is removed, marked,
//   so
//               that no version number is ever given twice
//   kAgent      the identity that the agent of a name had last
//   kEvent      one event; the last kEventsKept of them. The id is its number
//
// Every value begins with a byte for its own version. docs/control.md tells what survives what.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema/base/result.h"
#include "schema/wire/control.h"

namespace weir::broker {

inline constexpr uint64_t kStoreFormat = 3;
inline constexpr size_t kResultsKept = 1024;
inline constexpr size_t kEventsKept = 1000;

enum class RecordKind : uint8_t {
  kMeta = 1,
  kPipeline = 2,
  kPlacement = 3,
  kResult = 4,
  kAction = 5,
  kEvent = 6,
  kAgent = 7
};

inline constexpr uint64_t kMetaFormat = 0;
inline constexpr uint64_t kMetaBoot = 1;
inline constexpr uint64_t kMetaTermFloor = 2;

struct StoreKey {
  RecordKind kind = RecordKind::kMeta;
  uint64_t id = 0;

  auto operator<=>(const StoreKey&) const = default;  // NOLINT(modernize-use-nullptr)
};

inline constexpr size_t kStoreKeyBytes = 9;
std::string encode_key(const StoreKey& key);
Result<StoreKey> decode_key(std::string_view bytes);

struct StoreRecord {
  StoreKey key;
  std::string value;

  bool operator==(const StoreRecord&) const = default;
};

struct StoreWrite {
  StoreKey key;
  std::optional<std::string> value;  // None: the key is deleted.

  bool operator==(const StoreWrite&) const = default;
};

// What the user wants a pipeline to be.
enum class DesiredState : uint8_t { kStored = 0, kRun = 1, kStop = 2, kRemove = 3 };

struct PipelineRecord {
  graph::PipelineSpec spec;
  DesiredState desired = DesiredState::kStored;
  wire::PipelineRun run;                 // The last one; only its name is set while there was none.
  bool was_running = false;              // All instances were up at one time since the last run.
  bool completed = false;                // All sinks have ended and settled: it never runs again.
  bool ending = false;                   // Its sources are to end their lanes (`stop --end`).
  std::vector<wire::ActionRef> actions;  // What its nodes' actions stood for when it was run.
  std::vector<wire::InstanceStatus> figures;  // Of a completed one: the last that was reported.

  bool operator==(const PipelineRecord&) const = default;
};

// The log of a source that is not there any more, in the term in which it was.
struct SourceLog {
  std::string agent;  // Empty: nobody knows which.
  uint64_t term = 0;
  uint64_t log_term = 0;

  bool operator==(const SourceLog&) const = default;
};

// Where an instance is, or, with `key.drained_term`, where the log of a lost source is drained
// (R5).
struct PlacementRecord {
  wire::InstanceKey key;
  // Empty: none, its pipeline was removed; or, of what is to be drained, not known.
  std::string agent;
  uint64_t term = 0;
  uint64_t log_term = 0;   // StartOrder::log_term
  uint64_t last_term = 0;  // The highest that was ever given, to it or to what drains it.
  // The drained lanes that it reads beside those of its writers. One that began when a lane was
  // empty already does not read it.
  std::vector<std::string> drained_lanes;
  std::vector<std::string> former;  // Other agents that keep something of it.
  // Of a source: all that it had is settled, so its program is not started elsewhere. Of what is
  // drained: likewise, so it is done. Of any other node: it is over, and is placed nowhere else.
  bool finished = false;
  // Of a portable source: StartOrder::position of the log that it has now, and ...
  SourcePosition position{};
  // ... the last InstanceStatus::settled_position that was reported since the pipeline began, the
  // one with the highest settled_record: where the next log begins. It is written now and then, so
  // a broker that was restarted may know of less; then more is written again.
  SourcePosition settled_position{};
  // Of a portable source: the logs that it left behind to write elsewhere what is not settled. If
  // it is to end it may never come so far, and they are drained.
  std::vector<SourceLog> left{};
  RecordId settled_record{};  // With settled_position.

  bool operator==(const PlacementRecord&) const = default;
};

struct ResultRecord {
  std::string request;
  std::optional<wire::Refusal> refusal;   // None: Ok, or
  std::optional<wire::ActionRef> action;  // the version that was stored.

  bool operator==(const ResultRecord&) const = default;
};

struct ActionRecord {
  wire::ActionRef action;
  uint64_t stored_at_ms = 0;  // Unix time.
  bool removed = false;

  bool operator==(const ActionRecord&) const = default;
};

struct AgentRecord {
  std::string name;
  std::string identity;
  // Nothing was heard of it for long, or since the broker's start: the next broker does not wait
  // for it.
  bool away = false;

  bool operator==(const AgentRecord&) const = default;
};

// Decoders give kCorrupt with what is wrong.
std::string encode_number(uint64_t value);
Result<uint64_t> decode_number(std::string_view bytes);
std::string encode_record(const PipelineRecord& record);
Result<PipelineRecord> decode_pipeline(std::string_view bytes);
std::string encode_record(const PlacementRecord& record);
Result<PlacementRecord> decode_placement(std::string_view bytes);
std::string encode_record(const ResultRecord& record);
Result<ResultRecord> decode_result(std::string_view bytes);
std::string encode_record(const ActionRecord& record);
Result<ActionRecord> decode_action(std::string_view bytes);
std::string encode_record(const AgentRecord& record);
Result<AgentRecord> decode_agent(std::string_view bytes);
std::string encode_record(const wire::Event& record);
Result<wire::Event> decode_event(std::string_view bytes);

}  // namespace weir::broker
