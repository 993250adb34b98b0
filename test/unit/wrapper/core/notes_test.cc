#include "wrapper/core/notes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace weir::core {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const edge::SteadyTime kStart{std::chrono::hours(1)};

std::vector<std::string> texts(const NoteBook& book) {
  std::vector<std::string> all;
  for (const wire::Note& note : book.waiting()) all.push_back(wire::to_string(note));
  return all;
}

TEST(NoteBook, WhatWasTakenIsToldNoMore) {
  NoteBook book;
  book.add("a", kStart);
  book.add("b", kStart);
  EXPECT_THAT(texts(book), ElementsAre("a", "b"));
  book.taken(book.waiting()[0].number);
  EXPECT_THAT(texts(book), ElementsAre("b"));
  book.taken(book.newest());
  EXPECT_THAT(texts(book), IsEmpty());
}

TEST(NoteBook, NeverFallsSilent) {
  NoteBook book;
  std::set<std::string> heard;
  for (int i = 0; i < 10'000; ++i) {
    book.add("note " + std::to_string(i), kStart);
    ASSERT_EQ(book.waiting().size(), 1u);
    heard.insert(book.waiting()[0].text);
    book.taken(book.newest());
  }
  EXPECT_EQ(heard.size(), 10'000u);
}

TEST(NoteBook, WhatIsSaidAgainIsCountedAndToldOnceAMinute) {
  NoteBook book;
  for (int second = 0; second < 60; ++second) {
    book.add("trimmed", kStart + seconds(second));
    book.tick(kStart + seconds(second));
    book.taken(book.newest());
    EXPECT_THAT(texts(book), IsEmpty());
  }
  EXPECT_EQ(book.newest(), 1u);
  book.tick(kStart + seconds(60));
  EXPECT_THAT(texts(book), ElementsAre("trimmed (60 times)"));
  EXPECT_EQ(book.newest(), 2u);
}

TEST(NoteBook, ATickAfterSilenceTellsNothing) {
  NoteBook book;
  book.add("a", kStart);
  book.taken(1);
  book.tick(kStart + seconds(1000));
  EXPECT_THAT(texts(book), IsEmpty());
}

// The broker is away: what does not fit is said to be missing, and the last ones are there.
TEST(NoteBook, IsBoundedAndSaysWhatItDropped) {
  NoteBook book;
  for (int i = 1; i <= 100; ++i) book.add("note " + std::to_string(i), kStart);
  const std::vector<wire::Note> waiting = book.waiting();
  ASSERT_EQ(waiting.size(), NoteBook::kKept);
  EXPECT_EQ(waiting.back().text, "note 100");
  uint64_t dropped = 0;
  for (const wire::Note& note : waiting) {
    if (note.text == NoteBook::kDropped) dropped = note.times;
  }
  EXPECT_EQ(dropped + NoteBook::kKept - 1, 100u);
  for (size_t i = 1; i < waiting.size(); ++i) EXPECT_GT(waiting[i].number, waiting[i - 1].number);
}

}  // namespace
}  // namespace weir::core
