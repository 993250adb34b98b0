#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>

#include "test/bench/program/programs.h"

namespace weir::bench {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr size_t kDigits = 20;  // Of any time or number.

int64_t now_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * kSecondNs + time.tv_nsec;
}

void sleep_until_ns(int64_t when) {
  const timespec time{when / kSecondNs, when % kSecondNs};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
  }
}

// Calls `each` for every record, answers with what it returns, and is never silent about an answer
// while it waits for input.
template <typename Each>
void answer_all(Framing framing, const Each& each) {
  RecordReader input(STDIN_FILENO, framing);
  RecordWriter output(STDOUT_FILENO, framing);
  do {
    while (const auto record = input.next()) output.put(each(*record));
    output.flush();
  } while (input.read_more());
}

}  // namespace

int write_numbers(Framing framing, uint64_t count, uint64_t bytes) {
  RecordWriter output(STDOUT_FILENO, framing);
  std::string record(bytes - (framing == Framing::kLines ? 1 : 0), '.');
  for (uint64_t number = 1; number <= count; ++number) {
    const std::string digits = std::to_string(number);
    record.replace(0, digits.size(), digits);
    output.put(record);
  }
  output.flush();
  return 0;
}

int echo(Framing framing) {
  answer_all(framing, [](std::string_view record) { return record; });
  return 0;
}

int swallow(Framing framing, const std::string& report) {
  uint64_t count = 0;
  answer_all(framing, [&](std::string_view) {
    ++count;
    return std::string_view();
  });
  return std::ofstream(report) << count << "\n" ? 0 : 1;
}

int stamp(Framing framing, double rate, double seconds, uint64_t bytes) {
  RecordWriter output(STDOUT_FILENO, framing);
  std::string record(bytes - (framing == Framing::kLines ? 1 : 0), '.');
  const auto interval = static_cast<int64_t>(1e9 / rate);
  const int64_t start = now_ns();
  const auto end = start + static_cast<int64_t>(seconds * 1e9);
  for (int64_t due = start; due < end; due += interval) {
    sleep_until_ns(due);
    char text[kDigits + 1];
    std::snprintf(text, sizeof text, "%020lld", static_cast<long long>(now_ns()));
    record.replace(0, kDigits, text);
    output.put(record);
    output.flush();
  }
  return 0;
}

int arrive(Framing framing, const std::string& report) {
  std::string times;
  answer_all(framing, [&](std::string_view record) {
    const int64_t sent = std::stoll(std::string(record.substr(0, kDigits)));
    times += std::to_string(static_cast<double>(now_ns() - sent) / 1e3) + "\n";
    return std::string_view();
  });
  return std::ofstream(report) << times ? 0 : 1;
}

}  // namespace weir::bench
