#include "ctl/up/sink_merge.h"

#include <utility>

namespace weir::ctl {
namespace {

// 1 + the delimiter that is missing at the end of `bytes`; 0 if none is.
uint8_t missing_delimiter(std::string_view bytes, wire::Shape shape) {
  if (bytes.empty() || shape == wire::Shape::kFrames) return 0;
  const char delimiter = shape == wire::Shape::kNul ? '\0' : '\n';
  return bytes.back() == delimiter ? 0 : static_cast<uint8_t>(1 + delimiter);
}

}  // namespace

SinkMerge::SinkMerge(std::vector<SinkLane*> lanes, bool can_cut, const SinkExtent& extent)
    : lanes_(std::move(lanes)), can_cut_(can_cut), extent_(extent) {
  if (can_cut_ && extent_.record_start < extent_.bytes) in_record_ = 0;
}

std::optional<SinkMerge::Batch> SinkMerge::next() {
  Batch batch;
  while (batch.size < kBatchBytes) {
    const std::optional<size_t> lane = choose();
    // A cut is only at the beginning of a batch.
    if (!lane || !add(*lane, batch)) break;
  }
  if (batch.reached.empty()) return std::nullopt;
  batch.after = extent_;
  batch.at_line_end = !in_record_ && extent_.owed == 0;
  return batch;
}

std::optional<size_t> SinkMerge::choose() {
  if (in_record_) {
    if (lanes_[*in_record_]->has_item()) return in_record_;
    return std::nullopt;
  }
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const size_t lane = (turn_ + i) % lanes_.size();
    if (!lanes_[lane]->has_item()) continue;
    turn_ = lane + 1;
    return lane;
  }
  return std::nullopt;
}

// False if the batch ends before the lane's next item.
bool SinkMerge::add(size_t lane, Batch& batch) {
  const bool cuts =
      can_cut_ && lanes_[lane]->next_is_abandoned() && extent_.record_start < extent_.bytes;
  if (cuts && !batch.reached.empty()) return false;
  const SinkItem item = lanes_[lane]->take();
  if (item.abandoned || item.end) {
    if (cuts) {
      batch.cut_to = extent_.bytes = extent_.record_start;
    } else if (in_record_ == lane && shape_ != wire::Shape::kFrames) {
      extent_.owed = static_cast<uint8_t>(1 + (shape_ == wire::Shape::kNul ? '\0' : '\n'));
    }
    in_record_.reset();
    extent_.record_start = extent_.bytes;
  } else {
    write(item, batch);
    in_record_ = item.ends_record ? std::nullopt : std::optional<size_t>(lane);
    shape_ = item.shape;
  }
  reach(lane, item, batch);
  return true;
}

void SinkMerge::write(const SinkItem& item, Batch& batch) {
  if (item.bytes.size == 0) return;
  if (extent_.owed != 0) {
    const char delimiter = static_cast<char>(extent_.owed - 1);
    append(SharedBytes::copy_of(&delimiter, 1), batch);
    extent_.owed = 0;
    extent_.record_start = extent_.bytes;
  }
  append(item.bytes, batch);
  batch.records += item.records;
  if (!item.ends_record) return;
  extent_.owed = missing_delimiter(item.bytes.view(), item.shape);
  extent_.record_start = extent_.bytes;
}

void SinkMerge::append(SharedBytes bytes, Batch& batch) {
  batch.size += bytes.size;
  extent_.bytes += bytes.size;
  batch.bytes.push_back(std::move(bytes));
}

void SinkMerge::reach(size_t lane, const SinkItem& item, Batch& batch) {
  for (Reached& reached : batch.reached) {
    if (reached.lane != lane) continue;
    reached.last = item.last;
    reached.end = item.end;
    return;
  }
  batch.reached.push_back({lane, item.last, item.end});
}

}  // namespace weir::ctl
