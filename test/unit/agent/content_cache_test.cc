#include "agent/shell/content_cache.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "schema/content/sha256.h"

namespace weir::agent {
namespace {

namespace fs = std::filesystem;

class Cache : public ::testing::Test {
 protected:
  Cache() {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    open();
  }
  ~Cache() override { fs::remove_all(folder_); }

  void open() {
    cache_.reset();
    auto cache = ContentCache::open(loop_, folder_ + "/actions");
    ASSERT_TRUE(cache) << cache.error().what;
    cache_ = std::move(*cache);
  }
  ContentAnswer ask(const ContentEffect& effect) {
    std::optional<ContentAnswer> got;
    cache_->carry_out(effect, [&](const std::string& sha256, const ContentAnswer& answer) {
      EXPECT_EQ(sha256, sha256_);
      got = answer;
    });
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!got && std::chrono::steady_clock::now() < deadline) {
      loop_.run_once(std::chrono::milliseconds(100));
    }
    EXPECT_TRUE(got) << "no answer";
    return got.value_or(ContentFailed{"no answer"});
  }
  // The offset that is wanted next, or nothing after a failure.
  std::optional<uint64_t> look() { return offset(ask(LookForContent{sha256_, program_.size()})); }
  std::optional<uint64_t> add(uint64_t at, const std::string& data) {
    return offset(ask(AddToContent{sha256_, at, data}));
  }
  static std::optional<uint64_t> offset(const ContentAnswer& answer) {
    const auto* is = std::get_if<ContentIs>(&answer);
    return is != nullptr ? std::optional(is->offset) : std::nullopt;
  }
  std::string path() const { return folder_ + "/actions/" + sha256_; }

  runtime::Loop loop_;
  std::string folder_ = "/tmp/weir-cache-XXXXXX";
  std::unique_ptr<ContentCache> cache_;
  const std::string program_ = "#!/bin/sh\necho hello\n";
  const std::string sha256_ = content::sha256_of(program_);
};

TEST_F(Cache, AProgramThatWasFetchedCanBeRun) {
  EXPECT_EQ(look(), 0u);
  EXPECT_EQ(add(0, program_.substr(0, 5)), 5u);
  EXPECT_EQ(look(), 5u);
  EXPECT_EQ(add(5, program_.substr(5)), program_.size());
  EXPECT_EQ(fs::status(path()).permissions(), fs::perms(0555));
  EXPECT_EQ(look(), program_.size());
}

TEST_F(Cache, ADamagedCopyFromBeforeIsFetchedAgain) {
  look();
  add(0, program_);
  fs::permissions(path(), fs::perms(0755));
  std::ofstream(path(), std::ios::in | std::ios::out) << "#!/bin/no";
  EXPECT_EQ(look(), program_.size()) << "it was looked at when it was written";
  open();
  EXPECT_EQ(look(), 0u);
  EXPECT_FALSE(fs::exists(path()));
  EXPECT_EQ(add(0, program_), program_.size());
}

TEST_F(Cache, OtherContentThanItsHashSaysIsRefused) {
  look();
  EXPECT_EQ(add(0, std::string(program_.size(), 'x')), std::nullopt);
  EXPECT_FALSE(fs::exists(path()));
  EXPECT_EQ(look(), 0u);
}

TEST_F(Cache, WhatNobodyNeedsIsSwept) {
  look();
  add(0, program_);
  cache_->carry_out(SweepContents{{}, 1 << 20}, nullptr);
  EXPECT_EQ(look(), program_.size()) << "there is room";
  cache_->carry_out(SweepContents{{sha256_}, 0}, nullptr);
  EXPECT_EQ(look(), program_.size()) << "it is needed";
  cache_->carry_out(SweepContents{{}, 0}, nullptr);
  EXPECT_EQ(look(), 0u);
}

}  // namespace
}  // namespace weir::agent
