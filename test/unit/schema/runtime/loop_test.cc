#include "schema/runtime/loop.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <thread>

#include "schema/base/unique_fd.h"
#include "test/unit/counting_new.h"

namespace weir::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Pipe {
  UniqueFd in;
  UniqueFd out;
};

Pipe make_pipe() {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void write_byte(const Pipe& pipe) { ASSERT_EQ(::write(pipe.out.get(), "x", 1), 1); }

void read_byte(const Pipe& pipe) {
  char byte = 0;
  ASSERT_EQ(::read(pipe.in.get(), &byte, 1), 1);
}

TEST(Loop, ReportsWhatIsReadable) {
  Loop loop;
  const Pipe pipe = make_pipe();
  int calls = 0;
  loop.watch_fd(pipe.in.get(), Interest::kRead, [&](Ready ready) {
    EXPECT_TRUE(ready.readable);
    EXPECT_FALSE(ready.writable);
    ++calls;
  });
  loop.run_once(Duration::zero());
  EXPECT_EQ(calls, 0);
  write_byte(pipe);
  loop.run_once(Duration::zero());
  loop.run_once(Duration::zero());
  EXPECT_EQ(calls, 2) << "level-triggered: again until it is read";
}

TEST(Loop, InterestCanChangeAndNoneHearsNothing) {
  Loop loop;
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd mine(ends[0]);
  UniqueFd other(ends[1]);
  std::string heard;
  const WatchId id = loop.watch_fd(mine.get(), Interest::kRead, [&](Ready ready) {
    heard += ready.readable ? "r" : "";
    heard += ready.writable ? "w" : "";
  });
  loop.run_once(Duration::zero());
  EXPECT_EQ(heard, "");
  loop.set_interest(id, Interest::kWrite);
  loop.run_once(Duration::zero());
  EXPECT_EQ(heard, "w");
  loop.set_interest(id, Interest::kNone);
  other.reset();
  loop.run_once(Duration::zero());
  EXPECT_EQ(heard, "w") << "not even the hang-up";
  loop.set_interest(id, Interest::kRead);
  loop.run_once(Duration::zero());
  EXPECT_EQ(heard, "wr");
}

TEST(Loop, ClosedReaderWakesTheWriter) {
  Loop loop;
  Pipe pipe = make_pipe();
  bool woken = false;
  while (::write(pipe.out.get(), "0123456789abcdef", 16) > 0) {
  }
  loop.watch_fd(pipe.out.get(), Interest::kWrite, [&](Ready ready) {
    EXPECT_TRUE(ready.writable);
    woken = true;
  });
  loop.run_once(Duration::zero());
  EXPECT_FALSE(woken);
  pipe.in.reset();
  loop.run_once(Duration::zero());
  EXPECT_TRUE(woken);
}

TEST(Loop, AWatchMayRemoveItselfAndOthersAndAddNewOnes) {
  Loop loop;
  const Pipe a = make_pipe();
  const Pipe b = make_pipe();
  WatchId ids[2];
  int calls = 0;
  int added_calls = 0;
  const auto callback = [&, alive = std::make_shared<int>(7)](Ready) {
    ++calls;
    loop.unwatch(ids[0]);
    loop.unwatch(ids[1]);
    // Many, so that a vector of watches would have moved the one that is running.
    for (int i = 0; i < 100; ++i) {
      loop.watch_fd(a.in.get(), Interest::kRead, [&](Ready) { ++added_calls; });
    }
    EXPECT_EQ(*alive, 7) << "the callback was destroyed while it ran";
  };
  ids[0] = loop.watch_fd(a.in.get(), Interest::kRead, callback);
  ids[1] = loop.watch_fd(b.in.get(), Interest::kRead, callback);
  write_byte(a);
  write_byte(b);
  loop.run_once(Duration::zero());
  EXPECT_EQ(calls, 1) << "the other was removed before its turn";
  EXPECT_EQ(added_calls, 0) << "new ones are heard from the next turn on";
  loop.run_once(Duration::zero());
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(added_calls, 100);
}

TEST(Loop, ANameThatIsGoneDoesNotHitItsSuccessor) {
  Loop loop;
  const Pipe pipe = make_pipe();
  int calls = 0;
  const WatchId old = loop.watch_fd(pipe.in.get(), Interest::kRead, [](Ready) {});
  loop.unwatch(old);
  loop.watch_fd(pipe.in.get(), Interest::kRead, [&](Ready) { ++calls; });
  loop.unwatch(old);
  loop.set_interest(old, Interest::kNone);
  write_byte(pipe);
  loop.run_once(Duration::zero());
  EXPECT_EQ(calls, 1);
}

TEST(Loop, TimersRunInOrderOnceOrAgain) {
  Loop loop;
  std::string order;
  loop.after(milliseconds(4), [&] { order += "b"; });
  loop.after(milliseconds(1), [&] { order += "a"; });
  const TimerId never = loop.after(milliseconds(2), [&] { order += "!"; });
  loop.cancel(never);
  int ticks = 0;
  TimerId repeating = TimerId::kNone;
  repeating = loop.every(milliseconds(6), [&] {
    order += "t";
    if (++ticks == 3) {
      loop.cancel(repeating);
      loop.stop();
    }
  });
  loop.run();
  EXPECT_EQ(order, "abttt");
  loop.run_once(milliseconds(10));
  EXPECT_EQ(order, "abttt");
}

TEST(Loop, ATimerMayCancelOneThatIsDueToo) {
  Loop loop;
  int calls = 0;
  TimerId second = TimerId::kNone;
  loop.after(Duration::zero(), [&] {
    ++calls;
    loop.cancel(second);
  });
  second = loop.after(Duration::zero(), [&] { ++calls; });
  loop.run_once(milliseconds(1));
  loop.run_once(milliseconds(1));
  EXPECT_EQ(calls, 1);
}

TEST(Loop, TimersThatAreSetAndCancelledDoNotPileUp) {
  Loop loop;
  for (int i = 0; i < 1000; ++i) loop.cancel(loop.after(std::chrono::hours(1), [] {}));
  const std::size_t before = allocations;
  for (int i = 0; i < 100'000; ++i) loop.cancel(loop.after(std::chrono::hours(1), [] {}));
  EXPECT_EQ(allocations, before);
}

TEST(Loop, PostsRunAtTheEndOfTheTurnBeforeTheHook) {
  Loop loop;
  std::string order;
  const Pipe pipe = make_pipe();
  write_byte(pipe);
  loop.on_turn_end([&] { order += "|"; });
  loop.watch_fd(pipe.in.get(), Interest::kRead, [&](Ready) {
    read_byte(pipe);
    loop.post([&] {
      order += "p";
      loop.post([&] { order += "q"; });
    });
    order += "w";
  });
  loop.run_once(seconds(5));
  EXPECT_EQ(order, "wp|");
  loop.run_once(seconds(5));
  EXPECT_EQ(order, "wp|q|") << "a post from a post is the next turn's, which does not wait";
}

// Posts that go on for ever hold up no watch.
TEST(Loop, WatchesAreLookedAtBetweenPosts) {
  Loop loop;
  const Pipe pipe = make_pipe();
  write_byte(pipe);
  int watched = 0;
  int timed = 0;
  loop.watch_fd(pipe.in.get(), Interest::kRead, [&](Ready) { ++watched; });
  loop.on_turn_end([&] { loop.post([] {}); });
  for (int i = 0; i < 40; ++i) loop.run_once(seconds(5));
  EXPECT_EQ(watched, 10);
  loop.after(Duration::zero(), [&] { ++timed; });
  for (int i = 0; i < 4; ++i) loop.run_once(seconds(5));
  EXPECT_EQ(timed, 1);
}

TEST(Loop, OtherThreadsMayPost) {
  Loop loop;
  std::thread other([&] { loop.post_from_any_thread([&] { loop.stop(); }); });
  loop.run();
  other.join();
}

TEST(Loop, ASteadyLoopDoesNotAllocate) {
  Loop loop;
  const Pipe pipe = make_pipe();
  int turns = 0;
  WatchId writer = WatchId::kNone;
  loop.watch_fd(pipe.in.get(), Interest::kRead, [&](Ready) {
    read_byte(pipe);
    loop.set_interest(writer, Interest::kWrite);
  });
  writer = loop.watch_fd(pipe.out.get(), Interest::kWrite, [&](Ready) {
    write_byte(pipe);
    loop.set_interest(writer, Interest::kNone);
    loop.post([&turns] { ++turns; });
  });
  loop.every(std::chrono::microseconds(1), [] {});
  for (int i = 0; i < 100; ++i) loop.run_once(seconds(1));
  const std::size_t before = allocations;
  for (int i = 0; i < 1000; ++i) loop.run_once(seconds(1));
  EXPECT_EQ(allocations, before);
  EXPECT_GT(turns, 500);
}

TEST(LoopDeathTest, AnotherThreadIsRefused) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Loop loop;
        std::thread([&] { loop.post([] {}); }).join();
      },
      "another thread");
}

}  // namespace
}  // namespace weir::runtime
