// `weirctl dead`: what no run of its program accepts is shown with why, and comes back byte by byte
// (R9). And how the log is looked at: never changed, never while the node runs.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>

#include "test/e2e/support/scene.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// Two nodes that hate records: `bad` a number, `worse` one with bytes that are no text.
std::string file_with_poison() {
  return R"toml(name = "poison"
dataflow = "numbers ; (bad || worse)"
[node.numbers]
run = "seq 1 700; printf 'a\\377b\\n'; seq 701 1000"
rerun = true
[node.bad]
run = '''cat > in.$$; if grep -qx 613 in.$$; then echo "first line" >&2; echo "cannot digest 613" >&2; exit 5; fi; cat in.$$'''
unit = "batch"
retries = 1
backoff = "10ms"
[node.worse]
run = '''cat > worse.$$; if grep -qa '^a' worse.$$; then kill -9 $$; fi'''
unit = "batch"
retries = 1
backoff = "10ms"
)toml";
}

class Dead : public testing::Test {
 protected:
  void run_with_poison() {
    scene_.write("poison.toml", file_with_poison());
    const Outcome up = scene_.run(scene_.up({"--data", "d", "poison.toml"}));
    ASSERT_EQ(up.code, 0) << up.err;
    up_err_ = up.err;
  }
  Outcome list(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"dead", "list", "--data", "d"});
    return scene_.run(scene_.weirctl(std::move(more)));
  }
  Outcome show(std::vector<std::string> more) {
    more.insert(more.begin(), {"dead", "show", "--data", "d"});
    return scene_.run(scene_.weirctl(std::move(more)));
  }
  // Times and contents of all that is in the data folder.
  std::map<std::string, std::string> snapshot() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(scene_.path("d"))) {
      std::string text = std::to_string(entry.last_write_time().time_since_epoch().count());
      if (entry.is_regular_file()) text += " " + read_file(entry.path());
      all.emplace(entry.path(), std::move(text));
    }
    return all;
  }
  std::string log_of(const std::string& node) const {
    return "d/agents/agent-1/wal/poison/" + node + ".0";
  }

  Scene scene_;
  std::string up_err_;
};

TEST_F(Dead, R9AreListedWithWhatIsKnownAndChangedByNobody) {
  run_with_poison();
  EXPECT_NE(up_err_.find("weir: to see the dead letters: weirctl dead list --data " +
                         fs::canonical(scene_.path("d")).string() + "\n"),
            std::string::npos)
      << up_err_;
  const auto before = snapshot();
  const Outcome json = list({"-o", "json"});
  ASSERT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(json.err, "");
  const Json letters = Json::parse(json.out);
  ASSERT_EQ(letters.size(), 2u) << json.out;
  const Json& bad = letters[0];
  EXPECT_EQ(bad["pipeline"], "poison");
  EXPECT_EQ(bad["node"], "bad");
  EXPECT_EQ(bad["instance"], 0);
  EXPECT_EQ(bad["origin"]["node"], "numbers");
  EXPECT_EQ(bad["origin"]["id"], "1.1.613");
  EXPECT_EQ(bad["reason"], "exited with status 5");
  EXPECT_EQ(bad["status"], 5);
  EXPECT_EQ(bad["signal"], nullptr);
  EXPECT_GE(bad["attempts"], 3);
  EXPECT_EQ(bad["stderr_tail"], "first line\ncannot digest 613\n");
  EXPECT_EQ(bad["action"].get<std::string>().substr(0, 12), "cat > in.$$;");
  EXPECT_EQ(bad["bytes"], 4);
  EXPECT_EQ(bad["record"], "613\n");
  EXPECT_EQ(bad["record_base64"], nullptr);
  EXPECT_EQ(bad["when"].get<std::string>().size(), std::string("2026-01-02T03:04:05.678Z").size());
  const Json& worse = letters[1];
  EXPECT_EQ(worse["node"], "worse");
  EXPECT_EQ(worse["status"], nullptr);
  EXPECT_EQ(worse["signal"], 9);
  EXPECT_EQ(worse["record"], nullptr);
  EXPECT_EQ(worse["record_base64"], "Yf9iCg==");

  const Outcome one = list({"worse", "-o", "json"});
  EXPECT_EQ(Json::parse(one.out), Json::array({worse})) << one.out;
  const Outcome table = list();
  EXPECT_EQ(table.code, 0);
  std::istringstream lines(table.out);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line.substr(0, 5), "NODE ") << table.out;
  std::getline(lines, line);
  EXPECT_NE(line.find("  exited with status 5 "), std::string::npos) << table.out;
  EXPECT_TRUE(line.ends_with("  613     cannot digest 613")) << table.out;
  EXPECT_EQ(list({"numbers"}).out, "no dead letters\n");
  EXPECT_EQ(list({"numbers", "-o", "json"}).out, "[]\n");
  EXPECT_TRUE(snapshot() == before);
}

