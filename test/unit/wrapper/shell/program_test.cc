// The program of a node with a real guard: runs that follow one another.
#include "wrapper/shell/program.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace weir::shell {
namespace {

using std::chrono::seconds;

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() {
    std::string name = "/tmp/weir-program-test-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    ::setenv("PATH", (std::string(GUARD_FOLDER) + ":" + std::getenv("PATH")).c_str(), 1);
    order_.node.name = "node";
    order_.log_dir = folder_;
    order_.working_dir = folder_;
    order_.stderr_file = folder_ + "/stderr";
  }
  ~ProgramTest() override {
    program_.reset();
    std::filesystem::remove_all(folder_);
  }

  void make(const std::string& command) {
    order_.node.run = command;
    Program::Events events;
    events.output_space = [this] { return std::span<uint8_t>(buffer_); };
    events.on_output = [this](size_t bytes) {
      output_.append(reinterpret_cast<const char*>(buffer_), bytes);
    };
    events.on_fed = [](size_t) {};
    events.on_stdin_broken = [] {};
    events.on_run_end = [this](const core::RunEnd& end) {
      ends_.push_back(end);
      loop_.stop();
    };
    events.on_begun = [](const std::string&) {};
    events.on_guard_gone = [] {};
    program_ = std::make_unique<Program>(loop_, order_, std::vector<int>{}, std::nullopt,
                                         std::move(events));
    const Status started = program_->start_guard();
    ASSERT_TRUE(started) << started.error().what;
    loop_.on_turn_end([this] {
      program_->flush();
      program_->resume_output();
    });
    limit_ = loop_.after(seconds(20), [this] {
      ADD_FAILURE() << "no run has ended within 20 s";
      loop_.stop();
    });
  }

  std::string folder_;
  runtime::Loop loop_;
  wire::StartOrder order_;
  std::unique_ptr<Program> program_;
  runtime::TimerId limit_{};
  uint8_t buffer_[4096];
  std::string output_;
  std::vector<core::RunEnd> ends_;
};

TEST_F(ProgramTest, ARunGetsItsInputAndItsEnd) {
  make("cat");
  program_->start_run({});
  program_->feed(SharedBytes::copy_of("one\n"));
  program_->close_stdin();
  loop_.run();
  EXPECT_EQ(output_, "one\n");
  ASSERT_EQ(ends_.size(), 1u);
  EXPECT_EQ(ends_[0].code, 0);
}

// A core kills a run and orders the next one in the same turn, and feeds it at once.
TEST_F(ProgramTest, WhatIsFedToARunThatWaitsForAKilledOneToBeGoneIsNotLost) {
  make("cat");
  program_->start_run({});
  program_->feed(SharedBytes::copy_of("old\n"));
  program_->kill_run();
  program_->start_run({});
  program_->feed(SharedBytes::copy_of("new\n"));
  program_->close_stdin();
  loop_.run();
  EXPECT_EQ(output_, "new\n");
  ASSERT_EQ(ends_.size(), 1u) << "the killed run's end is not reported";
  EXPECT_EQ(ends_[0].kind, core::RunEnd::Kind::kExited);
}

TEST_F(ProgramTest, ARunThatIsStoppedWhileItWaitsForAKilledOneToBeGoneHasAnEndToo) {
  make("cat");
  program_->start_run({});
  program_->kill_run();
  program_->start_run({});
  EXPECT_TRUE(program_->run_waits());
  program_->terminate_run();
  loop_.run();
  ASSERT_EQ(ends_.size(), 1u);
  EXPECT_EQ(ends_[0].kind, core::RunEnd::Kind::kLost) << "it is no attempt of the program's";
  EXPECT_FALSE(program_->run_waits());
}

TEST_F(ProgramTest, TheOutputOfARunThatWaitsCanBeClosed) {
  make("exec 2>/dev/null; while echo more; do :; done");
  program_->start_run({});
  program_->kill_run();
  program_->start_run({});
  program_->close_stdout();
  loop_.run();
  ASSERT_EQ(ends_.size(), 1u);
}

}  // namespace
}  // namespace weir::shell
