// Writers and rotations at random, with restarts of the follower at random places: every line once,
// and those of one path in order. A failing seed is printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <sstream>

#include "test/unit/wrapper/tail/fake_files.h"

namespace weir::tail {
namespace {

class World {
 public:
  World(uint64_t seed, bool pattern, bool copies)
      : random_(seed), pattern_(pattern), copies_(copies), names_(1 + seed % 3), written_(names_) {
    FollowOptions options;
    options.follow = true;
    for (size_t i = 0; i < names_; ++i) {
      options.paths.push_back(path(i) + (pattern ? "*" : ""));
      writers_.push_back(files_.open_for_writing(path(i)));
    }
    follow_ = std::make_unique<Follow>(files_, options);
    follow_->read();
  }

  void step() {
    const size_t i = random_() % names_;
    switch (random_() % 12) {
      case 0:
        return rotate(i);
      case 1:
        follow_->commits = true;
        return follow_->restart();
      case 2:
        // Only a part of what is there, or of it is committed.
        follow_->commits = random_() % 2 == 0;
        follow_->tracker().look(SteadyTime(std::chrono::hours(2)));
        for (uint64_t j = random_() % 4; j > 0; --j) follow_->read_one();
        follow_->restart();
        follow_->commits = true;
        return;
      case 3:
        return write(i, random_() % 2'000);
      case 4:
        follow_->pass(Tracker::kLinger);
        return follow_->read();
      case 5:
      case 6:
        return follow_->read();
      case 7:
        files_.remove(path(i) + ".5");
        return;
      default:
        return write(i, random_() % 100);
    }
  }

  void finish() {
    follow_->commits = true;
    follow_->read();
    follow_->pass(Tracker::kLinger);
    follow_->read();
    follow_->read();
    std::vector<std::vector<uint64_t>> read(names_);
    std::istringstream lines(follow_->lines());
    size_t writer = 0;
    uint64_t number = 0;
    std::string rest;
    while (lines >> writer >> number) {
      std::getline(lines, rest);
      ASSERT_LT(writer, names_);
      read[writer].push_back(number);
    }
    ASSERT_TRUE(lines.eof());
    for (size_t i = 0; i < names_; ++i) {
      // What a pattern finds under two names may be two paths.
      if (pattern_) std::sort(read[i].begin(), read[i].end());
      ASSERT_EQ(read[i].size(), written_[i]) << "of writer " << i << "\n" << follow_->notes_text();
      for (uint64_t j = 0; j < written_[i]; ++j) ASSERT_EQ(read[i][j], j) << "of writer " << i;
    }
  }

 private:
  static std::string path(size_t i) { return "/log/app" + std::to_string(i) + ".log"; }

  // Lines, the last of which may be only begun.
  void write(size_t i, uint64_t count) {
    std::string text;
    for (uint64_t j = 0; j <= count; ++j) {
      text += std::to_string(i) + " " + std::to_string(written_[i]++) + " " +
              std::string(random_() % 40, 'x') + "\n";
    }
    const size_t cut = random_() % text.size();
    writers_[i].append(text.substr(0, cut));
    if (random_() % 3 == 0) follow_->read();
    writers_[i].append(text.substr(cut));
  }

  // Something was read of what the path leads to.
  bool is_begun(size_t i) {
    const auto& paths = follow_->tracker().paths();
    const auto known = paths.find(path(i));
    if (known == paths.end() || known->second.files.empty()) return false;
    const TrackedFile& file = *known->second.files.back();
    return !file.is_open() || file.offset > 0;
  }

  void rotate(size_t i) {
    // Less is not recognised as a copy by what it holds.
    if (copies_ && files_.content(path(i)).size() < Tracker::kContentBytesMin) return;
    // Nor is it seen that a file was truncated of which nothing was read, if it has grown again.
    if (copies_ && !is_begun(i)) follow_->read();
    // What was not read is not lost as long as it is there.
    for (int j = 7; j > 0; --j) {
      const std::string name = path(i) + "." + std::to_string(j);
      if (!files_.has(name)) continue;
      if (j == 7) {
        follow_->read();
        files_.remove(name);
      } else {
        files_.rename(name, path(i) + "." + std::to_string(j + 1));
      }
    }
    if (copies_) {
      files_.copy(path(i), path(i) + ".1");
      if (random_() % 3 == 0) follow_->read();
      files_.write(path(i), "");
      return;
    }
    files_.rename(path(i), path(i) + ".1");
    if (random_() % 2 == 0) write(i, random_() % 5);  // To the old one.
    if (random_() % 3 == 0) follow_->read();
    writers_[i] = files_.open_for_writing(path(i));
  }

  std::mt19937_64 random_;
  bool pattern_;
  bool copies_;
  FakeFiles files_;
  size_t names_;
  std::vector<FakeFiles::Writer> writers_;
  std::vector<uint64_t> written_;
  std::unique_ptr<Follow> follow_;
};

void run(bool pattern, bool copies) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    World world(seed, pattern, copies);
    for (int i = 0; i < 120 && !::testing::Test::HasFailure(); ++i) world.step();
    world.finish();
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(RandomRotation, R4RenamedFilesOfPlainPaths) { run(false, false); }
TEST(RandomRotation, R4RenamedFilesThatPatternsFindToo) { run(true, false); }
TEST(RandomRotation, R4CopiesOfPlainPaths) { run(false, true); }
TEST(RandomRotation, R4CopiesThatPatternsFindToo) { run(true, true); }

}  // namespace
}  // namespace weir::tail