TEST_F(Dead, R9ShowGivesTheRecordBack) {
  run_with_poison();
  const auto before = snapshot();
  for (const Json& letter : Json::parse(list({"-o", "json"}).out)) {
    const std::string node = letter["node"];
    const std::string id = letter["id"];
    const Outcome raw = show({node, id, "--raw"});
    EXPECT_EQ(raw.code, 0) << raw.err;
    EXPECT_EQ(raw.out, node == "bad" ? "613\n"
                                     : "a\xff"
                                       "b\n");
    EXPECT_EQ(Json::parse(show({node, id, "-o", "json"}).out), letter);
    const Outcome page = show({node, id});
    EXPECT_EQ(page.code, 0) << page.err;
    EXPECT_NE(page.out.find("why       " + letter["reason"].get<std::string>()), std::string::npos)
        << page.out;
  }
  const Outcome absent = show({"bad", "0.1.99"});
  EXPECT_EQ(absent.code, 3);
  EXPECT_EQ(absent.err,
            "weirctl: bad has no dead letter '0.1.99'\n"
            "hint: to see which it has: weirctl dead list --data d bad\n");
  const Outcome wrong = show({"wrose", "0.1.0"});
  EXPECT_EQ(wrong.code, 3);
  EXPECT_EQ(wrong.err,
            "weirctl: pipeline 'poison' has no node 'wrose'\nhint: did you mean 'worse'?\n");
  EXPECT_EQ(show({"bad", "0.1.0", "--raw", "-o", "json"}).code, 2);
  EXPECT_TRUE(snapshot() == before);
}

TEST_F(Dead, FoldersWithoutARunAreRefused) {
  const Outcome none = list();
  EXPECT_EQ(none.code, 3);
  EXPECT_EQ(none.err, "weirctl: d: there is no such folder\n");
  scene_.make_folder("d");
  const Outcome other = list();
  EXPECT_EQ(other.code, 3);
  EXPECT_EQ(other.err, "weirctl: d is not the data folder of a 'weirctl up'\n");
  EXPECT_TRUE(fs::is_empty(scene_.path("d")));
}

TEST_F(Dead, OfANodeThatRunsCannotBeReadAndTheRunGoesOn) {
  Command up = scene_.start(
      scene_.up({"--data", "d", "-e", "'until [ -e go ]; do sleep 0.02; done; seq 10' ; 'wc -l'"}));
  ASSERT_TRUE(wait_until([&] {
    return scene_.program("wc").has_value() && scene_.program("until").has_value();
  })) << up.err_so_far();
  const Outcome running = list();
  EXPECT_EQ(running.code, 6);
  EXPECT_EQ(running.out, "");
  EXPECT_EQ(running.err,
            "weirctl: until, wc: running; the dead letters of a node can be read when 'weirctl "
            "up' has ended\n");
  EXPECT_EQ(list({"wc", "-o", "json"}).code, 6);
  const Outcome one = show({"wc", "0.1.0"});
  EXPECT_EQ(one.code, 6);
  EXPECT_NE(one.err.find("its wrapper is running"), std::string::npos) << one.err;
  scene_.write("go", "");
  const Outcome done = up.wait();
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(done.out, "10\n");
  EXPECT_EQ(list().out, "no dead letters\n");
}

