// Peers that are hostile or broken, on the sockets of a real broker, agent and wrapper, while a
// pipeline goes on: random bytes, messages that are cut off, too large, of other versions or of old
// terms, connections that never say anything, thousands of them.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "schema/edge/frames.h"
#include "schema/wire/block.h"
#include "test/e2e/support/cluster.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;

constexpr auto kQuiet = std::chrono::milliseconds(300);
constexpr size_t kMemoryKbMax = (kSanitized ? 2000 : 400) << 10;

// "tcp://127.0.0.1:7000" or "ipc:///path"; not valid if it cannot be connected.
UniqueFd connect_raw(const std::string& endpoint) {
  if (endpoint.starts_with("ipc://")) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    endpoint.copy(to.sun_path, sizeof to.sun_path - 1, 6);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return {};
    return fd;
  }
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return {};
  return fd;
}

std::string random_bytes(std::mt19937_64& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

// What begins a ZeroMQ connection (ZMTP 3.0, NULL), so that what follows is taken for messages.
std::string greeting() {
  std::string bytes("\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL", 16);
  bytes.resize(64, '\0');
  return bytes + std::string("\4\x19\5READY\x0bSocket-Type\0\0\0\6DEALER", 27);
}

// Bytes that are no ZeroMQ, or stop being it.
void send_garbage(const std::string& endpoint, std::mt19937_64& random) {
  for (int i = 0; i < 100; ++i) {
    const UniqueFd fd = connect_raw(endpoint);
    if (!fd.valid()) continue;
    std::string bytes = i % 2 == 0 ? "" : greeting();
    bytes += random_bytes(random, 1 + random() % 5000);
    // A length of 2^62, of which nothing comes.
    if (i % 10 == 1) bytes = greeting() + std::string("\2\x40\0\0\0\0\0\0\0abc", 12);
    (void)::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
}

// One connection of ZeroMQ that sends this, and what comes back: what is waited for, and more until
// it is quiet.
std::vector<std::string> exchange(runtime::ZmqContext& context, const std::string& endpoint,
                                  const std::vector<std::string>& messages,
                                  size_t answers_wanted = 0) {
  runtime::SocketOptions options;
  options.message_bytes_max = 64 << 20;
  options.send_hwm = options.receive_hwm = 10'000;
  auto socket = runtime::ZmqSocket::dealer(context, options);
  EXPECT_TRUE(socket && socket->connect(endpoint));
  for (const std::string& message : messages) {
    const auto sent = socket->send({std::string_view(message)});
    EXPECT_TRUE(sent) << message.size();
  }
  std::vector<std::string> answers;
  std::vector<runtime::Message> parts;
  while (socket->wait(answers.size() < answers_wanted ? kWaitLimit : kQuiet)) {
    const auto got = socket->receive(parts);
    if (got && *got) answers.emplace_back(parts.back().view());
  }
  return answers;
}

// Messages that were right once: cut off, with bytes changed, with something behind them.
std::vector<std::string> mutations(const std::vector<std::string>& good, std::mt19937_64& random) {
  std::vector<std::string> all;
  for (int i = 0; i < 300; ++i) {
    std::string bytes = good[random() % good.size()];
    switch (random() % 3) {
      case 0:
        bytes.resize(random() % bytes.size());
        break;
      case 1:
        bytes[random() % bytes.size()] = static_cast<char>(random());
        break;
      default:
        bytes += random_bytes(random, 1 + random() % 100);
    }
    // Who speaks as a neighbour does is taken for one, as long as there are no keys.
    const auto frame = edge::decode(bytes);
    if (frame && std::holds_alternative<edge::Hello>(*frame)) continue;
    all.push_back(std::move(bytes));
  }
  for (int i = 0; i < 100; ++i) all.push_back(random_bytes(random, random() % 3000));
  return all;
}

edge::Hello hello_of(const Incarnation& of) {
  edge::Hello hello;
  hello.session = 1;
  hello.edge = {"p", "source.0", "sink.0"};
  hello.history = {{of, 1, 1000}};
  hello.first_held = {of.term, of.boot, 1};
  return hello;
}

std::vector<std::string> edge_frames() {
  wire::BlockHeader header;
  header.of = {1, 1, 7};
  header.first = 1;
  header.pieces = 1;
  header.payload_bytes = 5;
  std::shared_ptr<uint8_t[]> buffer(new uint8_t[wire::kBlockHeaderBytes + 5]);
  std::copy_n("evil\n", 5, buffer.get() + wire::kBlockHeaderBytes);
  const wire::Block block = wire::finish_block(std::move(buffer), header);
  // The source is in its second boot by then.
  return {edge::encode(hello_of({1, 1, 7})),
          edge::encode(edge::Begin{1, 1, {1, 1, 1}, {}}),
          edge::encode(edge::Ping{1, {1, 1, 1}}),
          edge::encode(edge::Ack{}),
          edge::encode(edge::Reset{}),
          std::string(block.bytes.view())};
}

std::vector<std::string> control_messages() {
  const auto encoded = [](const wire::Message& message) {
    return *wire::encode({"hostile", message});
  };
  wire::WrapperReport report;
  report.status.pipeline = "q";
  report.status.node = "nobody";
  return {encoded(wire::BrokerStatusRequest{}), encoded(report),
          encoded(wire::PipelineStatusRequest{"nothing"})};
}

class Hostile : public testing::Test {
 protected:
  // A pipeline over two agents that is at work for as long as the test lasts.
  void SetUp() override {
    cluster_.start({"alpha", "beta"});
    graph::PipelineSpec spec = Cluster::chain(
        {{"source", "i=$WEIR_POSITION; [ -n \"$i\" ] || i=0; until [ -e " + cluster_.folder() +
                        "/stop ]; do i=$((i+1)); echo $i; [ $((i%10)) != 0 ] || sleep 0.02; done"},
         {"sink", "cat >> " + archive()}});
    spec.nodes[0].hosts = {"alpha"};
    spec.nodes[1].hosts = {"beta"};
    spec.nodes[1].unit = graph::Unit::kStream;
    ASSERT_TRUE(cluster_.ok(wire::PipelinePut{spec}));
    ASSERT_TRUE(cluster_.ok(wire::PipelineRun{"p", {}, {}}));
    ASSERT_TRUE(cluster_.wait("records", [&] { return lines() > 0; }));
    ASSERT_TRUE(cluster_.wait("the source", [&] { return cluster_.kill_wrapper("source"); }));
    const size_t before = lines();
    ASSERT_TRUE(cluster_.wait("records of the second boot", [&] {
      return boot_of(cluster_.status(), "source") >= 2 && lines() > before + 10;
    }));
    const wire::InstanceStatus sink_status = sink_of(cluster_.status());
    victims_ = {
        {"the broker", cluster_.broker_endpoint(), cluster_.pid("broker"), control_messages()},
        {"an agent", "ipc://" + cluster_.layout("beta").agent_socket(), cluster_.pid("beta"),
         control_messages()},
        {"a wrapper", sink_status.remote_endpoint, static_cast<pid_t>(sink_status.pid),
         edge_frames()}};
    for (Victim& victim : victims_) victim.descriptors = descriptors(victim.pid);
    ASSERT_TRUE(victims_[2].endpoint.starts_with("tcp://")) << victims_[2].endpoint;
  }

  std::string archive() const { return cluster_.folder() + "/archive"; }
  static wire::InstanceStatus sink_of(const wire::PipelineStatus& status) {
    for (const auto& node : status.nodes) {
      if (node.name == "sink" && !node.instances.empty()) return node.instances[0].status;
    }
    return {};
  }

  static uint64_t boot_of(const wire::PipelineStatus& status, const std::string& name) {
    for (const auto& node : status.nodes) {
      if (node.name == name && !node.instances.empty()) return node.instances[0].status.boot;
    }
    return 0;
  }

  size_t lines() const {
    std::ifstream file(archive());
    return static_cast<size_t>(
        std::count(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>(), '\n'));
  }

  // The pipeline goes on, and nobody of them has died or grown.
  void expect_unharmed(const std::string& after) {
    SCOPED_TRACE(after);
    const size_t before = lines();
    EXPECT_TRUE(cluster_.wait("more records", [&] { return lines() > before; }));
    for (const Victim& victim : victims_) {
      SCOPED_TRACE(victim.name);
      EXPECT_EQ(::kill(victim.pid, 0), 0);
      EXPECT_LT(peak_kb(victim.pid), kMemoryKbMax);
      // Handshakes that do not come are given up after some seconds.
      EXPECT_TRUE(cluster_.wait("descriptors are closed again", [&] {
        return descriptors(victim.pid) < victim.descriptors + 20;
      })) << descriptors(victim.pid);
    }
  }

  // All records are there, once and in order.
  void expect_all_to_arrive() {
    const size_t before = lines();
    std::ofstream(cluster_.folder() + "/stop") << "now";
    ASSERT_TRUE(cluster_.wait_for_state(wire::PipelineState::kCompleted));
    const size_t records = lines();
    EXPECT_GE(records, before);
    std::string expected;
    for (size_t i = 1; i <= records; ++i) expected += std::to_string(i) + "\n";
    std::ostringstream got;
    got << std::ifstream(archive()).rdbuf();
    EXPECT_TRUE(got.str() == expected) << got.str().size() << " of " << expected.size();
    EXPECT_EQ(sink_of(cluster_.status()).restarts, 0u);
  }

  void stay_silent(size_t connections);

  struct Victim {
    const char* name;
    std::string endpoint;
    pid_t pid;
    std::vector<std::string> good;
    size_t descriptors = 0;
  };

  Cluster cluster_{{.real_wrappers = true, .addresses = true, .tcp_broker = true}};
  std::vector<Victim> victims_;
};

TEST_F(Hostile, NobodyIsHarmed) {
  std::mt19937_64 random(5);
  runtime::ZmqContext context;
  for (const Victim& victim : victims_) send_garbage(victim.endpoint, random);
  expect_unharmed("random bytes");

  for (const Victim& victim : victims_) {
    (void)exchange(context, victim.endpoint, mutations(victim.good, random));
  }
  expect_unharmed("messages that are not what they should be");

  // Larger than any may be: the connection ends, and nothing of it is kept.
  for (const Victim& victim : victims_) {
    const auto answers = exchange(context, victim.endpoint, {std::string(20u << 20, 'x')});
    EXPECT_EQ(answers.size(), 0u) << victim.name;
  }
  expect_unharmed("too large a message");

  // Another version is answered.
  std::string other = control_messages()[0];
  const size_t version = other.find("version");
  ASSERT_NE(version, std::string::npos);
  other[version + 7] = 99;
  const auto refused = exchange(context, victims_[0].endpoint, {other}, 1);
  ASSERT_EQ(refused.size(), 1u);
  const auto envelope = wire::decode(refused[0]);
  ASSERT_TRUE(envelope);
  EXPECT_TRUE(std::holds_alternative<wire::Refusal>(envelope->message));

  // A writer of an old term, and blocks of one that was never met.
  const std::vector<std::string> frames = edge_frames();
  const auto answers = exchange(context, victims_[2].endpoint, frames, frames.size());
  size_t stale = 0;
  for (const std::string& answer : answers) {
    const auto frame = edge::decode(answer);
    ASSERT_TRUE(frame);
    const auto* refuse = std::get_if<edge::Refuse>(&*frame);
    if (refuse != nullptr && refuse->reason == edge::RefuseReason::kStale) ++stale;
  }
  EXPECT_EQ(stale, 1u) << answers.size();
  expect_unharmed("an old term");
  expect_all_to_arrive();
}

// So many connections to each at once, on which nothing comes.
void Hostile::stay_silent(size_t connections) {
  std::vector<UniqueFd> silent;
  for (const Victim& victim : victims_) {
    const size_t before = silent.size();
    for (size_t i = 0; i < connections; ++i) {
      UniqueFd fd = connect_raw(victim.endpoint);
      if (!fd.valid()) continue;  // A full backlog is not ours to fear.
      // Half of them begin to speak.
      if (i % 2 == 0) (void)::send(fd.get(), "\xff", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
      silent.push_back(std::move(fd));
    }
    const size_t count = silent.size() - before;
    std::printf("%s: %zu connections, %zu descriptors\n", victim.name, count,
                descriptors(victim.pid));
    EXPECT_GT(count, connections / 2) << victim.name;
  }
  // While they are still open at our end.
  expect_unharmed("silence");
  expect_all_to_arrive();
}

TEST_F(Hostile, SilentConnectionsAreGivenUp) { stay_silent(300); }

using HostileLong = Hostile;
TEST_F(HostileLong, ThousandsOfSilentConnectionsAreGivenUp) { stay_silent(3000); }

}  // namespace
}  // namespace weir::e2e
