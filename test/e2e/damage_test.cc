// Logs whose files are damaged, in a real run: an inner node sets its log aside and goes on from
// upstream, a source or a sink stops and says which file it is (R3, R5). And `weirctl wal`, which
// says the same of a log at rest.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "test/e2e/support/scene.h"

namespace weir::e2e {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr size_t kLines = 30'000;

// The sink takes nothing before there is a file `go`.
std::string pipeline_file(size_t lines, size_t unit = 5000) {
  return "name = \"p\"\ndataflow = \"source ; inner ; sink\"\n"
         "[node.source]\nrun = \"seq 1 " +
         std::to_string(lines) +
         "\"\nrerun = true\n"
         "[node.inner]\nrun = \"tee -a seen\"\nunit = \"batch\"\nmax_records = " +
         std::to_string(unit) +
         "\n"
         "[node.sink]\nrun = \"[ -e go ] || exit 75; cat\"\nunit = \"batch\"\nbackoff = \"20ms\"\n";
}

// How a file is damaged.
using Damage = std::function<void(const std::string& file)>;

void flip_bit(const std::string& file) {
  std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
  auto at = static_cast<std::streamoff>(fs::file_size(file) / 3);
  bytes.seekg(at);
  int byte = bytes.get();
  for (; byte == 0; byte = bytes.get()) ++at;  // What fills up between blocks is nobody's.
  bytes.seekp(at);
  bytes.put(static_cast<char>(byte ^ 16));
}
void remove(const std::string& file) { fs::remove(file); }
void cut(const std::string& file) { fs::resize_file(file, fs::file_size(file) / 2); }

// Every line of 1 to `lines` is there, and nothing else; some may be there twice.
std::string lost_or_strange(const std::string& out, size_t lines) {
  std::vector<bool> seen(lines + 1);
  std::istringstream in(out);
  for (std::string line; std::getline(in, line);) {
    size_t number = 0;
    std::istringstream(line) >> number;
    if (number == 0 || number > lines || std::to_string(number) != line) return "strange: " + line;
    seen[number] = true;
  }
  for (size_t i = 1; i <= lines; ++i) {
    if (!seen[i]) return "lost: " + std::to_string(i);
  }
  return "";
}

class Damaged : public testing::Test {
 protected:
  // A run of which the sink has taken nothing yet, stopped twice: in the logs are tables, a
  // write-ahead log and segments.
  void stop_in_the_middle(size_t lines) {
    scene_.write("p.toml", pipeline_file(lines));
    for (int round = 0; round < 2; ++round) {
      Command up = scene_.start(command());
      ASSERT_TRUE(wait_until_seen(lines)) << up.err_so_far();
      up.signal(SIGINT);
      ASSERT_EQ(up.wait().code, 130);
    }
    fs::copy(scene_.path("d"), scene_.path("kept"), fs::copy_options::recursive);
  }
  // The inner node's program has had them all.
  bool wait_until_seen(size_t lines) const {
    size_t wanted = 0;
    for (size_t i = 1; i <= lines; ++i) wanted += std::to_string(i).size() + 1;
    return wait_until([&] {
      std::error_code none;
      const size_t bytes = fs::file_size(scene_.path("seen"), none);
      return !none && bytes >= wanted && scene_.wrapper("sink");
    });
  }
  void bring_back() {
    fs::remove_all(scene_.path("d"));
    fs::remove_all(scene_.path("out"));
    fs::copy(scene_.path("kept"), scene_.path("d"), fs::copy_options::recursive);
  }
  CommandOptions command() {
    return scene_.up({"--data", "d", "--output", scene_.path("out"), "p.toml"});
  }
  std::string folder_of(const std::string& node) const {
    return scene_.path("d/agents/agent-1/wal/p/" + node + ".0");
  }
  std::string log_of(const std::string& node) const { return folder_of(node) + "/log"; }
  // A file of the log whose path has this in it.
  std::string file_of(const std::string& node, const std::string& part) const {
    for (const auto& entry : fs::recursive_directory_iterator(log_of(node))) {
      const std::string path = entry.path();
      if (entry.is_regular_file() && path.find(part, folder_of(node).size()) != std::string::npos) {
        return path;
      }
    }
    ADD_FAILURE() << "no " << part << " in " << log_of(node);
    return "";
  }
  Outcome verify(const std::string& node, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"wal", "verify", folder_of(node)});
    return scene_.run(scene_.weirctl(std::move(more)));
  }

  Scene scene_;
};

