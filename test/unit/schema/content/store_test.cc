#include "schema/content/store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace weir::content {
namespace {

namespace fs = std::filesystem;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string name = fs::temp_directory_path() / "weir-content-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~StoreTest() override { fs::remove_all(folder_); }

  Store open() {
    auto store = Store::open(folder_ + "/actions");
    EXPECT_TRUE(store) << store.error().what;
    return std::move(*store);
  }
  size_t files() const {
    const fs::directory_iterator all(folder_ + "/actions");
    return static_cast<size_t>(std::distance(begin(all), end(all)));
  }

  std::string folder_;
  SteadyTime now_{};
  const std::string text_ = "#!/bin/sh\nexec cat\n";
  const std::string sha256_ = sha256_of(text_);
};

// FIPS 180-2, appendix B.
TEST(Sha256Test, KnownHashes) {
  EXPECT_EQ(sha256_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_FALSE(sha256_of_file("/nonexistent"));
}

TEST_F(StoreTest, ContentInPartsGetsItsNameWhenItIsWhole) {
  Store store = open();
  ASSERT_EQ(*store.wanted(sha256_, text_.size(), now_), 0u);
  EXPECT_EQ(*store.add(sha256_, 0, text_.substr(0, 5), now_), 5u);
  EXPECT_FALSE(store.has(sha256_));
  EXPECT_EQ(*store.wanted(sha256_, text_.size(), now_), 5u);
  EXPECT_EQ(*store.add(sha256_, 0, text_.substr(0, 5), now_), 5u) << "a repeat is dropped";
  EXPECT_EQ(*store.add(sha256_, 9, "what", now_), 5u) << "so is what comes too early";
  EXPECT_EQ(*store.add(sha256_, 5, text_.substr(5), now_), text_.size());
  ASSERT_TRUE(store.has(sha256_));
  EXPECT_EQ(*store.add(sha256_, 5, text_.substr(5), now_), text_.size()) << "the last one, twice";
  EXPECT_EQ(*store.wanted(sha256_, text_.size(), now_), text_.size());
  EXPECT_EQ(store.wanted(sha256_, 1, now_).error().code, ErrorCode::kConflict);
  EXPECT_EQ(*store.read(sha256_, 0, 1 << 20), text_);
  EXPECT_EQ(*store.read(sha256_, 3, 4), text_.substr(3, 4));
  EXPECT_EQ(*store.read(sha256_, text_.size(), 4), "");
  EXPECT_TRUE(*store.verify(sha256_));
  EXPECT_EQ(*store.list(), (std::vector<Content>{{sha256_, text_.size()}}));
  struct stat info {};
  ASSERT_EQ(::stat(store.path(sha256_).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0555u);
  EXPECT_TRUE(store.remove(sha256_));
  EXPECT_TRUE(store.remove(sha256_));
  EXPECT_EQ(files(), 0u);
}

TEST_F(StoreTest, WrongOrTooLongContentLeavesNothing) {
  Store store = open();
  const std::string other = sha256_of("other");
  ASSERT_TRUE(store.wanted(other, text_.size(), now_));
  EXPECT_EQ(store.add(other, 0, text_, now_).error().code, ErrorCode::kCorrupt);
  ASSERT_TRUE(store.wanted(sha256_, 3, now_));
  EXPECT_EQ(store.wanted(sha256_, 4, now_).error().code, ErrorCode::kConflict);
  EXPECT_EQ(store.add(sha256_, 0, text_, now_).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(store.add(sha256_, 0, text_, now_).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(files(), 0u);
}

TEST_F(StoreTest, WhatIsNotFinishedIsDeletedAfterSilenceAndWhenOpened) {
  {
    Store store = open();
    ASSERT_TRUE(store.wanted(sha256_, text_.size(), now_));
    store.drop_silent_parts(now_ + kPartSilenceMax);
    EXPECT_EQ(files(), 0u);
    ASSERT_TRUE(store.wanted(sha256_, text_.size(), now_));
    EXPECT_EQ(files(), 1u);
  }
  Store store = open();
  EXPECT_EQ(files(), 0u);
  EXPECT_EQ(*store.wanted(sha256_, text_.size(), now_), 0u);
}

TEST_F(StoreTest, OnlySoManyAtOnce) {
  Store store = open();
  for (size_t i = 0; i < kPartsMax; ++i) {
    ASSERT_TRUE(store.wanted(sha256_of(std::to_string(i)), 10, now_));
  }
  EXPECT_EQ(store.wanted(sha256_, text_.size(), now_).error().code, ErrorCode::kLimit);
  EXPECT_TRUE(store.wanted(sha256_, text_.size(), now_ + kPartSilenceMax));
  EXPECT_EQ(files(), 1u);
}

TEST_F(StoreTest, DamageIsSeen) {
  Store store = open();
  ASSERT_TRUE(store.wanted(sha256_, text_.size(), now_));
  ASSERT_TRUE(store.add(sha256_, 0, text_, now_));
  fs::permissions(store.path(sha256_), fs::perms::owner_all);
  std::ofstream(store.path(sha256_)) << "#!/bin/sh\nrm -rf /\n";
  EXPECT_FALSE(*store.verify(sha256_));
}

}  // namespace
}  // namespace weir::content
