#include "schema/wire/control.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <set>

#include "schema/graph/resolver.h"
#include "schema/wire/control_check.h"
#include "schema/wire/unknown.h"
#include "test/unit/schema/wire/control_samples.h"

namespace weir::wire {
namespace {

std::string encoded(const Envelope& envelope) {
  auto bytes = encode(envelope);
  EXPECT_TRUE(bytes);
  return std::move(*bytes);
}

TEST(Control, EveryTypeHasASample) {
  std::set<size_t> seen;
  for (const Envelope& sample : sample_messages()) seen.insert(sample.message.index());
  // All but Unknown, which is never sent.
  EXPECT_EQ(seen.size(), std::variant_size_v<Message> - 1);
}

TEST(Control, RoundTrip) {
  for (const Envelope& sample : sample_messages()) {
    auto back = decode(encoded(sample));
    ASSERT_TRUE(back) << type_name(sample.message) << ": " << back.error().what;
    EXPECT_EQ(*back, sample) << type_name(sample.message);
  }
}

TEST(Control, DefaultsRoundTrip) {
  PipelineRun run{"p", std::nullopt, {}};
  auto back = decode(encoded({"", run}));
  ASSERT_TRUE(back);
  EXPECT_EQ(std::get<PipelineRun>(back->message), run);
}

TEST(Control, SingleValuesRoundTrip) {
  EXPECT_EQ(*decode_spec(encode_spec(sample_spec())), sample_spec());
  EXPECT_EQ(*decode_node(encode_node(sample_node("even"))), sample_node("even"));
  EXPECT_EQ(*decode_order(encode_order(sample_order())), sample_order());
  EXPECT_EQ(*decode_status(encode_status(sample_status())), sample_status());
}

// The bytes on the wire and on disk are a promise to other versions. WEIR_UPDATE_GOLDEN=1 writes
// them anew; do that knowingly.
TEST(Control, GoldenBytes) {
  for (const Envelope& sample : sample_messages()) {
    const std::string path =
        std::string(WEIR_GOLDEN_DIR) + "/" + std::string(type_name(sample.message)) + ".msgpack";
    const std::string bytes = encoded(sample);
    if (std::getenv("WEIR_UPDATE_GOLDEN") != nullptr) {
      std::ofstream(path, std::ios::binary) << bytes;
    }
    std::ifstream file(path, std::ios::binary);
    ASSERT_TRUE(file) << path;
    const std::string golden{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(bytes, golden) << path;
  }
}

// A map of four by hand: {"version": V, "type": T, "request": "r", "body": BODY}.
std::string by_hand(uint8_t version, const std::string& type, const std::string& body) {
  const auto text = [](const std::string& s) {
    return std::string(1, static_cast<char>(0xa0 | s.size())) + s;
  };
  return "\x84" + text("version") + static_cast<char>(version) + text("type") + text(type) +
         text("request") + text("r") + text("body") + body;
}

TEST(Control, UnknownTypesAndVersionsAreNamed) {
  auto type = decode(by_hand(1, "pipeline.fly", "\x80"));
  ASSERT_TRUE(type);
  EXPECT_EQ(type->request, "r");
  EXPECT_EQ(std::get<Unknown>(type->message), (Unknown{1, "pipeline.fly"}));
  auto version = decode(by_hand(2, "ok", "\x80"));
  ASSERT_TRUE(version);
  EXPECT_EQ(std::get<Unknown>(version->message), (Unknown{2, "ok"}));
  const auto says = [](const Unknown& unknown, const char* text) {
    return to_string(unknown).find(text) != std::string::npos;
  };
  EXPECT_TRUE(says({1, "pipeline.fly"}, "messages of type \"pipeline.fly\" are not known here"));
  EXPECT_TRUE(says({2, "ok"}, "messages of version 2 are not known here, only those of version 1"));
}

TEST(Control, UnknownFieldsAreIgnoredAndMissingOnesDefault) {
  auto extra = decode(by_hand(1, "wrapper.stop",
                              "\x82\xa3new\x93\x01\x02\x03\xa3"
                              "end\xc3"));
  ASSERT_TRUE(extra) << extra.error().what;
  EXPECT_TRUE(std::get<WrapperStop>(extra->message).end);
  auto missing = decode(by_hand(1, "wrapper.stop", "\x80"));
  ASSERT_TRUE(missing);
  EXPECT_FALSE(std::get<WrapperStop>(missing->message).end);
}

TEST(Control, RefusesWhatIsNoMessage) {
  const std::string good = encoded({"r", WrapperStop{true}});
  const std::vector<std::pair<std::string, ErrorCode>> cases{
      {"", ErrorCode::kCorrupt},
      {"\xc0", ErrorCode::kCorrupt},              // nil
      {"\x93\x01\x02\x03", ErrorCode::kCorrupt},  // a list
      {good.substr(0, good.size() - 1), ErrorCode::kCorrupt},
      {good + "\xc0", ErrorCode::kCorrupt},             // something follows
      {"\xdd\xff\xff\xff\xff", ErrorCode::kCorrupt},    // a list of 2^32 - 1
      {std::string(100, '\x91'), ErrorCode::kCorrupt},  // nested too deep
      {by_hand(1, "", "\x80"), ErrorCode::kCorrupt},    // no type
      {by_hand(1, "ok", "\xc0"), ErrorCode::kInvalid},  // the body is nil
      {by_hand(1, "wrapper.stop",
               "\x81\xa3"
               "end\x01"),
       ErrorCode::kInvalid},
      {std::string(kControlMessageBytesMax + 1, 'x'), ErrorCode::kLimit},
  };
  for (const auto& [bytes, code] : cases) {
    auto result = decode(bytes);
    ASSERT_FALSE(result) << bytes.substr(0, 100);
    EXPECT_EQ(result.error().code, code) << result.error().what;
  }
}

TEST(Control, RequestIdOfARefusedMessage) {
  EXPECT_EQ(request_of(by_hand(1, "ok", "\xc0")), "r");
  EXPECT_EQ(request_of("nonsense"), "");
}

struct BadOrder {
  const char* what;
  std::function<void(StartOrder&)> spoil;
};

TEST(Control, RangesOfAnOrder) {
  const std::vector<BadOrder> cases{
      {"pipeline leaves its folder", [](StartOrder& o) { o.pipeline = "../x"; }},
      {"node leaves its folder", [](StartOrder& o) { o.node.name = "a/b"; }},
      {"dash is only the caller's stdin", [](StartOrder& o) { o.node.name = "-"; }},
      {"no term", [](StartOrder& o) { o.term = 0; }},
      {"last term", [](StartOrder& o) { o.term = UINT64_MAX; }},
      {"instance", [](StartOrder& o) { o.instance = 1u << 30; }},
      {"writer", [](StartOrder& o) { o.writers = {"even"}; }},
      {"reader",
       [](StartOrder& o) {
         o.readers = {{"even.x", ""}};
       }},
      {"zero byte", [](StartOrder& o) { o.log_dir = std::string("a\0b", 3); }},
      {"long path", [](StartOrder& o) { o.listen.assign(5000, 'x'); }},
      {"long name of an action", [](StartOrder& o) { o.node.action.assign(64, 'x'); }},
      {"long path of an action", [](StartOrder& o) { o.node.action.assign(5000, '/'); }},
      {"delimiter", [](StartOrder& o) { o.node.delimiter = ','; }},
      {"accept is empty", [](StartOrder& o) { o.node.accept.clear(); }},
      {"accept", [](StartOrder& o) { o.node.accept = {256}; }},
      {"in_flight", [](StartOrder& o) { o.node.in_flight = 0; }},
      {"max_records", [](StartOrder& o) { o.node.max_records = 0; }},
      {"backoff", [](StartOrder& o) { o.node.backoff_max = std::chrono::milliseconds(-1); }},
      {"env",
       [](StartOrder& o) {
         o.node.env = {{"A=B", "c"}};
       }},
      {"run is too long", [](StartOrder& o) { o.node.run.assign(kTextBytesMax + 1, 'x'); }},
      {"host", [](StartOrder& o) { o.node.hosts = {"a b"}; }},
  };
  for (const BadOrder& bad : cases) {
    StartOrder order = sample_order();
    bad.spoil(order);
    EXPECT_FALSE(decode_order(encode_order(order))) << bad.what;
    EXPECT_FALSE(decode(encoded({"r", AgentOrders{1, {order}, {}, {}}}))) << bad.what;
  }
}

TEST(Control, AnActionMayBeALongPath) {
  StartOrder order = sample_order();
  order.node.action = "/" + std::string(200, 'x');
  EXPECT_TRUE(decode_order(encode_order(order)));
}

TEST(Control, RangesOfASpec) {
  const std::vector<std::pair<const char*, std::function<void(graph::PipelineSpec&)>>> cases{
      {"name", [](graph::PipelineSpec& s) { s.name = "Big"; }},
      {"no such node",
       [](graph::PipelineSpec& s) {
         s.edges = {{0, 9}};
       }},
      {"cycle",
       [](graph::PipelineSpec& s) {
         s.edges = {{0, 1}, {1, 2}, {2, 1}};
       }},
      {"twice",
       [](graph::PipelineSpec& s) {
         s.edges = {{0, 1}, {0, 1}, {1, 2}};
       }},
      {"same name", [](graph::PipelineSpec& s) { s.nodes[2].name = "even"; }},
      {"no program", [](graph::PipelineSpec& s) { s.nodes[1].run.clear(); }},
  };
  for (const auto& [what, spoil] : cases) {
    graph::PipelineSpec spec = sample_spec();
    spoil(spec);
    auto result = decode_spec(encode_spec(spec));
    ASSERT_FALSE(result) << what;
  }
}

TEST(Control, LongErrorsAndManyNotesAreCutNotRefused) {
  InstanceStatus status = sample_status();
  status.last_error.assign(100'000, 'e');
  status.notes.assign(1000, {7, 1, std::string(10'000, 'n')});
  for (const Message& message :
       {Message(WrapperReport{status}), Message(AgentReport{"alpha", 1, {status}, {}}),
        Message(AgentRegister{"alpha", "", {status}})}) {
    EXPECT_TRUE(decode(encoded({"r", message}))) << type_name(message);
  }
  EXPECT_TRUE(decode_status(encode_status(status)));
}

// The largest pipeline, where every instance has as much to say as it can.
TEST(Control, AStatusKeepsTheNewestNotesThatFit) {
  PipelineStatus status;
  status.name = "large";
  for (size_t i = 0; i < graph::kNodesMax; ++i) {
    InstanceStatus instance = sample_status();
    instance.last_error = std::string(kErrorTextBytesMax, 'e');
    instance.notes.clear();
    for (size_t note = 1; note <= kNotesMax; ++note) {
      instance.notes.push_back({note, 1, std::string(kErrorTextBytesMax, 'n')});
    }
    status.nodes.push_back({"n" + std::to_string(i), false, false, {{"agent", instance}}});
  }
  const Result<std::string> bytes = encode({"a", status});
  ASSERT_TRUE(bytes) << bytes.error().what;
  const Result<Envelope> back = decode(*bytes);
  ASSERT_TRUE(back) << back.error().what;
  for (const NodeStatus& node : std::get<PipelineStatus>(back->message).nodes) {
    ASSERT_EQ(node.instances.at(0).status.notes.size(), 1u);
    EXPECT_EQ(node.instances.at(0).status.notes.at(0).number, kNotesMax);
  }
}

TEST(Control, ANodeThatFitsInNoOrderIsRefused) {
  graph::NodeSpec node = sample_node("n");
  node.args.assign(40, std::string(100'000, 'x'));
  EXPECT_TRUE(check(node)) << check(node).error().what;
  node.env = {{"E", std::string(120'000, 'x')}, {"F", std::string(120'000, 'x')}};
  const Status refused = check(node);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kLimit);
  EXPECT_NE(refused.error().what.find("n: bytes of args, env and run: 42400"), std::string::npos)
      << refused.error().what;
}

TEST(Control, ALargeMessageIsALimit) {
  AgentOrders orders;
  StartOrder order = sample_order();
  order.node.run.assign(kTextBytesMax, 'x');
  orders.start.assign(200, order);
  auto bytes = encode({"r", orders});
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, ErrorCode::kLimit);
}

// Flipped and cut bytes give an error or another good message, never a crash.
TEST(Control, DamagedMessagesDoNoHarm) {
  std::mt19937 random(7);
  for (const Envelope& sample : sample_messages()) {
    const std::string good = encoded(sample);
    for (int round = 0; round < 300; ++round) {
      std::string bad = good;
      bad[random() % bad.size()] = static_cast<char>(random());
      if (round % 3 == 0) bad.resize(random() % bad.size());
      if (auto result = decode(bad); result && !std::holds_alternative<Unknown>(result->message)) {
        EXPECT_TRUE(check(result->message));
        EXPECT_TRUE(encode(*result));
      }
    }
  }
}

}  // namespace
}  // namespace weir::wire
