#include "ctl/commands/events.h"

#include <memory>
#include <optional>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"
#include "ctl/output/event_text.h"
#include "ctl/output/format.h"
#include "ctl/output/status_json.h"

namespace weir::ctl {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPollPause{250};
constexpr milliseconds kFollowWait{5'000};

struct Options {
  std::string pipeline;
  std::optional<uint32_t> tail;
  bool follow = false;
  std::string format;
};

class Listing {
 public:
  Listing(Program& program, Session& session, const Options& options)
      : program_(program), session_(session), options_(options) {}

  int run() {
    Result<std::vector<wire::Event>> events = all_there_are();
    if (!events) return session_.fail(events.error());
    if (events->empty() && !options_.pipeline.empty()) {
      const auto known =
          session_.ask<wire::PipelineStatus>(wire::PipelineStatusRequest{options_.pipeline});
      if (!known) return session_.fail(known.error());
    }
    if (options_.tail && *options_.tail < events->size()) {
      events->erase(events->begin(), events->end() - static_cast<std::ptrdiff_t>(*options_.tail));
    }
    if (is_json(options_.format) && !options_.follow) {
      program_.streams().out << to_text(to_json(*events));
      return kDone;
    }
    print(*events);
    return options_.follow ? follow() : int{kDone};
  }

 private:
  // Those after the last one that was asked for, and of the wanted pipeline.
  Result<std::vector<wire::Event>> next(milliseconds limit) {
    auto answer = session_.broker().ask<wire::Events>(wire::EventsRequest{last_}, limit);
    if (!answer) return std::move(answer).error();
    got_ = answer->events.size();
    if (got_ > 0) last_ = answer->events.back().number;
    if (!options_.pipeline.empty()) {
      std::erase_if(answer->events,
                    [&](const auto& event) { return event.pipeline != options_.pipeline; });
    }
    return std::move(answer->events);
  }

  Result<std::vector<wire::Event>> all_there_are() {
    std::vector<wire::Event> all;
    do {
      auto more = next(Broker::kAnswerWait);
      if (!more) return std::move(more).error();
      all.insert(all.end(), more->begin(), more->end());
    } while (got_ > 0);
    return all;
  }

  void print(const std::vector<wire::Event>& events) {
    std::ostream& out = program_.streams().out;
    for (const wire::Event& event : events) {
      out << (is_json(options_.format) ? to_line(to_json(event)) : event_line(event));
    }
    out.flush();
  }

  int follow() {
    Broker& broker = session_.broker();
    bool is_away = false;
    while (broker.pause(got_ > 0 ? milliseconds(0) : kPollPause)) {
      if (!program_.streams().out || program_.system().is_out_closed()) return kDone;
      const auto events = next(kFollowWait);
      if (events) {
        is_away = false;
        print(*events);
      } else if (broker.signal() == 0) {
        got_ = 0;
        if (events.error().code != ErrorCode::kTimeout) return session_.fail(events.error());
        if (!is_away) program_.note("the broker does not answer; waiting for it");
        is_away = true;
      }
    }
    return 128 + broker.signal();
  }

  Program& program_;
  Session& session_;
  const Options& options_;
  uint64_t last_ = 0;
  size_t got_ = 0;  // With the last answer.
};

}  // namespace

void add_events(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "events",
      {.summary = "show what has happened: agents, pipelines, nodes, actions",
       .examples = "weirctl events --tail 20\n"
                   "weirctl events simplepipe -f\n"
                   "weirctl events -f -o json | jq -r .text"},
      [&program, options] {
        return with_broker(
            program, [&](Session& session) { return Listing(program, session, *options).run(); });
      });
  command.argument({.names = "PIPELINE", .help = "only what is about this pipeline"},
                   options->pipeline);
  command.flag({.names = "-f,--follow", .help = "go on with what comes, until Ctrl-C"},
               options->follow);
  command.option(
      {.names = "--tail", .type = "N", .help = "begin with the last N, not with all that are kept"},
      options->tail);
  add_format_option(command, options->format);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
