#include "wrapper/core/sink_output.h"

#include <utility>

namespace weir::core {
std::vector<SharedBytes> SinkOutput::add(const Cut& cut, wire::Shape shape) {
  const uint8_t* payload = cut.buffer.get() + wire::kBlockHeaderBytes;
  SharedBytes bytes =
      wire::as_read(SharedBytes{cut.buffer, payload, cut.payload_bytes}, shape, cut.pieces);
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
