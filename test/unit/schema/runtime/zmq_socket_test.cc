#include "schema/runtime/zmq_socket.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <string>

#include "schema/runtime/loop.h"

namespace weir::runtime {
namespace {

using std::chrono::seconds;

// A reader and a writer on a loop, as on an edge.
class ZmqSocketTest : public ::testing::Test {
 protected:
  void open(const SocketOptions& options = {}) {
    auto made_router = ZmqSocket::router(context_, options);
    ASSERT_TRUE(made_router) << made_router.error().what;
    router_.emplace(*std::move(made_router));
    auto made_dealer = ZmqSocket::dealer(context_, options);
    ASSERT_TRUE(made_dealer) << made_dealer.error().what;
    dealer_.emplace(*std::move(made_dealer));
    auto endpoint = router_->bind("tcp://127.0.0.1:*");
    ASSERT_TRUE(endpoint) << endpoint.error().what;
    endpoint_ = *endpoint;
    ASSERT_TRUE(dealer_->connect(endpoint_));
  }

  // Waits on the loop, with a limit, for a message.
  bool receive(ZmqSocket& socket, std::vector<Message>& parts) {
    bool got = false;
    const WatchId watch = loop_.watch_socket(socket, [&] {
      auto received = socket.receive(parts);
      ASSERT_TRUE(received) << received.error().what;
      got = *received;
    });
    const SteadyTime deadline = std::chrono::steady_clock::now() + seconds(10);
    while (!got && std::chrono::steady_clock::now() < deadline) loop_.run_once(seconds(1));
    loop_.unwatch(watch);
    return got;
  }

