// Fixed-width big-endian encoding for headers, keys and frames, and a reader that cannot run past
// the end of what it was given.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

template <std::unsigned_integral T>
void store_be(uint8_t* at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    at[i] = static_cast<uint8_t>(value >> (8 * (sizeof(T) - 1 - i)));
  }
}

template <std::unsigned_integral T>
T load_be(const uint8_t* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>((value << 8) | at[i]);
  return value;
}

class Encoder {
 public:
  Encoder() = default;
  explicit Encoder(std::string start) : out_(std::move(start)) {}

  Encoder& u8(uint8_t value) { return put(value); }
  Encoder& u16(uint16_t value) { return put(value); }
  Encoder& u32(uint32_t value) { return put(value); }
  Encoder& u64(uint64_t value) { return put(value); }
  Encoder& raw(std::string_view bytes) {
    out_.append(bytes);
    return *this;
  }
  // 32-bit length, then the bytes.
  Encoder& text(std::string_view bytes) {
    return u32(static_cast<uint32_t>(bytes.size())).raw(bytes);
  }

  const std::string& bytes() const& { return out_; }
  std::string bytes() && { return std::move(out_); }

 private:
  template <typename T>
  Encoder& put(T value) {
    uint8_t buffer[sizeof(T)];
    store_be(buffer, value);
    out_.append(reinterpret_cast<const char*>(buffer), sizeof(T));
    return *this;
  }

  std::string out_;
};

// After the first read past the end all reads give zero and ok() is false: check once, at the end.
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}

  uint8_t u8() { return get<uint8_t>(); }
  uint16_t u16() { return get<uint16_t>(); }
  uint32_t u32() { return get<uint32_t>(); }
  uint64_t u64() { return get<uint64_t>(); }
  std::string_view raw(size_t count) {
    if (!ok_ || count > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view bytes = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return bytes;
  }
  // A text of at most `limit` bytes.
  std::string text(size_t limit) {
    const uint32_t count = u32();
    if (count > limit) ok_ = false;
    return std::string(raw(count));
  }

  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }
  size_t rest() const { return rest_.size(); }

 private:
  template <typename T>
  T get() {
    const std::string_view bytes = raw(sizeof(T));
    return ok_ ? load_be<T>(reinterpret_cast<const uint8_t*>(bytes.data())) : T{0};
  }

  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace weir
