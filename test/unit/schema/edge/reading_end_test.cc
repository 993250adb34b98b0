#include "schema/edge/reading_end.h"

#include <gtest/gtest.h>

#include "schema/edge/writer.h"

namespace weir::edge {
namespace {

const EdgeName kName{"pipe", "a.0", "b.0"};
const Peer kWriter{"route 1", "alice", Peer::Role::kWriter};
constexpr Incarnation kOf{1, 1, 11};
const SteadyTime kNow{};

wire::BlockHeader block(uint64_t first, uint32_t pieces) {
  wire::BlockHeader header;
  header.of = kOf;
  header.first = first;
  header.pieces = pieces;
  return header;
}

class ReadingEndTest : public ::testing::Test {
 protected:
  // HELLO, WELCOME, BEGIN.
  void meet() {
    const auto meeting = end_.on_hello(writer_.hello(history_, history_.first(), kNow), kWriter);
    ASSERT_FALSE(meeting.refuse);
    if (meeting.persist_seen) end_.seen_kept();
    const auto welcome = end_.welcome_due(true);
    ASSERT_TRUE(welcome);
    const auto greeted = writer_.on_welcome(*welcome, history_, history_.first(), kNow);
    ASSERT_TRUE(greeted.begin);
    session_ = greeted.begin->session;
    EXPECT_FALSE(end_.on_frame(*greeted.begin).reset);
  }

  History history_{std::vector<HistoryEntry>{{kOf, 1, 10}}};
  EdgeWriter writer_{kName};
  ReadingEnd end_{kName, 1000, {}};
  uint64_t session_ = 0;
};

TEST_F(ReadingEndTest, R2NoWelcomeBeforeWhatIsSeenIsKeptAndThereIsRoom) {
  const auto meeting = end_.on_hello(writer_.hello(history_, history_.first(), kNow), kWriter);
  EXPECT_TRUE(meeting.persist_seen);
  EXPECT_EQ(end_.peer(), kWriter);
  EXPECT_FALSE(end_.welcome_due(true)) << "not kept yet";
  end_.seen_kept();
  EXPECT_FALSE(end_.welcome_due(false)) << "a whole window does not fit";
  EXPECT_TRUE(end_.welcome_due(true));
  EXPECT_FALSE(end_.welcome_due(true)) << "once";
}

TEST_F(ReadingEndTest, AHelloThatIsRefusedChangesNothing) {
  meet();
  EdgeWriter stranger(EdgeName{"other", "a.0", "b.0"});
  const auto meeting = end_.on_hello(stranger.hello(history_, history_.first(), kNow),
                                     Peer{"route 2", "mallory", Peer::Role::kWriter});
  EXPECT_TRUE(meeting.refuse);
  EXPECT_EQ(end_.peer(), kWriter);
  EXPECT_TRUE(end_.open());
  EXPECT_FALSE(end_.welcome_due(true));
}

TEST_F(ReadingEndTest, AnAcknowledgementGoesWhenItIsNews) {
  meet();
  EXPECT_TRUE(end_.ack_due()) << "the first of a session";
  EXPECT_FALSE(end_.ack_due());
  end_.set_taken({kOf, 3});
  EXPECT_EQ(end_.ack_due()->taken, (Position{kOf, 3}));
  EXPECT_FALSE(end_.ack_due());
}

TEST_F(ReadingEndTest, R7ThatItHoldsWhatItHasIsNews) {
  meet();
  EXPECT_FALSE(end_.ack_due()->holds);
  end_.set_holds(true);
  const auto ack = end_.ack_due();
  ASSERT_TRUE(ack);
  EXPECT_TRUE(ack->holds);
}

TEST_F(ReadingEndTest, WithoutCreditOnlyTakenIsHeldBack) {
  meet();
  EXPECT_TRUE(end_.ack_due());
  end_.set_taken({kOf, 3});
  EXPECT_FALSE(end_.ack_due(false));
  end_.set_settled({kOf, 2});
  const auto ack = end_.ack_due(false);
  ASSERT_TRUE(ack);
  EXPECT_EQ(ack->settled, (Position{kOf, 2}));
  EXPECT_TRUE(ack->taken.none());
  EXPECT_EQ(end_.ack_due()->taken, (Position{kOf, 3}));
}

TEST_F(ReadingEndTest, ABlockIsNewsOnceAndOneThatIsMissingIsAskedFor) {
  meet();
  EXPECT_TRUE(end_.ack_due());
  EXPECT_EQ(end_.on_block(block(1, 3)), 0u);
  EXPECT_EQ(end_.on_block(block(2, 4)), 2u) << "two pieces of it are known";
  EXPECT_FALSE(end_.on_block(block(1, 3)));
  EXPECT_TRUE(end_.ack_due()) << "its writer has not heard that it is here";
  EXPECT_FALSE(end_.on_block(block(9, 1)));
  EXPECT_EQ(end_.welcome_due(true)->position, (Position{kOf, 5}));
}

TEST_F(ReadingEndTest, APingIsAnsweredAndOneOfASessionThatIsOverWithReset) {
  meet();
  EXPECT_TRUE(end_.ack_due());
  EXPECT_FALSE(end_.on_frame(Ping{session_, {1, 1, 1}}).reset);
  EXPECT_TRUE(end_.ack_due());
  const auto heard = end_.on_frame(Ping{session_ + 7, {1, 1, 1}});
  ASSERT_TRUE(heard.reset);
  EXPECT_EQ(heard.reset->session, session_ + 7);
  EXPECT_FALSE(end_.ack_due());
}

TEST_F(ReadingEndTest, R8WhoWantsNoMoreTakesNoneAndMissesNone) {
  meet();
  EXPECT_TRUE(end_.ack_due());
  end_.want_no_more();
  EXPECT_FALSE(end_.on_block(block(1, 3)));
  EXPECT_TRUE(end_.ack_due());
  EXPECT_FALSE(end_.on_frame(Ping{session_, {1, 1, 9}}).reset);
  EXPECT_FALSE(end_.welcome_due(true)) << "nothing is asked for again";
}

TEST_F(ReadingEndTest, ARestartEndsTheSessionAndAsksFromTheFrontier) {
  meet();
  EXPECT_EQ(end_.on_block(block(1, 5)), 0u);
  const auto reset = end_.restart({kOf, 2});
  ASSERT_TRUE(reset);
  EXPECT_EQ(reset->session, session_);
  EXPECT_FALSE(end_.restart({kOf, 2})) << "there is no session any more";
  EXPECT_FALSE(end_.on_block(block(6, 1)));
  (void)end_.on_hello(writer_.hello(history_, history_.first(), kNow), kWriter);
  EXPECT_EQ(end_.welcome_due(true)->position, (Position{kOf, 2}));
}

}  // namespace
}  // namespace weir::edge
