#include "broker/core/records.h"

#include <utility>

#include "schema/base/codec.h"

namespace weir::broker {
namespace {

constexpr uint8_t kValueVersion = 1;
constexpr size_t kTextLimit = wire::kControlMessageBytesMax;

Error corrupt(std::string_view what) {
  return Error{ErrorCode::kCorrupt, "store: " + std::string(what)};
}

Encoder begin() { return std::move(Encoder().u8(kValueVersion)); }

bool good_version(Decoder& decoder) { return decoder.u8() == kValueVersion; }

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
      kind > static_cast<uint8_t>(RecordKind::kResult)) {
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
  return begin()
      .u8(static_cast<uint8_t>(record.wish))
      .u8(record.was_running ? 1 : 0)
      .u8(record.completed ? 1 : 0)
      .text(wire::encode_spec(record.spec))
      .text(wire::encode_run(record.run))
      .bytes();
}

Result<PipelineRecord> decode_pipeline(std::string_view bytes) {
  Decoder decoder(bytes);
  if (!good_version(decoder)) return corrupt("a pipeline of an unknown version");
  PipelineRecord record;
  const uint8_t wish = decoder.u8();
  record.was_running = decoder.u8() != 0;
  record.completed = decoder.u8() != 0;
  const std::string spec_bytes = decoder.text(kTextLimit);
  const std::string run_bytes = decoder.text(kTextLimit);
  if (!decoder.done() || wish > static_cast<uint8_t>(Wish::kStop)) return corrupt("a pipeline");
  record.wish = static_cast<Wish>(wish);
  auto spec = wire::decode_spec(spec_bytes);
  if (!spec) return corrupt("a pipeline: " + spec.error().what);
  auto run = wire::decode_run(run_bytes);
  if (!run) return corrupt("a pipeline: " + run.error().what);
  record.spec = std::move(*spec);
  record.run = std::move(*run);
  return record;
}

std::string encode_record(const PlacementRecord& record) {
  return begin()
      .text(record.key.pipeline)
      .text(record.key.node)
      .u32(record.key.instance)
      .text(record.agent)
      .u64(record.term)
      .bytes();
}

Result<PlacementRecord> decode_placement(std::string_view bytes) {
  Decoder decoder(bytes);
  if (!good_version(decoder)) return corrupt("a placement of an unknown version");
  PlacementRecord record;
  record.key.pipeline = decoder.text(kTextLimit);
  record.key.node = decoder.text(kTextLimit);
  record.key.instance = decoder.u32();
  record.agent = decoder.text(kTextLimit);
  record.term = decoder.u64();
  if (!decoder.done() || record.term == 0) return corrupt("a placement");
  return record;
}

std::string encode_record(const ResultRecord& record) {
  Encoder encoder = begin();
  encoder.text(record.request).u8(record.refusal ? 1 : 0);
  if (record.refusal) {
    encoder.u8(static_cast<uint8_t>(record.refusal->code)).text(record.refusal->what);
  }
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
  if (!decoder.done()) return corrupt("a result");
  return record;
}

}  // namespace weir::broker