struct Case {
  const char* file;
  Damage damage;
  const char* named;
};
const Case kCases[] = {
    {".sst", flip_bit, ".sst"},
    {".sst", remove, ".sst"},
    {"/MANIFEST", flip_bit, "/MANIFEST"},
    {"/CURRENT", remove, "/CURRENT"},
    {"/db/0", cut, "/db"},
    {".log", remove, "/db is missing, cut off"},
    {".seg", flip_bit, ".seg"},
    {".seg", remove, ".seg is missing"},
    {".seg", cut, ".seg ends before"},
};

TEST_F(Damaged, R3AnInnerNodeGoesOnFromUpstream) {
  stop_in_the_middle(kLines);
  scene_.write("go", "");
  for (const Case& c : kCases) {
    SCOPED_TRACE(std::string(c.file) + " " + c.named);
    bring_back();
    c.damage(file_of("inner", c.file));
    const Outcome verified = verify("inner", {"-o", "json"});
    EXPECT_EQ(verified.code, 1) << verified.out << verified.err;
    EXPECT_NE(verified.out.find(c.named), std::string::npos) << verified.out;
    const Outcome up = scene_.run(command());
    ASSERT_EQ(up.code, 0) << up.err;
    EXPECT_EQ(lost_or_strange(scene_.read("out/sink"), kLines), "");
    EXPECT_NE(up.err.find("its log was damaged ("), std::string::npos) << up.err;
    EXPECT_NE(up.err.find(c.named), std::string::npos) << up.err;
    EXPECT_TRUE(fs::exists(folder_of("inner") + "/log.damaged"));
  }
}

TEST_F(Damaged, R5ASourceAndASinkStopAndSayWhichFile) {
  stop_in_the_middle(kLines);
  for (const char* node : {"source", "sink"}) {
    for (const Case& c : kCases) {
      SCOPED_TRACE(std::string(node) + " " + c.file + " " + c.named);
      // The sink has put out nothing.
      if (std::string(node) == "sink" && std::string(c.file) == ".seg") continue;
      bring_back();
      c.damage(file_of(node, c.file));
      ASSERT_EQ(verify(node).code, 1)
          << scene_.run(scene_.weirctl({"wal", "dump", folder_of(node)})).out;
      const Outcome up = scene_.run(command());
      EXPECT_EQ(up.code, 1) << up.err;
      EXPECT_NE(up.err.find(std::string(node) + ": its log is damaged: "), std::string::npos)
          << up.err;
      EXPECT_NE(up.err.find(c.named), std::string::npos) << up.err;
      EXPECT_NE(up.err.find("nowhere else: see 'weirctl wal verify " + folder_of(node) + "'"),
                std::string::npos)
          << up.err;
      // Nothing was put in place of it, and trying again says the same.
      EXPECT_FALSE(fs::exists(folder_of(node) + "/log.damaged"));
      EXPECT_EQ(verify(node).code, 1);
    }
  }
  bring_back();
  scene_.write("go", "");
  const Outcome whole = scene_.run(command());
  EXPECT_EQ(whole.code, 0) << whole.err;
  EXPECT_EQ(lost_or_strange(scene_.read("out/sink"), kLines), "");
}

