#include "wrapper/core/replay_filter.h"

#include <xxhash.h>

#include <algorithm>

namespace weir::core {

StreamHash::StreamHash() : state_(XXH3_createState()) { XXH3_64bits_reset(state_); }
StreamHash::StreamHash(const StreamHash& other) : state_(XXH3_createState()), bytes_(other.bytes_) {
  XXH3_copyState(state_, other.state_);
}
StreamHash& StreamHash::operator=(const StreamHash& other) {
  if (this == &other) return *this;
  XXH3_copyState(state_, other.state_);
  bytes_ = other.bytes_;
  return *this;
}
StreamHash::~StreamHash() { XXH3_freeState(state_); }

void StreamHash::update(std::span<const uint8_t> bytes) {
  XXH3_64bits_update(state_, bytes.data(), bytes.size());
  bytes_ += bytes.size();
}
uint64_t StreamHash::digest() const { return XXH3_64bits_digest(state_); }

ReplayFilter::ReplayFilter(std::vector<HashPoint> points) : points_(points.begin(), points.end()) {
  if (points_.empty()) state_ = State::kDone;
}

void ReplayFilter::feed(std::span<const uint8_t> bytes, std::string& fresh) {
  while (state_ == State::kComparing && !bytes.empty()) {
    const HashPoint& next = points_.front();
    const size_t count =
        static_cast<size_t>(std::min<uint64_t>(next.offset - running_.bytes(), bytes.size()));
    running_.update(bytes.first(count));
    held_.append(reinterpret_cast<const char*>(bytes.data()), count);
    bytes = bytes.subspan(count);
    if (running_.bytes() < next.offset) continue;
    if (running_.digest() != next.hash) {
      give_up(fresh);
      break;
    }
    equal_ = running_;
    held_.clear();
    points_.pop_front();
    if (points_.empty()) state_ = State::kDone;
  }
  fresh.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void ReplayFilter::give_up(std::string& fresh) {
  if (state_ != State::kComparing) return;
  state_ = State::kDiffers;
  fresh.append(held_);
  held_.clear();
}

}  // namespace weir::core
