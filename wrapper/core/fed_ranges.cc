#include "wrapper/core/fed_ranges.h"

#include <algorithm>
#include <tuple>

#include "schema/base/codec.h"
#include "wrapper/core/log_entries.h"
#include "wrapper/wal/keys.h"

namespace weir::core {
namespace {

using wal::key;

constexpr char kFormat = 1;
constexpr size_t kSourcesMax = 255;  // Of one chunk: a byte names one.
constexpr size_t kLaneNameMax = 4096;

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

uint64_t read_varint(Decoder& in) {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    const uint8_t byte = in.u8();
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return value;
}

}  // namespace

bool FedSource::operator<(const FedSource& other) const {
  const auto all = [](const FedSource& source) {
    return std::tie(source.lane, source.of.term, source.of.boot, source.of.nonce);
  };
  return all(*this) < all(other);
}

bool decode_fed_chunk(std::string_view chunk, const std::function<void(FedRange)>& each) {
  Decoder in(chunk);
  if (in.u8() != kFormat) return false;
  std::vector<FedRange> sources;
  while (in.ok() && in.rest() > 0) {
    const uint8_t number = in.u8();
    if (number == 0) {
      FedRange& source = sources.emplace_back();
      source.lane = in.text(kLaneNameMax);
      source.to.of = {in.u64(), in.u64(), in.u64()};
      source.to.seq = in.u64();
    } else if (number <= sources.size()) {
      FedRange& source = sources[number - 1];
      source.to.seq += read_varint(in);
      if (in.ok()) each(source);
    } else {
      return false;
    }
  }
  return in.done();
}

// A chunk that an earlier process began is not gone on with.
FedRanges::FedRanges(const wal::Log& log, uint64_t chunks, FedReach reach)
    : log_(log), reach_(std::move(reach)), number_(chunks) {
  begin_chunk();
}

void FedRanges::begin_chunk() {
  tail_.assign(1, kFormat);
  sources_.clear();
  last_source_ = 0;
}

// Names it in the chunk if that does not know it.
size_t FedRanges::source_number(const FedSource& source, uint64_t from) {
  const auto known = std::find_if(sources_.begin(), sources_.end(), [&](const Source& each) {
    return each.source.lane == source.lane && each.source.of == source.of;
  });
  if (known != sources_.end()) return static_cast<size_t>(known - sources_.begin()) + 1;
  tail_ += Encoder()
               .u8(0)
               .text(source.lane)
               .u64(source.of.term)
               .u64(source.of.boot)
               .u64(source.of.nonce)
               .u64(from)
               .bytes();
  sources_.push_back({source, from});
  return sources_.size();
}

uint64_t FedRanges::add(const std::string& lane, const Position& to, wal::LogBatch& batch) {
  if (tail_.size() >= kChunkBytes || sources_.size() >= kSourcesMax) {
    unwritten_[number_++] = std::move(tail_);
    begin_chunk();
  }
  const FedSource source{lane, to.of};
  uint64_t& reach = reach_[source];
  const size_t number = source_number(source, reach);
  Source& known = sources_[number - 1];
  if (number == last_source_) {
    tail_.resize(last_at_);
  } else {
    last_source_ = number;
    last_at_ = tail_.size();
    last_from_ = known.seq;
  }
  tail_.push_back(static_cast<char>(number));
  append_varint(tail_, to.seq - last_from_);
  known.seq = reach = to.seq;
  put_fed_chunk(batch, number_, tail_);
  return number_;
}

void FedRanges::persisted(uint64_t chunk) {
  unwritten_.erase(unwritten_.begin(), unwritten_.lower_bound(chunk));
}

void FedRanges::forget(wal::LogBatch& batch) {
  erase_fed_chunks(batch);
  reach_.clear();
  unwritten_.clear();
  number_ = 0;
  begin_chunk();
  ranges_.clear();
  next_.reset();
}

Result<std::string> FedRanges::chunk(uint64_t number) const {
  if (number == number_) return tail_;
  if (const auto found = unwritten_.find(number); found != unwritten_.end()) return found->second;
  Result<std::optional<std::string>> chunk = log_.get(key(wal::kFed, number));
  if (!chunk) return std::move(chunk).error();
  if (!chunk->has_value()) {
    return Error{ErrorCode::kCorrupt, "log: what the unit was fed is not whole"};
  }
  return **std::move(chunk);
}

Status FedRanges::rewind() {
  next_chunk_ = 0;
  ranges_.clear();
  return advance();
}

Status FedRanges::advance() {
  next_.reset();
  while (ranges_.empty() && next_chunk_ <= number_) {
    const Result<std::string> bytes = chunk(next_chunk_++);
    if (!bytes) return bytes.error();
    const auto keep = [this](FedRange range) { ranges_.push_back(std::move(range)); };
    if (!decode_fed_chunk(*bytes, keep)) {
      return Error{ErrorCode::kCorrupt, "log: what the unit was fed does not decode"};
    }
    std::reverse(ranges_.begin(), ranges_.end());
  }
  if (ranges_.empty()) return {};
  next_ = std::move(ranges_.back());
  ranges_.pop_back();
  return {};
}

}  // namespace weir::core
