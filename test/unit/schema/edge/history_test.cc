#include "schema/edge/history.h"

#include <gtest/gtest.h>

namespace weir::edge {
namespace {

constexpr Incarnation kFirst{1, 1, 11};
constexpr Incarnation kSecond{1, 2, 22};
constexpr Incarnation kOtherCopy{1, 2, 99};
constexpr Incarnation kReplaced{2, 1, 33};

// Boot 1 wrote 1 to 10, boot 2 wrote 11 to 20 and goes on.
History two_boots() { return History({{kFirst, 1, 10}, {kSecond, 11, 20}}); }

struct ResumeCase {
  const char* what;
  Position reader;
  RecordId settled;
  RecordId first_held;
  RecordId from;
  ResumeCause cause;
};

TEST(History, R2ResumesWhereTheReaderIs) {
  const RecordId start{1, 1, 1};
  const ResumeCase cases[] = {
      {"a new reader begins at the beginning", {}, {}, start, {1, 1, 1}, ResumeCause::kAfter},
      {"after the position, in the same entry",
       {kFirst, 4},
       {},
       start,
       {1, 1, 5},
       ResumeCause::kAfter},
      {"after the last of an entry comes the next",
       {kFirst, 10},
       {},
       start,
       {1, 2, 11},
       ResumeCause::kAfter},
      {"after the last of all comes what is written next",
       {kSecond, 20},
       {},
       start,
       {1, 2, 21},
       ResumeCause::kAfter},
      {"the tail was lost: the next entry",
       {kFirst, 12},
       {},
       start,
       {1, 2, 11},
       ResumeCause::kLostTail},
      {"the tail of the newest was lost: what is written next",
       {kSecond, 25},
       {},
       start,
       {1, 2, 21},
       ResumeCause::kLostTail},
      {"another copy's record: the first not settled",
       {kOtherCopy, 15},
       {1, 1, 7},
       start,
       {1, 1, 8},
       ResumeCause::kUnknown},
      {"a later incarnation's record: the first not settled",
       {kReplaced, 3},
       {},
       start,
       {1, 1, 1},
       ResumeCause::kUnknown},
      {"never before what is held", {kFirst, 2}, {}, {1, 1, 6}, {1, 1, 6}, ResumeCause::kAfter},
      {"nothing wanted: after all", {}, kAllRecords, start, {1, 2, 21}, ResumeCause::kAfter},
  };
  for (const ResumeCase& each : cases) {
    const Resume resume = two_boots().resume(each.reader, each.settled, each.first_held);
    EXPECT_EQ(resume.from, each.from) << each.what << ": " << to_string(resume.from);
    EXPECT_EQ(resume.cause, each.cause) << each.what;
  }
}

TEST(History, AcknowledgementsAreClippedToTheirEntry) {
  const History history = two_boots();
  EXPECT_EQ(history.clip({kFirst, 4}), (RecordId{1, 1, 4}));
  EXPECT_EQ(history.clip({kFirst, 14}), (RecordId{1, 1, 10}));
  EXPECT_EQ(history.clip({kOtherCopy, 14}), RecordId{}) << "another copy's record is not ours";
  EXPECT_EQ(history.clip(kEverything), kAllRecords);
}

TEST(History, NumbersGoOnAcrossBootsAndEmptyEntriesVanish) {
  History history;
  history.open(kFirst);
  history.advance(3);
  history.open(kSecond);  // Writes nothing.
  history.open({1, 3, 44});
  ASSERT_EQ(history.entries().size(), 2u);
  EXPECT_EQ(history.newest().first, 4u);
  EXPECT_EQ(history.next(), (RecordId{1, 3, 4}));
  EXPECT_EQ(history.first(), (RecordId{1, 1, 1}));
}

TEST(History, DropsWhatIsWhollyBefore) {
  History history = two_boots();
  history.drop_before({1, 1, 10});
  EXPECT_EQ(history.entries().size(), 2u);
  history.drop_before({1, 2, 11});
  EXPECT_EQ(history.entries().size(), 1u);
  history.drop_before({9, 9, 9});
  EXPECT_EQ(history.entries().size(), 1u) << "the newest stays";
}

}  // namespace
}  // namespace weir::edge
