#include "schema/wire/dead_letter.h"

#include <gtest/gtest.h>

#include "test/unit/schema/wire/control_samples.h"

namespace weir::wire {
namespace {

TEST(DeadLetter, RoundTrip) {
  DeadLetter letter = sample_dead_letter();
  EXPECT_EQ(*decode_dead_letter(encode_dead_letter(letter)), letter);
  letter.status.reset();
  letter.signal = 11;
  EXPECT_EQ(*decode_dead_letter(encode_dead_letter(letter)), letter);
}

TEST(DeadLetter, WhatIsRefused) {
  DeadLetter letter = sample_dead_letter();
  letter.sent_bytes = letter.record_bytes + 1;
  EXPECT_EQ(decode_dead_letter(encode_dead_letter(letter)).error().code, ErrorCode::kInvalid);
  letter = sample_dead_letter();
  letter.node = "../x";
  EXPECT_EQ(decode_dead_letter(encode_dead_letter(letter)).error().code, ErrorCode::kInvalid);
  const std::string good = encode_dead_letter(sample_dead_letter());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_dead_letter(std::string_view(good).substr(0, size))) << size;
  }
}

}  // namespace
}  // namespace weir::wire