// A block that is read back long after it was written.
TEST_F(Damaged, R3AnInnerNodeThatIsDamagedWhileItRunsGoesOnFromUpstream) {
  constexpr size_t kManyLines = 5'000'000;  // More than is kept in memory.
  scene_.write("p.toml", pipeline_file(kManyLines, 200'000));
  Command up = scene_.start(command());
  ASSERT_TRUE(wait_until_seen(kManyLines)) << up.err_so_far();
  const std::string file = file_of("inner", "0001.seg");
  const pid_t first = scene_.wrapper("inner").value_or(0);
  ASSERT_TRUE(wait_until([&] { return fs::file_size(file) > (20u << 20); })) << up.err_so_far();
  flip_bit(file);
  scene_.write("go", "");
  const Outcome done = up.wait();
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(lost_or_strange(scene_.read("out/sink"), kManyLines), "");
  EXPECT_NE(done.err.find("its log was damaged (log " + file), std::string::npos) << done.err;
  EXPECT_GT(first, 0);
}

TEST_F(Damaged, WalVerifyCallsAnUndamagedLogWhole) {
  scene_.write("p.toml", pipeline_file(kLines));
  scene_.write("go", "");
  ASSERT_EQ(scene_.run(command()).code, 0);
  for (const char* node : {"source", "inner", "sink"}) {
    const Outcome json = verify(node, {"-o", "json"});
    ASSERT_EQ(json.code, 0) << json.err;
    const Json log = Json::parse(json.out);
    EXPECT_EQ(log["pipeline"], "p");
    EXPECT_EQ(log["node"], node);
    EXPECT_EQ(log["instance"], 0);
    EXPECT_EQ(log["sole_copy"], std::string(node) != "inner");
    EXPECT_EQ(log["damages"], Json::array());
    EXPECT_EQ(log["records"], kLines + 1);  // And END.
    const Outcome text = verify(node);
    EXPECT_EQ(text.out.find("log p/" + std::string(node) + ".0: whole: "), 0u) << text.out;
  }
  const CommandOptions dump =
      scene_.weirctl({"wal", "dump", folder_of("inner"), "-o", "json", "--limit", "2"});
  const Outcome dumped = scene_.run(dump);
  ASSERT_EQ(dumped.code, 0) << dumped.err;
  const Json log = Json::parse(dumped.out);
  EXPECT_EQ(log["commit"]["published"], kLines + 1);
  EXPECT_EQ(log["commit"]["ended"], true);
  EXPECT_EQ(log["history"].size(), 1u);
  EXPECT_EQ(log["history"][0]["first"], 1);
  ASSERT_EQ(log["inputs"].size(), 1u);
  EXPECT_EQ(log["inputs"][0]["lane"], "source.0");
  EXPECT_EQ(log["inputs"][0]["frontier"], "1.1." + std::to_string(kLines + 1));
  ASSERT_EQ(log["blocks"].size(), 2u);
  EXPECT_GT(log["blocks_total"], 2);
  EXPECT_EQ(log["blocks"][0]["first"], "1.1.1");
  EXPECT_EQ(log["blocks"][0]["published"], true);
  const Outcome table = scene_.run(scene_.weirctl({"wal", "dump", folder_of("sink")}));
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_NE(table.out.find("log        p/sink.0\nsole copy  yes\n"), std::string::npos)
      << table.out;
}

TEST_F(Damaged, WalVerifyRefusesALogThatIsInUseOrMissing) {
  scene_.write("p.toml", pipeline_file(10));
  Command up = scene_.start(command());
  ASSERT_TRUE(wait_until_seen(10)) << up.err_so_far();
  for (const char* what : {"verify", "dump"}) {
    const Outcome used = scene_.run(scene_.weirctl({"wal", what, folder_of("inner")}));
    EXPECT_EQ(used.code, 6) << used.err;
    EXPECT_NE(used.err.find("its wrapper is running"), std::string::npos) << used.err;
    const Outcome none = scene_.run(scene_.weirctl({"wal", what, "nothing"}));
    EXPECT_EQ(none.code, 3) << none.err;
    const Outcome other = scene_.run(scene_.weirctl({"wal", what, scene_.folder()}));
    EXPECT_EQ(other.code, 3) << other.err;
  }
  scene_.write("go", "");
  EXPECT_EQ(up.wait().code, 0);
}

}  // namespace
}  // namespace weir::e2e
