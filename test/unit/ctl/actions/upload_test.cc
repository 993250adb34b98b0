#include "ctl/actions/upload.h"

#include <gtest/gtest.h>

#include <fstream>

#include "schema/content/sha256.h"
#include "test/unit/ctl/fake_broker.h"
#include "test/unit/ctl/logs/temp_folder.h"

namespace weir::ctl {
namespace {

constexpr size_t kMiB = 1u << 20;

// A broker that keeps one content, as schema/content/store.h does.
class UploadTest : public testing::Test {
 protected:
  UploadTest() {
    world_.answer = [this](const wire::Message& question) { return answer(question); };
  }

  Result<wire::Message> answer(const wire::Message& question) {
    if (std::holds_alternative<wire::ActionFind>(question)) {
      if (newest_) return wire::Message(wire::ActionStored{*newest_});
      return Error{ErrorCode::kNotFound, "no action is named so"};
    }
    if (const auto* put = std::get_if<wire::ActionPut>(&question)) {
      wanted_ = put->bytes;
      is_begun_ = true;
      if (kept_.size() < put->bytes)
        return wire::Message(wire::ActionWanted{put->sha256, kept_.size()});
      if (!newest_ || newest_->sha256 != put->sha256) {
        newest_ = {put->name, newest_ ? newest_->version + 1 : 1, put->sha256, put->bytes};
      }
      return wire::Message(wire::ActionStored{*newest_});
    }
    if (const auto* chunk = std::get_if<wire::ActionChunk>(&question)) return add(*chunk);
    const auto& fetch = std::get<wire::ActionFetch>(question);
    return wire::Message(
        wire::ActionData{fetch.sha256, fetch.offset, {kept_.substr(fetch.offset, kMiB)}});
  }

  Result<wire::Message> add(const wire::ActionChunk& chunk) {
    if (on_chunk_) on_chunk_();
    if (!is_begun_) return Error{ErrorCode::kNotFound, "no such upload"};
    if (chunk.offset == kept_.size()) kept_ += chunk.data.value;
    if (kept_.size() == wanted_ && content::sha256_of(kept_) != chunk.sha256) {
      kept_.clear();
      return Error{ErrorCode::kCorrupt, "the hash is another one"};
    }
    return wire::Message(wire::ActionWanted{chunk.sha256, kept_.size()});
  }

  ActionFile file(const std::string& text) {
    std::ofstream(folder_.path("a")) << text;
    return *ActionFile::open(folder_.path("a"));
  }
  Result<Uploaded> upload(const ActionFile& file) {
    return upload_action(broker_, "tool", file,
                         [this](uint64_t done, uint64_t /*total*/) { seen_.push_back(done); });
  }

  FakeWorld world_;
  FakeBroker broker_{world_};
  TempFolder folder_;
  std::string kept_;
  bool is_begun_ = false;
  uint64_t wanted_ = 0;
  std::optional<wire::ActionRef> newest_;
  std::function<void()> on_chunk_;
  std::vector<uint64_t> seen_;
};

TEST_F(UploadTest, AContentIsSentInPieces) {
  const std::string text(2 * kMiB + 5, 'x');
  const ActionFile a = file(text);
  const auto uploaded = upload(a);
  ASSERT_TRUE(uploaded) << uploaded.error().what;
  EXPECT_EQ(uploaded->action, (wire::ActionRef{"tool", 1, a.sha256(), text.size()}));
  EXPECT_TRUE(uploaded->is_new);
  EXPECT_EQ(kept_, text);
  EXPECT_EQ(seen_, (std::vector<uint64_t>{0, kMiB, 2 * kMiB, text.size()}));
  const auto again = upload(a);
  ASSERT_TRUE(again);
  EXPECT_FALSE(again->is_new);
  EXPECT_EQ(world_.count<wire::ActionChunk>(), 3u) << "nothing is sent twice";
}

TEST_F(UploadTest, GoesOnWhereAnEarlierTryEnded) {
  const std::string text(2 * kMiB + 5, 'x');
  kept_ = text.substr(0, kMiB);
  ASSERT_TRUE(upload(file(text)));
  EXPECT_EQ(world_.count<wire::ActionChunk>(), 2u);
}

TEST_F(UploadTest, ABrokerThatForgotTheUploadBeginsAgain) {
  const std::string text(3 * kMiB, 'x');
  int chunks = 0;
  on_chunk_ = [&] {
    if (++chunks != 2) return;
    kept_.clear();
    is_begun_ = false;
  };
  ASSERT_TRUE(upload(file(text)));
  EXPECT_EQ(kept_, text);
  EXPECT_EQ(chunks, 5);
}

TEST_F(UploadTest, ABrokerThatForgetsAgainAndAgainIsGivenUp) {
  on_chunk_ = [&] { is_begun_ = false; };
  const auto uploaded = upload(file("x"));
  ASSERT_FALSE(uploaded);
  EXPECT_EQ(uploaded.error().code, ErrorCode::kUnavailable);
}

TEST_F(UploadTest, AFileThatChangesMeanwhileIsAnError) {
  const ActionFile a = file("abc");
  std::ofstream(folder_.path("a")) << "abd";
  const auto uploaded = upload(a);
  ASSERT_FALSE(uploaded);
  EXPECT_EQ(uploaded.error().code, ErrorCode::kConflict) << uploaded.error().what;
}

TEST_F(UploadTest, ADownloadIsVerified) {
  const std::string text = std::string(kMiB, 'x') + "end";
  const wire::ActionRef action{"tool", 2, content::sha256_of(text), text.size()};
  const auto fetch = [&](std::string kept) {
    kept_ = std::move(kept);
    std::string got;
    const Status done = fetch_action(
        broker_, action, [&](std::string_view bytes) { return got += bytes, Status(); },
        [](uint64_t, uint64_t) {});
    return done ? got : done.error().what;
  };
  EXPECT_EQ(fetch(text), text);
  std::string other = text;
  other[7] = 'y';
  EXPECT_EQ(fetch(other),
            "action \"tool\", version 2: what was received does not match its SHA-256");
  EXPECT_EQ(fetch(text.substr(0, kMiB)),
            "action \"tool\", version 2: the broker sent fewer or other bytes than it announced");
}

}  // namespace
}  // namespace weir::ctl
