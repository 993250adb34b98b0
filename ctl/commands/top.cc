#include "ctl/commands/top.h"

#include <memory>
#include <optional>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"
#include "ctl/client/signals_held.h"
#include "ctl/output/format.h"
#include "ctl/output/status_json.h"
#include "ctl/top/rows.h"
#include "ctl/top/screen.h"

namespace weir::ctl {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kRefresh{1'000};
constexpr milliseconds kKeyPause{100};
constexpr milliseconds kLiveWait{2'000};

struct Options {
  std::string name;
  bool once = false;
  std::string format;
};

class Looker {
 public:
  Looker(Session& session, std::string name) : session_(session), name_(std::move(name)) {}

  // Of the named pipeline, or of all.
  Result<std::vector<TopRow>> look(milliseconds limit) {
    Broker& broker = session_.broker();
    std::vector<std::string> names{name_};
    const Status named = Broker::check_name(wire::PipelineGet{name_});
    if (!name_.empty() && !named) return named.error();
    if (name_.empty()) {
      const auto cluster = broker.ask<wire::BrokerStatus>(wire::BrokerStatusRequest{}, limit);
      if (!cluster) return cluster.error();
      names.clear();
      for (const wire::PipelineSummary& pipeline : cluster->pipelines) {
        names.push_back(pipeline.name);
      }
    }
    std::vector<wire::Message> questions;
    for (const std::string& name : names) {
      questions.emplace_back(wire::PipelineStatusRequest{name});
      questions.emplace_back(wire::PipelineGet{name});
    }
    auto answers = broker.ask_all(std::move(questions), limit);
    std::vector<TopRow> rows;
    for (size_t i = 0; i + 1 < answers.size(); i += 2) {
      const auto status = Broker::as<wire::PipelineStatus>(std::move(answers[i]));
      const auto spec = Broker::as<wire::PipelineSpecIs>(std::move(answers[i + 1]));
      const bool is_gone = !status && status.error().code == ErrorCode::kNotFound;
      if (is_gone && name_.empty()) continue;  // Between the questions.
      if (!status) return status.error();
      if (!spec) return spec.error();
      for (TopRow& row : top_rows(spec->spec, *status)) rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  Session& session_;
  std::string name_;
};

int show_once(Program& program, Session& session, const Options& options) {
  const auto rows = Looker(session, options.name).look(Broker::kAnswerWait);
  if (!rows) return session.fail(rows.error());
  program.streams().out << (is_json(options.format) ? to_text(to_json(*rows)) : top_table(*rows));
  return kDone;
}

class Live {
 public:
  Live(Session& session, const Options& options)
      : session_(session), looker_(session, options.name) {}

  int run() {
    auto rows = looker_.look(Broker::kAnswerWait);
    if (!rows) return session_.fail(rows.error());
    const SignalsHeld held;
    Screen screen;
    while (true) {
      screen.show(rows ? title("") + top_table(*rows) : title(rows.error().what));
      if (const std::optional<int> code = wait(screen)) return *code;
      rows = looker_.look(kLiveWait);
      if (const int signal = session_.broker().signal(); signal != 0) return 128 + signal;
    }
  }

 private:
  std::string title(const std::string& trouble) const {
    return "weirctl top, " + session_.endpoint() + "; q ends" +
           (trouble.empty() ? "" : "\n\n" + trouble) + "\n\n";
  }

  std::optional<int> wait(const Screen& screen) {
    Broker& broker = session_.broker();
    const Broker::Time until = broker.now() + kRefresh;
    while (broker.now() < until) {
      if (!broker.pause(kKeyPause)) return 128 + broker.signal();
      for (char key = screen.key(); key != 0; key = screen.key()) {
        if (key == 'q' || key == 'Q') return kDone;
      }
    }
    return std::nullopt;
  }

  Session& session_;
  Looker looker_;
};

}  // namespace

void add_top(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "top",
      {.summary = "show what each node does, anew each second",
       .examples = "weirctl top\n"
                   "weirctl top simplepipe --once\n"
                   "weirctl top -o json"},
      [&program, options] {
        return with_broker(program, [&](Session& session) {
          const bool live =
              program.system().out_is_terminal && !options->once && !is_json(options->format);
          return live ? Live(session, *options).run() : show_once(program, session, *options);
        });
      });
  command.argument({.names = "NAME", .help = "only this pipeline"}, options->name);
  command.flag({.names = "--once",
                .help = "print one table and end, as when standard output is no terminal"},
               options->once);
  add_format_option(command, options->format);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
