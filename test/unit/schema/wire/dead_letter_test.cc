#include "schema/wire/dead_letter.h"

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

DeadLetter sample() {
  DeadLetter letter;
  letter.pipeline = "p";
  letter.node = "work";
  letter.instance = 2;
  letter.id = "2.7.31";
  letter.origin = "gen.0";
  letter.origin_record = "3.1.613";
  letter.unit = "7-1-4.0.1";
  letter.unix_ms = 1'767'323'045'678;
  letter.attempts = 14;
  letter.reason = "exited with status 3";
  letter.status = 3;
  letter.stderr_tail.value = "no\xff\0good\n";
  letter.action = "/opt/work";
  letter.record_bytes = 200;
  letter.sent_bytes = 100;
  return letter;
}

TEST(DeadLetter, RoundTrip) {
  DeadLetter letter = sample();
  EXPECT_EQ(*decode_dead_letter(encode_dead_letter(letter)), letter);
  letter.status.reset();
  letter.signal = 11;
  EXPECT_EQ(*decode_dead_letter(encode_dead_letter(letter)), letter);
}

TEST(DeadLetter, WhatIsRefused) {
  DeadLetter letter = sample();
  letter.sent_bytes = letter.record_bytes + 1;
  EXPECT_EQ(decode_dead_letter(encode_dead_letter(letter)).error().code, ErrorCode::kInvalid);
  letter = sample();
  letter.node = "../x";
  EXPECT_EQ(decode_dead_letter(encode_dead_letter(letter)).error().code, ErrorCode::kInvalid);
  const std::string good = encode_dead_letter(sample());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_dead_letter(std::string_view(good).substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace weir::wire
