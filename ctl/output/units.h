// Numbers for people. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace weir::ctl {

// 1234567 is "1,234,567".
std::string grouped(uint64_t number);

// At most five characters: "9999", "12.3k", "4.56M".
std::string readable_count(uint64_t number);

// "512 B", "8.0 MiB".
std::string readable_bytes(uint64_t bytes);

// The largest unit that fits: "0s", "59s", "3m", "2h", "4d".
std::string readable_age(std::chrono::milliseconds age);

// "1 node", "3 nodes".
std::string counted(uint64_t count, const std::string& noun);

}  // namespace weir::ctl
