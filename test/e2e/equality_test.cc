// `weirctl up` gives what a Unix pipe gives, byte for byte at each sink: fixed cases, and graphs
// made at random of real tools.
#include <gtest/gtest.h>

#include <random>

#include "test/e2e/support/reference.h"

namespace weir::e2e {
namespace {

constexpr size_t kThreads = 4;

struct Case {
  std::string name;
  Graph graph;
  std::string stdin_bytes;
};

// Runs it both ways. What differs, or "".
std::string run_both(const Case& test) {
  Scene scene;
  const std::string in = scene.write("in", test.stdin_bytes);
  CommandOptions up = scene.up({"-q", "--output", scene.path("out"), "-e", expression(test.graph)});
  up.stdin_file = in;
  up.working_dir = scene.make_folder("work");
  const Outcome outcome = scene.run(up);
  std::string wrong;
  if (!outcome.in_time) wrong += "it hangs\n";
  if (outcome.code != 0) wrong += "exit status " + std::to_string(outcome.code) + "\n";
  for (const Expected& expected : run_by_shell(scene, test.graph, in)) {
    const std::string text = compare(expected, scene.read("out/" + expected.node));
    if (!text.empty()) wrong += expected.node + " " + text + "\n";
  }
  wrong += scene.leftovers();
  if (wrong.empty()) return "";
  return test.name + ": weirctl up -e \"" + expression(test.graph) + "\"\n" + wrong + outcome.err;
}

void run_all(const std::vector<Case>& cases) {
  std::vector<std::function<void()>> jobs;
  for (const Case& test : cases) {
    jobs.emplace_back([&test] {
      const std::string wrong = run_both(test);
      EXPECT_TRUE(wrong.empty()) << wrong;
    });
  }
  in_parallel(jobs, kThreads);
}

std::string repeated(const std::string& text, size_t times) {
  std::string all;
  for (size_t i = 0; i < times; ++i) all += text;
  return all;
}

const std::string kAllBytes = [] {
  std::string bytes;
  for (int i = 0; i < 256 * 40; ++i) bytes += static_cast<char>((i * 7 + i / 256) % 256);
  return bytes;
}();

// A line without end: `bytes` of x.
std::string long_line(size_t mebibytes) {
  return "head -c " + std::to_string(mebibytes << 20) + " /dev/zero | tr '\\0' x";
}

TEST(Equality, WithTheShellOfChains) {
  run_all({
      {"count", seq({"seq 1 1000", "grep 7", "wc -l"}), ""},
      {"sorted", seq({"seq 1 20000", "sort", "uniq -c", "tail -n 7"}), ""},
      {"fields",
       seq({"seq 1 3000", "awk '{print $1, $1 % 7}'", "cut -d' ' -f2", "sort", "uniq -c"}), ""},
      {"reversed", seq({"seq 1 5000", "tac", "rev", "nl"}), ""},
      {"pasted", seq({"seq 1 1001", "paste - - -", "sed 's/\\t/:/g'"}), ""},
      {"translated", seq({"seq 1 2000", "tr '0-9' 'a-j'", "tr -d '\\n'"}), ""},
      {"quotes", seq({"printf '%s\\n' \"it's\" 'a\\b'", "sed \"s/'/\\\"/\""}), ""},
      {"megabytes", seq({"seq 1 1000000", "cat", "cat"}), ""},
      {"through tee", seq({"seq 1 1000", "tee copy", "md5sum"}), ""},
  });
}

TEST(Equality, WithTheShellOfOddEndsOfInput) {
  run_all({
      {"no newline at the end", seq({"printf 'a\\nb\\nc'", "cat"}), ""},
      {"no newline through three", seq({"printf 'x'", "cat", "cat", "cat"}), ""},
      {"only newlines", seq({"printf '\\n\\n\\n'", "cat -A"}), ""},
      {"empty", seq({"true", "cat", "wc -c"}), ""},
      {"empty to sort", seq({"true", "sort"}), ""},
      {"writes nothing", seq({"seq 1 1000", "cat > /dev/null", "wc -l"}), ""},
      {"exit 1", seq({"seq 1 10", "grep x", "wc -l"}), ""},
      {"exit 1 after output", seq({"seq 1 10", "cat; exit 1", "cat"}), ""},
      {"exit 125 of a source", seq({"seq 1 10; exit 125", "cat"}), ""},
      {"program writes before it reads", seq({"seq 1 10", "echo head; cat; echo tail"}), ""},
      {"program writes to stderr", seq({"seq 1 10", "cat; echo hello >&2"}), ""},
      {"program floods stderr", seq({"seq 1 10", "seq 1 50000 >&2; cat"}), ""},
  });
}

TEST(Equality, WithTheShellOfProgramsThatReadOnlyAPart) {
  run_all({
      {"head", seq({"seq 1 1000000", "head -n 5"}), ""},
      {"head in the middle", seq({"seq 1 1000000", "head -n 5", "cat"}), ""},
      {"head of bytes", seq({"seq 1 1000000", "head -c 7", "cat"}), ""},
      {"endless source", seq({"yes", "head -n 100000", "wc -l"}), ""},
      {"true reads nothing", seq({"seq 1 300000", "true", "wc -c"}), ""},
      {"true as a sink", seq({"seq 1 300000", "cat", "true"}), ""},
      {"one branch ends early", seq({"seq 1 300000", par({"head -n 3", "tail -n 3", "wc -l"})}),
       ""},
      {"closes stdin and goes on", seq({"seq 1 300000", "exec <&-; seq 1 10", "tac"}), ""},
      {"closes stdout and reads on", seq({"seq 1 100000", "echo a; exec >&-; cat >all", "wc"}), ""},
  });
}

// The programs that read late wait for a fifo that a later line of the same script fills.
TEST(Equality, WithTheShellOfProgramsThatReadLate) {
  const std::string late =
      "mkfifo f; (dd if=/dev/zero bs=1M count=300 2>/dev/null | cksum >f) & "
      "read x <f; cat";
  run_all({
      {"late", seq({"seq 1 1500000", late, "tail -n 2"}), ""},
      {"one byte at a time", seq({"seq 1 2000", "dd bs=1 2>/dev/null", "md5sum"}), ""},
      {"writes in small pieces", seq({"seq 1 2000", "dd bs=3 2>/dev/null", "rev"}), ""},
  });
}

TEST(Equality, WithTheShellOfBinaryDataAndLongLines) {
  run_all({
      {"all bytes", seq({from_stdin(), "cat"}), kAllBytes},
      {"all bytes, branches", seq({from_stdin(), par({"cat", "rev | rev", "od -c"})}), kAllBytes},
      {"nul", seq({"printf 'a\\0b\\n\\0\\0\\nc\\0'", "tr '\\0' '@'"}), ""},
      {"zeros", seq({"head -c 5000000 /dev/zero", "cat", "wc -c"}), ""},
      {"binary", seq({"seq 1 200000 | gzip -n", "cat", "gunzip", "md5sum"}), ""},
      {"3 MiB line", seq({long_line(3), "cat"}), ""},
      {"3 MiB line among others", seq({"echo a; " + long_line(3) + "; echo; echo b", "rev"}), ""},
      {"40 MiB line", seq({long_line(40), "cat", "wc"}), ""},
  });
}

TEST(Equality, WithTheShellOfStandardInput) {
  run_all({
      {"words", seq({from_stdin(), "tr ' ' '\\n'", "sort", "uniq -c"}), "b a b\na c\nb"},
      {"nothing", seq({from_stdin(), "wc -c"}), ""},
      {"no newline", seq({from_stdin(), "cat"}), "last line"},
      {"much", seq({from_stdin(), "sort -u"}), repeated("some line or other\n", 200'000)},
      {"head of much", seq({from_stdin(), "head -n 2"}), repeated("line\n", 1'000'000)},
      {"3 MiB without newline", seq({from_stdin(), "cat"}), std::string(3 << 20, 'y')},
  });
}

TEST(Equality, WithTheShellOfBranches) {
  run_all({
      {"two", seq({"seq 1 50000", par({"grep 7", "wc -l"})}), ""},
      {"five", seq({"seq 1 5000", par({"sort", "tac", "rev", "nl", "head -n 1"})}), ""},
      {"diamond", seq({"seq 1 5000", par({"grep 1", "grep 2"}), "sort"}), ""},
      {"diamond to a sink", seq({"seq 1 5000", par({"grep 1", "grep 2"}), "cat"}), ""},
      {"two sources", seq({par({"seq 1 5000", "seq 100 200"}), "sort -n", "uniq -c"}), ""},
      {"sources without newline", seq({par({"printf a", "printf b", "printf c"}), "sort"}), ""},
      {"one of them is empty", seq({par({"true", "seq 1 10", "true"}), "cat"}), ""},
      {"nested", seq({"seq 1 3000", par({seq({"grep 1", par({"wc -l", "tac"})}), "wc -c"})}), ""},
      {"all to all", seq({par({"seq 1 99", "seq 5 50"}), par({"sort", "wc -l"})}), ""},
      {"long lines meet",
       seq({par({long_line(3) + "; echo", "seq 1 300000"}),
            par({"wc -l", "sort | md5sum | sort"})}),
       ""},
  });
}

// ---- made at random

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  Graph graph() {
    std::vector<Graph> parts{source()};
    bool ordered = parts.front().kind == Graph::Kind::kCommand;
    const size_t stages = pick(1, 5);
    for (size_t i = 0; i < stages; ++i) {
      if (pick(0, 3) == 0) {
        parts.push_back(par(branches(ordered)));
        // Behind it the branches meet.
        ordered = false;
      } else {
        parts.push_back(stage(ordered));
        ordered = ordered || parts.back().command.starts_with("sort");
      }
    }
    return seq(std::move(parts));
  }

 private:
  size_t pick(size_t from, size_t to) {
    return std::uniform_int_distribution<size_t>(from, to)(random_);
  }

  Graph one_of(const std::vector<std::string>& commands) {
    return commands[pick(0, commands.size() - 1)];
  }

  std::string source_command() {
    const std::string many = std::to_string(pick(0, 3) == 0 ? pick(0, 3) : pick(0, 60'000));
    return one_of({"seq 1 " + many, "seq -f '%.0f %.0f'" + std::string(" 1 ") + many,
                   "yes 'some words here' | head -n " + many, "printf 'a b\\nc d\\ne f'",
                   "seq 1 " + many + " | tr '\\n' ' '", "true",
                   "head -c " + many + " /dev/zero | tr '\\0' 'q'", "seq " + many + " | rev"})
        .command;
  }

  Graph source() {
    // (seq refuses `%.0f %.0f`: a source that fails at once is a case too.)
    if (pick(0, 4) != 0) return source_command();
    return par({source_command() + "; echo", source_command() + "; echo"});
  }

  // By line, so the order of lines is kept but does not matter.
  Graph by_line() {
    return one_of({"grep 7", "grep -v 3", "grep nothing", "sed 's/1/one/g'", "sed -n '/2/p'",
                   "tr '0-9' 'a-j'", "cut -c 1-3", "rev", "cat", "awk '{print NF, $0}'",
                   "awk 'length($0) % 2'", "tee /dev/null", "sed 's/$/./'"});
  }

  Graph stage(bool ordered) {
    // (wc -l would show whether the last record, be it whichever, has its newline.)
    if (!ordered) return pick(0, 2) == 0 ? one_of({"sort", "sort -r", kCountRecords}) : by_line();
    if (pick(0, 1) == 0) return by_line();
    return one_of({"sort", "sort -n -r", "uniq -c", "uniq", "head -n 5", "head -n 1", "head -c 100",
                   "tail -n 4", "tail -n +3", "wc", "wc -l", "tac", "nl", "paste - -",
                   "paste -s -d,", "tr -d '\\n'", "awk '{n += $1} END {print n}'", "true",
                   "dd bs=7 2>/dev/null"});
  }

  std::vector<Graph> branches(bool ordered) {
    std::vector<Graph> all;
    const size_t count = pick(2, 4);
    for (size_t i = 0; i < count; ++i) {
      Graph first = stage(ordered);
      all.push_back(pick(0, 2) == 0 ? seq({std::move(first), "sort"}) : std::move(first));
    }
    return all;
  }

  std::mt19937_64 random_;
};

void run_generated(uint64_t first_seed, size_t count) {
  std::vector<Case> cases;
  for (uint64_t seed = first_seed; seed < first_seed + count; ++seed) {
    cases.push_back({"WEIR_TEST_SEED=" + std::to_string(seed), Generator(seed).graph(), ""});
  }
  run_all(cases);
}

TEST(Equality, WithTheShellOfGeneratedGraphs) { run_generated(seed_from_environment(1), 12); }

TEST(EqualityLong, WithTheShellOfGeneratedGraphs) {
  run_generated(seed_from_environment(1000), 500);
}

}  // namespace
}  // namespace weir::e2e
