#include "wrapper/core/sink_output.h"

#include <algorithm>
#include <string>

#include "schema/base/codec.h"

namespace weir::core {
namespace {

SharedBytes without_lengths(const SharedBytes& payload) {
  std::string joined;
  joined.reserve(payload.size);
  for (size_t at = 0; at + 4 <= payload.size;) {
    const size_t length = load_be<uint32_t>(payload.data + at);
    at += 4;
    joined.append(payload.view().substr(at, length));
    at += length;
  }
  return SharedBytes::copy_of(joined);
}

}  // namespace

std::vector<SharedBytes> SinkOutput::add(const Cut& cut, wire::Shape shape) {
  SharedBytes bytes{cut.buffer, cut.payload().data(), cut.payload_bytes};
  if (shape == wire::Shape::kFrames) bytes = without_lengths(bytes);
  held_bytes_ += bytes.size;
  held_.push_back(std::move(bytes));
  return held_bytes_ > kHeldBytesMax ? take() : std::vector<SharedBytes>();
}

void SinkOutput::discard() {
  held_.clear();
  held_bytes_ = 0;
}

std::vector<SharedBytes> SinkOutput::take() {
  held_bytes_ = 0;
  return std::exchange(held_, {});
}

}  // namespace weir::core
