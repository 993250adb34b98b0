#include "ctl/up/sink_merge.h"

#include <utility>

namespace weir::ctl {
namespace {

// 1 + the delimiter; 0 if there is none.
uint8_t owed_by(wire::Shape shape) {
  if (shape == wire::Shape::kFrames) return 0;
  return static_cast<uint8_t>(1 + wire::delimiter_of(shape));
}

// `owed`, if the delimiter is missing at the end of `bytes`.
uint8_t missing_delimiter(std::string_view bytes, uint8_t owed) {
  if (bytes.empty() || owed == 0) return 0;
  return static_cast<uint8_t>(bytes.back()) == owed - 1 ? 0 : owed;
}

void reach(const SinkMerge::Part& part, std::vector<SinkMerge::Reached>& reached) {
  for (SinkMerge::Reached& known : reached) {
    if (known.lane != part.lane) continue;
    known.last = part.item.last;
    known.end = wire::is_end(part.item.mark);
    return;
  }
  reached.push_back({part.lane, part.item.last, wire::is_end(part.item.mark)});
}

}  // namespace

SinkMerge::SinkMerge(std::vector<SinkLane*> lanes, bool can_cut, const SinkExtent& extent)
    : lanes_(std::move(lanes)), can_cut_(can_cut), extent_(extent) {}

SinkMerge::Done SinkMerge::Batch::done(size_t written) const {
  Done done;
  done.extent = before;
  for (const Part& part : parts) {
    if (written >= part.size) {
      written -= part.size;
      reach(part, done.reached);
      done.extent = part.after;
      continue;
    }
    const size_t delimiter = part.size - part.item.bytes.size;
    if (written > 0 && delimiter > 0) {
      --written;
      done.extent.owed = 0;
    }
    if (written == 0) break;
    const uint8_t owed = owed_by(part.item.shape);
    const SinkBegun begun{part.item.first, part.item.begun + static_cast<uint32_t>(written),
                          missing_delimiter(part.item.bytes.view().substr(0, written), owed)};
    done.begun = {part.lane, begun};
    done.extent.open_lane = static_cast<uint32_t>(part.lane + 1);
    done.extent.open_owed = owed;
    break;
  }
  return done;
}

std::optional<SinkMerge::Batch> SinkMerge::next() {
  Batch batch;
  batch.before = extent_;
  while (batch.size < kBatchBytes) {
    const std::optional<size_t> lane = choose();
    // A cut is only at the beginning of a batch.
    if (!lane || !add(*lane, batch)) break;
  }
  if (batch.parts.empty()) return std::nullopt;
  batch.after = extent_;
  batch.at_line_end = !in_record() && extent_.owed == 0;
  return batch;
}

std::optional<size_t> SinkMerge::in_record() const {
  if (extent_.open_lane == 0 || extent_.open_lane > lanes_.size()) return std::nullopt;
  return extent_.open_lane - 1;
}

std::optional<size_t> SinkMerge::choose() {
  if (const std::optional<size_t> open = in_record()) {
    if (lanes_[*open]->has_item()) return open;
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
  if (cuts && !batch.parts.empty()) return false;
  Part part{lane, lanes_[lane]->take(), 0, {}};
  const SinkItem& item = part.item;
  const size_t size_before = batch.size;
  if (item.owed != 0) {
    extent_.owed = item.owed;
    extent_.open_lane = 0;
  }
  if (item.mark) {
    if (cuts) {
      batch.cut_to = extent_.bytes = extent_.record_start;
    } else if (in_record() == lane) {
      extent_.owed = extent_.open_owed;
    }
    extent_.open_lane = extent_.open_owed = 0;
    extent_.record_start = extent_.bytes;
  } else {
    write(item, batch);
    extent_.open_lane = item.ends_record ? 0 : static_cast<uint32_t>(lane + 1);
    extent_.open_owed = item.ends_record ? 0 : owed_by(item.shape);
  }
  part.size = batch.size - size_before;
  part.after = extent_;
  batch.parts.push_back(std::move(part));
  return true;
}

void SinkMerge::write(const SinkItem& item, Batch& batch) {
  if (item.bytes.size > 0) {
    if (extent_.owed != 0) {
      const char delimiter = static_cast<char>(extent_.owed - 1);
      append(SharedBytes::copy_of(&delimiter, 1), batch);
      extent_.owed = 0;
      extent_.record_start = extent_.bytes;
    }
    append(item.bytes, batch);
  }
  batch.records += item.records;
  if (!item.ends_record || item.bytes.size == 0) return;
  extent_.owed = missing_delimiter(item.bytes.view(), owed_by(item.shape));
  extent_.record_start = extent_.bytes;
}

void SinkMerge::append(SharedBytes bytes, Batch& batch) {
  batch.size += bytes.size;
  extent_.bytes += bytes.size;
  batch.bytes.push_back(std::move(bytes));
}

}  // namespace weir::ctl