TEST_F(Dead, ADamagedLogIsNamedAndDoesNotHideTheOthers) {
  run_with_poison();
  const std::string log = log_of("bad") + "/log/db";
  for (const auto& entry : fs::directory_iterator(scene_.path(log))) {
    if (!entry.path().filename().string().starts_with("MANIFEST")) continue;
    std::fstream bytes(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(10);
    bytes.write("!!!!", 4);
  }
  const auto before = snapshot();
  const Outcome damaged = list({"-o", "json"});
  EXPECT_EQ(damaged.code, 1);
  EXPECT_EQ(damaged.err.find("weirctl: bad: the log in " + log_of("bad") + " is damaged: "), 0u)
      << damaged.err;
  const Json letters = Json::parse(damaged.out);
  ASSERT_EQ(letters.size(), 1u) << damaged.out;
  EXPECT_EQ(letters[0]["node"], "worse");
  const Outcome one = show({"bad", "0.1.0"});
  EXPECT_EQ(one.code, 1);
  EXPECT_NE(one.err.find("is damaged"), std::string::npos) << one.err;
  EXPECT_TRUE(snapshot() == before) << "nothing was mended";
}

// What a `lines` program dies of, and what it leaves unanswered.
TEST_F(Dead, R9OfAProgramThatAnswersLineByLineAreTheLinesItFailsOn) {
  scene_.write("lines.toml", R"toml(name = "lines"
dataflow = "numbers ; (dies || leaves)"
[node.numbers]
run = "seq 1 30"
rerun = true
[node.dies]
run = '''while read -r n; do if [ "$n" = 13 ]; then echo "not 13" >&2; exit 7; fi; echo "$n"; done'''
protocol = "lines"
retries = 1
backoff = "10ms"
[node.leaves]
run = '''while read -r n; do if [ "$n" = 14 ]; then exit 0; fi; echo "$n"; done'''
protocol = "lines"
retries = 1
backoff = "10ms"
)toml");
  const Outcome up = scene_.run(scene_.up({"--data", "d", "lines.toml"}));
  ASSERT_EQ(up.code, 0) << up.err;
  const Json letters = Json::parse(list({"-o", "json"}).out);
  ASSERT_EQ(letters.size(), 2u) << up.err;
  EXPECT_EQ(letters[0]["record"], "13\n");
  EXPECT_EQ(letters[0]["status"], 7);
  EXPECT_EQ(letters[0]["reason"], "exited with status 7");
  EXPECT_EQ(letters[0]["attempts"], 4);
  EXPECT_EQ(letters[0]["unit"], nullptr);
  EXPECT_EQ(letters[0]["origin"]["id"], "1.1.13");
  EXPECT_EQ(letters[0]["stderr_tail"], "not 13\n");
  EXPECT_EQ(letters[1]["record"], "14\n");
  EXPECT_EQ(letters[1]["status"], 0);
  EXPECT_EQ(letters[1]["reason"], "exited with status 0 with 1 inputs unanswered");
}

// A large record comes back whole; a page and a line show its beginning.
TEST_F(Dead, R9OfALargeRecordAllIsKept) {
  scene_.write("large.toml", R"toml(name = "large"
dataflow = "big ; bad"
[node.big]
run = "echo good; head -c 9000000 /dev/zero | tr '\\0' x; echo; echo good"
rerun = true
[node.bad]
run = '''if grep -q xxx; then exit 1; fi'''
unit = "record"
retries = 0
backoff = "10ms"
)toml");
  const Outcome up = scene_.run(scene_.up({"--data", "d", "large.toml"}));
  ASSERT_EQ(up.code, 0) << up.err;
  std::string record;
  record.resize(9'000'000, 'x');
  record += "\n";
  const Json letters = Json::parse(list({"-o", "json"}).out);
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0]["bytes"], record.size());
  EXPECT_TRUE(letters[0]["record"] == record);
  const std::string id = letters[0]["id"];
  EXPECT_EQ(difference(record, show({"bad", id, "--raw"}).out), "");
  EXPECT_LT(list().out.size(), 500u);
  const Outcome page = show({"bad", id});
  EXPECT_NE(page.out.find("9000001 bytes, of which the first 4096 are shown"), std::string::npos);
}

