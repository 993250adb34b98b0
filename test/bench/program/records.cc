#include "test/bench/program/records.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace weir::bench {
namespace {

constexpr size_t kReadBytes = 256u << 10;
constexpr size_t kFlushBytes = 256u << 10;
constexpr size_t kHeadBytes = 4;

[[noreturn]] void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

uint32_t length_at(const char* at) {
  uint32_t length = 0;
  for (size_t i = 0; i < kHeadBytes; ++i) length = length << 8 | static_cast<unsigned char>(at[i]);
  return length;
}

}  // namespace

Framing framing_of(std::string_view name) {
  if (name == "frames") return Framing::kFrames;
  if (name == "lines") return Framing::kLines;
  std::fputs("expected 'frames' or 'lines'\n", stderr);
  std::exit(2);
}

std::optional<std::string_view> RecordReader::next() {
  const char* start = buffer_.data() + begin_;
  const size_t have = end_ - begin_;
  size_t head = 0;
  size_t length = 0;
  size_t tail = 0;
  if (framing_ == Framing::kFrames) {
    head = kHeadBytes;
    if (have < head) return std::nullopt;
    length = length_at(start);
  } else {
    const void* newline = std::memchr(start, '\n', have);
    if (newline == nullptr) return std::nullopt;
    length = static_cast<size_t>(static_cast<const char*>(newline) - start);
    tail = 1;
  }
  needed_ = head + length + tail;
  if (have < needed_) return std::nullopt;
  begin_ += needed_;
  needed_ = 0;
  return std::string_view(start + head, length);
}

bool RecordReader::read_more() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const size_t room = std::max(needed_, end_ + kReadBytes);
  if (buffer_.size() < room) buffer_.resize(room);
  while (true) {
    const ssize_t count = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) give_up("read");
    end_ += static_cast<size_t>(count);
    return count > 0;
  }
}

void RecordWriter::put(std::string_view record) {
  if (framing_ == Framing::kFrames) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      buffer_ += static_cast<char>(record.size() >> shift & 0xff);
    }
  }
  buffer_ += record;
  if (framing_ == Framing::kLines) buffer_ += '\n';
  if (buffer_.size() >= kFlushBytes) flush();
}

void RecordWriter::flush() {
  size_t at = 0;
  while (at < buffer_.size()) {
    const ssize_t count = ::write(fd_, buffer_.data() + at, buffer_.size() - at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) give_up("write");
    at += static_cast<size_t>(count);
  }
  buffer_.clear();
}

}  // namespace weir::bench
