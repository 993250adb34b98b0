// A program that speaks `frames`, well or badly: 32-bit big-endian length, then the bytes.
//
//   frames_program numbers COUNT [BYTES]    a source: "1\n", "2\n", ...; padded with blanks
//   frames_program filter K                 replies with the multiples of K
//   frames_program extra|missing|huge|cut AT MARK
//                                           echoes, but breaks the protocol at frame AT while there
//                                           is no file MARK, which it makes
#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

namespace {

void put_length(uint32_t length) {
  for (int shift = 24; shift >= 0; shift -= 8)
    std::putchar(static_cast<int>(length >> shift) & 255);
}

void put(const std::string& frame) {
  put_length(static_cast<uint32_t>(frame.size()));
  std::fwrite(frame.data(), 1, frame.size(), stdout);
}

std::optional<std::string> get() {
  unsigned char head[4];
  if (std::fread(head, 1, 4, stdin) != 4) return std::nullopt;
  uint32_t length = 0;
  for (const unsigned char byte : head) length = length << 8 | byte;
  std::string frame(length, '\0');
  if (std::fread(frame.data(), 1, length, stdin) != length) std::exit(9);
  return frame;
}

int numbers(long count, size_t bytes) {
  for (long i = 1; i <= count; ++i) {
    std::string frame = std::to_string(i);
    if (frame.size() + 1 < bytes) frame.append(bytes - frame.size() - 1, ' ');
    put(frame + "\n");
  }
  return 0;
}

int filter(long divisor) {
  while (const auto frame = get()) {
    put(std::strtol(frame->c_str(), nullptr, 10) % divisor == 0 ? *frame : "");
    std::fflush(stdout);
  }
  return 0;
}

int break_protocol(const std::string& how, long at, const char* mark) {
  long count = 0;
  while (const auto frame = get()) {
    const bool now = ++count == at && ::close(::open(mark, O_CREAT | O_EXCL | O_WRONLY, 0600)) == 0;
    if (now && how == "missing") continue;
    if (now && how == "huge") put_length(0x7fffffff);
    if (now && how == "cut") {
      put_length(1000);
      std::fflush(stdout);
      return 0;
    }
    put(*frame);
    if (now && how == "extra") put("nobody asked\n");
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  const long number = argc > 2 ? std::strtol(argv[2], nullptr, 10) : 0;
  if (mode == "numbers") return numbers(number, argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 0);
  if (mode == "filter") return filter(number);
  return argc > 3 ? break_protocol(mode, number, argv[3]) : 2;
}