// Whatever kill -9 leaves behind can be looked at.
TEST_F(Dead, LogsOfRunsThatWereKilledCanBeRead) {
  const uint64_t seed = seed_from_environment(7);
  std::mt19937_64 random(seed);
  scene_.write("poison.toml", file_with_poison());
  const CommandOptions command = scene_.up({"--data", "d", "-q", "poison.toml"});
  for (int round = 0; round < 8; ++round) {
    Command up = scene_.start(command);
    ASSERT_TRUE(wait_until([&] { return fs::exists(scene_.path("d/graph")); }));
    // In the middle of something: of what differs from round to round.
    (void)wait_until([&] { return !up.running(); }, Limit(random() % 700));
    up.signal(SIGKILL);
    (void)up.wait();
    ASSERT_TRUE(wait_until([&] { return scene_.processes().empty(); }));
    const Outcome listed = list({"-o", "json"});
    ASSERT_EQ(listed.code, 0) << "seed " << seed << " round " << round << ": " << listed.err;
    EXPECT_TRUE(Json::accept(listed.out)) << listed.out;
  }
  const Outcome up = scene_.run(command);
  EXPECT_EQ(up.code, 0) << "seed " << seed << "\n" << up.err;
  EXPECT_EQ(Json::parse(list({"-o", "json"}).out).size(), 2u);
}

// weirctl trusts nothing that it is told, and waits for nobody for ever.
TEST_F(Dead, AMissingOrStrangeWeirWrapperIsNamed) {
  run_with_poison();
  fs::create_directory(scene_.path("bin"));
  fs::copy_file(WEIRCTL, scene_.path("bin/weirctl"));
  const auto with = [&](const std::string& script) {
    fs::remove(scene_.path("bin/weir-wrapper"));
    if (!script.empty()) scene_.write("bin/weir-wrapper", "#!/bin/sh\n" + script + "\n", 0755);
    CommandOptions options =
        scene_.shell("PATH=/usr/bin:/bin exec bin/weirctl dead list --data d bad");
    return scene_.run(std::move(options));
  };
  const Outcome none = with("");
  EXPECT_EQ(none.code, 3);
  EXPECT_NE(none.err.find("weir-wrapper"), std::string::npos) << none.err;
  const struct {
    const char* script;
    int code;
    const char* err;
  } kCases[] = {
      {"true", 0, ""},
      {"printf garbage", 1, "weir-wrapper does not answer as it should: a length"},
      {"printf '\\0\\0\\0\\2xx'", 1, "weir-wrapper does not answer as it should: "},
      {"printf '\\0\\0'", 1, "weir-wrapper does not answer as it should: a length"},
      {"kill -9 $$", 1, "weir-wrapper does not answer as it should: signal 9 (Killed)"},
      {"exit 4", 1, "weir-wrapper does not answer as it should: exit status 4"},
      {"echo why >&2; exit 1", 1, "weirctl: bad: why\n"},
      {"yes why | head -c 1000000 >&2; echo last >&2; exit 1", 1, "why\nlast\n"},
      {"echo there is none >&2; exit 3", 3, "weirctl: bad: there is none\n"},
  };
  for (const auto& c : kCases) {
    const Outcome outcome = with(c.script);
    EXPECT_TRUE(outcome.in_time) << c.script;
    EXPECT_EQ(outcome.code, c.code) << c.script << outcome.err;
    EXPECT_NE(outcome.err.find(c.err), std::string::npos) << c.script << "\n" << outcome.err;
  }
}

}  // namespace
}  // namespace weir::e2e
