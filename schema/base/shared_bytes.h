// Bytes with shared ownership, so that one buffer can be logged, sent to several readers and fed to
// a program without being copied; and the pool that the large buffers come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

// Immutable. `owner` keeps `data` alive; copies share it. Any thread may drop the last copy.
struct SharedBytes {
  std::shared_ptr<const void> owner;
  const uint8_t* data = nullptr;
  size_t size = 0;

  static SharedBytes copy_of(const void* bytes, size_t count) {
    std::shared_ptr<uint8_t[]> buffer(new uint8_t[count == 0 ? 1 : count]);
    if (count != 0) std::memcpy(buffer.get(), bytes, count);
    const uint8_t* data = buffer.get();
    return SharedBytes{std::move(buffer), data, count};
  }
  static SharedBytes copy_of(std::string_view text) { return copy_of(text.data(), text.size()); }
  static SharedBytes of(std::string text) {
    auto owner = std::make_shared<const std::string>(std::move(text));
    const auto* data = reinterpret_cast<const uint8_t*>(owner->data());
    const size_t size = owner->size();
    return SharedBytes{std::move(owner), data, size};
  }
  // For as long as somebody else keeps them.
  static SharedBytes borrowed(std::string_view bytes) {
    return SharedBytes{{}, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  }

  std::string_view view() const { return {reinterpret_cast<const char*>(data), size}; }
  SharedBytes sub(size_t offset, size_t count) const {
    return SharedBytes{owner, data + offset, count};
  }
};

// Hands out equal-sized buffers and takes them back when the last owner lets go. Keeping them
// spares the page faults of a fresh megabyte for each block. Any thread. The pool may go before its
// buffers.
class BufferPool {
 public:
  // `buffer_bytes`: size of each buffer; `keep`: how many idle ones are kept at most.
  BufferPool(size_t buffer_bytes, size_t keep)
      : state_(std::make_shared<State>()), buffer_bytes_(buffer_bytes) {
    state_->keep = keep;
  }

  size_t buffer_bytes() const { return buffer_bytes_; }

  std::shared_ptr<uint8_t[]> take() {
    std::unique_ptr<uint8_t[]> buffer;
    {
      std::lock_guard lock(state_->mutex);
      if (!state_->idle.empty()) {
        buffer = std::move(state_->idle.back());
        state_->idle.pop_back();
      }
    }
    // Not value-initialised: the bytes are about to be overwritten.
    if (!buffer) buffer.reset(new uint8_t[buffer_bytes_]);
    return std::shared_ptr<uint8_t[]>(buffer.release(), [state = state_](uint8_t* bytes) {
      std::unique_ptr<uint8_t[]> returned(bytes);
      std::lock_guard lock(state->mutex);
      if (state->idle.size() < state->keep) state->idle.push_back(std::move(returned));
    });
  }

 private:
  struct State {
    std::mutex mutex;
    std::vector<std::unique_ptr<uint8_t[]>> idle;
    size_t keep = 0;
  };
  std::shared_ptr<State> state_;
  size_t buffer_bytes_;
};

}  // namespace weir