  ZmqContext context_;
  Loop loop_;
  std::optional<ZmqSocket> router_;
  std::optional<ZmqSocket> dealer_;
  std::string endpoint_;
};

TEST_F(ZmqSocketTest, SpeaksIpv6ToAnAddressInBrackets) {
  const int probe = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  const bool there =
      ::bind(probe, reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback) == 0;
  ::close(probe);
  if (!there) GTEST_SKIP() << "this host has no IPv6 loopback";
  router_.emplace(std::move(*ZmqSocket::router(context_, {})));
  dealer_.emplace(std::move(*ZmqSocket::dealer(context_, {})));
  const auto v4 = router_->bind("tcp://127.0.0.1:*");
  const auto v6 = router_->bind("tcp://[::1]:*");
  ASSERT_TRUE(v4) << v4.error().what;
  ASSERT_TRUE(v6) << v6.error().what;
  EXPECT_TRUE(v6->starts_with("tcp://[::1]:")) << *v6;
  ASSERT_TRUE(dealer_->connect(*v6));
  ASSERT_TRUE(dealer_->send({"hello"}));
  std::vector<Message> parts;
  ASSERT_TRUE(receive(*router_, parts));
  EXPECT_EQ(parts.at(1).view(), "hello");
}

TEST_F(ZmqSocketTest, CarriesPartsThereAndBack) {
  open();
  EXPECT_TRUE(endpoint_.starts_with("tcp://127.0.0.1:"));
  EXPECT_EQ(endpoint_.find('*'), std::string::npos);
  auto sent = dealer_->send({"hello", std::string_view("\0x", 2)});
  ASSERT_TRUE(sent);
  EXPECT_EQ(*sent, SendStatus::kSent);
  std::vector<Message> parts;
  ASSERT_TRUE(receive(*router_, parts));
  ASSERT_EQ(parts.size(), 3U) << "routing id, then what was sent";
  EXPECT_EQ(parts[1].view(), "hello");
  EXPECT_EQ(parts[2].view(), std::string_view("\0x", 2));
  EXPECT_TRUE(parts[2].property("Peer-Address").has_value());

  sent = router_->send({parts[0].view(), "welcome"});
  ASSERT_TRUE(sent);
  EXPECT_EQ(*sent, SendStatus::kSent);
  ASSERT_TRUE(receive(*dealer_, parts));
  ASSERT_EQ(parts.size(), 1U);
  EXPECT_EQ(parts[0].view(), "welcome");
  auto none = dealer_->receive(parts);
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
}

TEST_F(ZmqSocketTest, SharedBytesAreNotCopiedAndTheirOwnerIsReleased) {
  open();
  std::promise<void> released;
  auto buffer =
      std::shared_ptr<std::string>(new std::string(1 << 20, 'b'), [&](std::string* bytes) {
        delete bytes;
        released.set_value();
      });
  Message message = Message::shared(buffer->data(), buffer->size(), buffer);
  EXPECT_EQ(message.data(), buffer->data());
  Message again = message.share();
  EXPECT_EQ(again.data(), buffer->data()) << "a second reader gets the same bytes";
  buffer.reset();
  Message parts_out[] = {Message(std::string_view("header")), std::move(message)};
  auto sent = dealer_->send(parts_out);
  ASSERT_TRUE(sent);
  std::vector<Message> parts;
  ASSERT_TRUE(receive(*router_, parts));
  EXPECT_EQ(parts[2].size(), std::size_t{1} << 20);
  again = Message();
  EXPECT_EQ(released.get_future().wait_for(seconds(10)), std::future_status::ready);
}

TEST_F(ZmqSocketTest, SaysThatNobodyHasThatRoutingId) {
  open();
  auto sent = router_->send({"nobody", "x"});
  ASSERT_TRUE(sent);
  EXPECT_EQ(*sent, SendStatus::kNoPeer);
}

TEST_F(ZmqSocketTest, SaysThatItWouldBlockAndStaysWhole) {
  SocketOptions options;
  options.send_hwm = 4;
  options.receive_hwm = 4;
  options.message_bytes_max = 8 << 20;
  open(options);
  const std::string body(4 << 20, 'x');
  int accepted = 0;
  bool blocked = false;
  while (!blocked && accepted < 1000) {
    auto sent = dealer_->send({"head", body, std::to_string(accepted)});
    ASSERT_TRUE(sent);
    blocked = *sent == SendStatus::kWouldBlock;
    accepted += blocked ? 0 : 1;
  }
  ASSERT_TRUE(blocked);
  std::vector<Message> parts;
  for (int i = 0; i < accepted; ++i) {
    ASSERT_TRUE(receive(*router_, parts)) << i;
    ASSERT_EQ(parts.size(), 4U);
    EXPECT_EQ(parts[3].view(), std::to_string(i));
  }
}

TEST_F(ZmqSocketTest, WithoutAConnectionNothingIsTaken) {
  SocketOptions options;
  options.only_when_connected = true;
  auto dealer = ZmqSocket::dealer(context_, options);
  ASSERT_TRUE(dealer);
  ASSERT_TRUE(dealer->connect("tcp://127.0.0.1:1"));
  auto sent = dealer->send({"x"});
  ASSERT_TRUE(sent);
  EXPECT_EQ(*sent, SendStatus::kWouldBlock);
}

TEST_F(ZmqSocketTest, AddressInUseIsAConflict) {
  open();
  auto second = ZmqSocket::router(context_, {});
  ASSERT_TRUE(second);
  auto bound = second->bind(endpoint_);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().code, ErrorCode::kConflict);
  EXPECT_EQ(bound.error().what, "bind " + endpoint_ + ": Address already in use");
  auto nonsense = second->bind("nonsense");
  ASSERT_FALSE(nonsense);
  EXPECT_EQ(nonsense.error().code, ErrorCode::kInvalid);
}

TEST_F(ZmqSocketTest, AMessageOfTooManyPartsIsRefusedWhole) {
  open();
  ASSERT_TRUE(dealer_->send({"1", "2", "3", "4", "5", "6", "7", "8", "9"}));
  ASSERT_TRUE(dealer_->send({"good"}));
  std::vector<Message> parts;
  bool refused = false;
  bool good = false;
  loop_.watch_socket(*router_, [&] {
    auto received = router_->receive(parts);
    if (!received) {
      EXPECT_EQ(received.error().code, ErrorCode::kCorrupt);
      refused = true;
    } else if (*received) {
      EXPECT_EQ(parts.back().view(), "good");
      good = true;
      loop_.stop();
    }
  });
  loop_.after(seconds(10), [&] { loop_.stop(); });
  loop_.run();
  EXPECT_TRUE(refused);
  EXPECT_TRUE(good);
}

// The fd of a ZeroMQ socket is edge-triggered: a loop that trusted it would stop here.
TEST_F(ZmqSocketTest, ManyMessagesOneATurn) {
  open();
  constexpr int kMessages = 2000;
  int received_count = 0;
  int sent_count = 0;
  std::vector<Message> parts;
  loop_.watch_socket(*router_, [&] {
    auto received = router_->receive(parts);
    ASSERT_TRUE(received);
    if (*received && ++received_count == kMessages) loop_.stop();
  });
  loop_.on_turn_end([&] {
    while (sent_count < kMessages) {
      auto sent = dealer_->send({"message"});
      ASSERT_TRUE(sent);
      if (*sent != SendStatus::kSent) break;
      ++sent_count;
    }
  });
  loop_.every(std::chrono::milliseconds(5), [] {});  // For when the sender was full.
  loop_.after(seconds(20), [&] { loop_.stop(); });
  loop_.run();
  EXPECT_EQ(received_count, kMessages);
}

}  // namespace
}  // namespace weir::runtime
