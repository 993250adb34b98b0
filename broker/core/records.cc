#include "broker/core/records.h"

#include <utility>

#include "schema/base/codec.h"

namespace weir::broker {
namespace {

constexpr uint8_t kValueVersion = 1;
// From 2 on a placement has positions.
constexpr uint8_t kWithPositions = 2;
constexpr uint8_t kWithLogsLeft = 3;
// From 4 on they are more than counts.
constexpr uint8_t kPlacementVersion = 4;
// From 2 on an agent may be away.
constexpr uint8_t kAgentVersion = 2;
constexpr size_t kTextLimit = wire::kControlMessageBytesMax;

Error corrupt(std::string_view what) {
  return Error{ErrorCode::kCorrupt, "store: " + std::string(what)};
}

Encoder begin() { return std::move(Encoder().u8(kValueVersion)); }

bool good_version(Decoder& decoder) { return decoder.u8() == kValueVersion; }

void put_action(Encoder& encoder, const wire::ActionRef& action) {
  encoder.text(action.name).u32(action.version).text(action.sha256).u64(action.bytes);
}

wire::ActionRef get_action(Decoder& decoder) {
  wire::ActionRef action;
  action.name = decoder.text(kTextLimit);
  action.version = decoder.u32();
  action.sha256 = decoder.text(wire::kSha256HexBytes);
  action.bytes = decoder.u64();
  return action;
}

void put_texts(Encoder& encoder, const std::vector<std::string>& texts) {
  encoder.u32(static_cast<uint32_t>(texts.size()));
  for (const std::string& text : texts) encoder.text(text);
}

std::vector<std::string> get_texts(Decoder& decoder) {
  std::vector<std::string> texts;
  const uint32_t count = decoder.u32();
  for (uint32_t i = 0; i < count && decoder.ok(); ++i) texts.push_back(decoder.text(kTextLimit));
  return texts;
}

}  // namespace

std::string encode_key(const StoreKey& key) {
  return Encoder().u8(static_cast<uint8_t>(key.kind)).u64(key.id).bytes();
}

Result<StoreKey> decode_key(std::string_view bytes) {
  Decoder decoder(bytes);
  const uint8_t kind = decoder.u8();
  const uint64_t id = decoder.u64();
  if (!decoder.done()) return corrupt("a key has a wrong length");
  if (kind < static_cast<uint8_t>(RecordKind::kMeta) ||
      kind > static_cast<uint8_t>(RecordKind::kAgent)) {
    return corrupt("a key of an unknown kind: " + std::to_string(kind));
  }
  return StoreKey{static_cast<RecordKind>(kind), id};
}

std::string encode_number(uint64_t value) { return begin().u64(value).bytes(); }

Result<uint64_t> decode_number(std::string_view bytes) {
  Decoder decoder(bytes);
  if (!good_version(decoder)) return corrupt("a number of an unknown version");
  const uint64_t value = decoder.u64();
  if (!decoder.done()) return corrupt("a number has a wrong length");
  return value;
}

std::string encode_record(const PipelineRecord& record) {
  Encoder encoder = begin();
  encoder.u8(static_cast<uint8_t>(record.desired))
      .u8(record.was_running ? 1 : 0)
      .u8(record.completed ? 1 : 0)
      .u8(record.ending ? 1 : 0)
      .text(wire::encode_spec(record.spec))
      .text(wire::encode_run(record.run))
      .u32(static_cast<uint32_t>(record.actions.size()));
  for (const wire::ActionRef& action : record.actions) put_action(encoder, action);
  encoder.u32(static_cast<uint32_t>(record.figures.size()));
  for (const wire::InstanceStatus& status : record.figures) {
    encoder.text(wire::encode_status(status));
  }
  return std::move(encoder).bytes();
}

Result<PipelineRecord> decode_pipeline(std::string_view bytes) {
  Decoder decoder(bytes);
  if (!good_version(decoder)) return corrupt("a pipeline of an unknown version");
  PipelineRecord record;
  const uint8_t desired = decoder.u8();
  record.was_running = decoder.u8() != 0;
  record.completed = decoder.u8() != 0;
  record.ending = decoder.u8() != 0;
  const std::string spec_bytes = decoder.text(kTextLimit);
  const std::string run_bytes = decoder.text(kTextLimit);
  const uint32_t actions = decoder.u32();
  for (uint32_t i = 0; i < actions && decoder.ok(); ++i) {
    record.actions.push_back(get_action(decoder));
  }
  const uint32_t figures = decoder.u32();
  for (uint32_t i = 0; i < figures && decoder.ok(); ++i) {
    auto status = wire::decode_status(decoder.text(kTextLimit));
    if (!status) return corrupt("a pipeline: " + status.error().what);
    record.figures.push_back(std::move(*status));
  }
  if (!decoder.done() || desired > static_cast<uint8_t>(DesiredState::kRemove))
    return corrupt("a pipeline");
  record.desired = static_cast<DesiredState>(desired);
  auto spec = wire::decode_spec(spec_bytes);
  if (!spec) return corrupt("a pipeline: " + spec.error().what);
  auto run = wire::decode_run(run_bytes);
  if (!run) return corrupt("a pipeline: " + run.error().what);
  record.spec = std::move(*spec);
  record.run = std::move(*run);
  return record;
}

std::string encode_record(const PlacementRecord& record) {
  Encoder encoder;
  encoder.u8(kPlacementVersion)
      .text(record.key.pipeline)
      .text(record.key.node)
      .u32(record.key.instance)
      .text(record.agent)
      .u64(record.term)
      .u64(record.key.drained_term)
      .u64(record.log_term)
      .u64(record.last_term)
      .u8(record.finished ? 1 : 0);
  put_texts(encoder, record.drained_lanes);
  put_texts(encoder, record.former);
  encoder.u64(record.position.records).u64(record.settled_position.records);
  encoder.u32(static_cast<uint32_t>(record.left.size()));
  for (const SourceLog& log : record.left) encoder.text(log.agent).u64(log.term).u64(log.log_term);
  encoder.text(record.position.token).text(record.settled_position.token);
  const RecordId& settled = record.settled_record;
  encoder.u64(settled.term).u64(settled.boot).u64(settled.seq);
  return std::move(encoder).bytes();
}

Result<PlacementRecord> decode_placement(std::string_view bytes) {
  Decoder decoder(bytes);
  const uint8_t version = decoder.u8();
  if (version < kValueVersion || version > kPlacementVersion) {
    return corrupt("a placement of an unknown version");
  }
  PlacementRecord record;
  record.key.pipeline = decoder.text(kTextLimit);
  record.key.node = decoder.text(kTextLimit);
  record.key.instance = decoder.u32();
  record.agent = decoder.text(kTextLimit);
  record.term = decoder.u64();
  record.key.drained_term = decoder.u64();
  record.log_term = decoder.u64();
  record.last_term = decoder.u64();
  record.finished = decoder.u8() != 0;
  record.drained_lanes = get_texts(decoder);
  record.former = get_texts(decoder);
  if (version >= kWithPositions) {
    record.position.records = decoder.u64();
    record.settled_position.records = decoder.u64();
  }
  const uint32_t left = version >= kWithLogsLeft ? decoder.u32() : 0;
  for (uint32_t i = 0; i < left && decoder.ok(); ++i) {
    SourceLog& log = record.left.emplace_back();
    log.agent = decoder.text(kTextLimit);
    log.term = decoder.u64();
    log.log_term = decoder.u64();
  }
  if (version >= kPlacementVersion) {
    record.position.token = decoder.text(kPositionTokenBytesMax);
    record.settled_position.token = decoder.text(kPositionTokenBytesMax);
    record.settled_record.term = decoder.u64();
    record.settled_record.boot = decoder.u64();
    record.settled_record.seq = decoder.u64();
  }
  if (!decoder.done() || record.term == 0) return corrupt("a placement");
  return record;
}

std::string encode_record(const AgentRecord& record) {
  return Encoder()
      .u8(kAgentVersion)
      .text(record.name)
      .text(record.identity)
      .u8(record.away ? 1 : 0)
      .bytes();
}

Result<AgentRecord> decode_agent(std::string_view bytes) {
  Decoder decoder(bytes);
  const uint8_t version = decoder.u8();
  if (version < kValueVersion || version > kAgentVersion) {
    return corrupt("an agent of an unknown version");
  }
  AgentRecord record;
  record.name = decoder.text(kTextLimit);
  record.identity = decoder.text(kTextLimit);
  if (version >= kAgentVersion) record.away = decoder.u8() != 0;
  if (!decoder.done()) return corrupt("an agent");
  return record;
}

std::string encode_record(const ResultRecord& record) {
  Encoder encoder = begin();
  encoder.text(record.request).u8(record.refusal ? 1 : 0);
  if (record.refusal) {
    encoder.u8(static_cast<uint8_t>(record.refusal->code)).text(record.refusal->what);
  }
  encoder.u8(record.action ? 1 : 0);
  if (record.action) put_action(encoder, *record.action);
  return std::move(encoder).bytes();
}

Result<ResultRecord> decode_result(std::string_view bytes) {
  Decoder decoder(bytes);
  if (!good_version(decoder)) return corrupt("a result of an unknown version");
  ResultRecord record;
  record.request = decoder.text(wire::kRequestIdBytesMax);
  if (decoder.u8() != 0) {
    const uint8_t code = decoder.u8();
    if (code > static_cast<uint8_t>(ErrorCode::kIo)) return corrupt("a result");
    record.refusal = wire::Refusal{static_cast<ErrorCode>(code), decoder.text(kTextLimit)};
  }
  if (decoder.u8() != 0) record.action = get_action(decoder);
  if (!decoder.done()) return corrupt("a result");
  return record;
}

std::string encode_record(const ActionRecord& record) {
  Encoder encoder = begin();
  put_action(encoder, record.action);
  return encoder.u64(record.stored_at_ms).u8(record.removed ? 1 : 0).bytes();
}

Result<ActionRecord> decode_action(std::string_view bytes) {
  Decoder decoder(bytes);
  if (!good_version(decoder)) return corrupt("an action of an unknown version");
  ActionRecord record;
  record.action = get_action(decoder);
  record.stored_at_ms = decoder.u64();
  record.removed = decoder.u8() != 0;
  if (!decoder.done() || record.action.version == 0) return corrupt("an action");
  return record;
}

std::string encode_record(const wire::Event& record) {
  return begin()
      .u64(record.number)
      .u64(record.time_ms)
      .text(record.kind)
      .text(record.pipeline)
      .text(record.node)
      .text(record.agent)
      .text(record.text)
      .bytes();
}

Result<wire::Event> decode_event(std::string_view bytes) {
  Decoder decoder(bytes);
  if (!good_version(decoder)) return corrupt("an event of an unknown version");
  wire::Event event;
  event.number = decoder.u64();
  event.time_ms = decoder.u64();
  event.kind = decoder.text(kTextLimit);
  event.pipeline = decoder.text(kTextLimit);
  event.node = decoder.text(kTextLimit);
  event.agent = decoder.text(kTextLimit);
  event.text = decoder.text(kTextLimit);
  if (!decoder.done()) return corrupt("an event");
  return event;
}

}  // namespace weir::broker
