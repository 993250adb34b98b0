#include "ctl/cluster/wait.h"

#include <algorithm>
#include <utility>

#include "schema/config/units.h"

namespace weir::ctl {
namespace {

using std::chrono::milliseconds;
using wire::PipelineState;

constexpr milliseconds kPollPause{100};
constexpr milliseconds kAnswerWait{10'000};
// A reason is told when it has lasted for so long.
constexpr milliseconds kReasonLasts{3'000};

std::string state_text(const wire::PipelineStatus& status) {
  std::string text(wire::to_string(status.state));
  return status.reason.empty() ? text : text + ": " + status.reason;
}

class Waiting {
 public:
  Waiting(Program& program, Session& session, const Wait& wait)
      : program_(program), broker_(session.broker()), wait_(wait), begun_(broker_.now()) {}

  Status run() {
    while (true) {
      const auto status = broker_.ask<wire::PipelineStatus>(
          wire::PipelineStatusRequest{wait_.pipeline}, std::min(kAnswerWait, left()));
      if (broker_.signal() != 0) return Error{ErrorCode::kTimeout, "interrupted"};
      if (status) {
        if (auto end = judge(wait_.wanted, *status)) return *std::move(end);
        look_at(state_text(*status));
      } else if (status.error().code == ErrorCode::kTimeout) {
        look_at("the broker does not answer");
      } else if (status.error().code == ErrorCode::kNotFound && wait_.wanted == Wanted::kRemoved) {
        return {};
      } else {
        return status.error();
      }
      if (left() <= milliseconds(0)) return late();
      if (!broker_.pause(std::min(kPollPause, left()))) {
        return Error{ErrorCode::kTimeout, "interrupted"};
      }
    }
  }

 private:
  milliseconds left() const {
    if (!wait_.limit) return milliseconds::max();
    const auto gone = std::chrono::duration_cast<milliseconds>(broker_.now() - begun_);
    return std::max(*wait_.limit - gone, milliseconds(0));
  }

  void look_at(const std::string& text) {
    if (text != text_) {
      text_ = text;
      since_ = broker_.now();
      is_told_ = false;
    }
    if (is_told_ || broker_.now() - since_ < kReasonLasts) return;
    is_told_ = true;
    program_.note("pipeline '" + wait_.pipeline + "': " + text_);
  }

  Error late() const {
    return Error{ErrorCode::kTimeout, "pipeline '" + wait_.pipeline + "' is not " +
                                          std::string(to_string(wait_.wanted)) + " after " +
                                          config::format_duration(*wait_.limit) + ": " + text_};
  }

  Program& program_;
  Broker& broker_;
  const Wait& wait_;
  Broker::Time begun_;
  std::string text_;
  Broker::Time since_{};
  bool is_told_ = false;
};

Error failed(const wire::PipelineStatus& status) {
  return Error{ErrorCode::kIo, "pipeline '" + status.name + "' has failed" +
                                   (status.reason.empty() ? "" : ": " + status.reason)};
}

Error meanwhile(const wire::PipelineStatus& status, Wanted wanted) {
  return Error{ErrorCode::kConflict,
               "pipeline '" + status.name + "' will not be " + std::string(to_string(wanted)) +
                   ": somebody has asked for something else meanwhile, and it is " +
                   state_text(status)};
}

}  // namespace

std::string_view to_string(Wanted wanted) {
  switch (wanted) {
    case Wanted::kRunning:
      return "running";
    case Wanted::kCompleted:
      return "completed";
    case Wanted::kStopped:
      return "stopped";
    case Wanted::kRemoved:
      return "removed";
  }
  return "";
}

std::optional<Status> judge(Wanted wanted, const wire::PipelineStatus& status) {
  const bool stops = wanted == Wanted::kStopped || wanted == Wanted::kRemoved;
  switch (status.state) {
    case PipelineState::kCompleted:
      if (wanted == Wanted::kRemoved) return Status(meanwhile(status, wanted));
      return Status();
    case PipelineState::kRunning:
      if (stops) return Status(meanwhile(status, wanted));
      if (wanted == Wanted::kRunning) return Status();
      return std::nullopt;
    case PipelineState::kStarting:
    case PipelineState::kDegraded:
      if (stops) return Status(meanwhile(status, wanted));
      return std::nullopt;
    case PipelineState::kFailed:
      if (stops) return Status(meanwhile(status, wanted));
      return Status(failed(status));
    case PipelineState::kStopping:
      if (!stops) return Status(meanwhile(status, wanted));
      return std::nullopt;
    case PipelineState::kStored:
    case PipelineState::kStopped:
      if (wanted == Wanted::kStopped) return Status();
      return Status(meanwhile(status, wanted));
  }
  return std::nullopt;
}

Status wait_for(Program& program, Session& session, const Wait& wait) {
  return Waiting(program, session, wait).run();
}

void add_timeout_option(Command command, std::optional<std::chrono::milliseconds>& limit) {
  command.option(
      {.names = "--timeout", .type = "DURATION", .help = "how long to wait: 500ms, 60s, 10m"},
      [&limit](const std::string& text) -> Status {
        const auto duration = config::parse_duration(text);
        if (!duration) return duration.error();
        limit = *duration;
        return {};
      });
}

}  // namespace weir::ctl
