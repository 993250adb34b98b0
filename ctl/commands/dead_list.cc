#include "ctl/commands/dead_list.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"
#include "ctl/dead/letter_text.h"
#include "ctl/dead/letters.h"
#include "ctl/output/format.h"
#include "ctl/output/text.h"
#include "ctl/up/run_folder.h"

namespace weir::ctl {
namespace {

struct Options {
  std::vector<std::string> names;  // Of nodes; without --data the pipeline's comes first.
  std::string data_dir;
  std::string format;
};

// Goes over the logs and prints what can be read, whatever is wrong with some of them.
class Listing {
 public:
  Listing(Program& program, bool json) : program_(program), json_(program.streams().out) {
    if (!json) rows_.push_back(line_titles());
  }

  void add(const InstanceLog& log) {
    Status read = read_dead_letters(log.dir, filter(), on_letter_);
    if (!read && read.error().code == ErrorCode::kConflict) {
      running_ += (running_.empty() ? "" : ", ") + log.label;
      return;
    }
    note(std::move(read), log.label);
  }

  void add(Broker& broker, const PlacedInstance& instance) {
    note(read_dead_letters(broker, instance.key, filter(), on_letter_), instance.label);
  }

  int end() {
    const bool good = running_.empty() && !failure_;
    std::ostream& out = program_.streams().out;
    if (rows_.empty()) {
      if (good || !json_.empty()) json_.end();
    } else if (rows_.size() > 1) {
      out << table(rows_);
    } else if (good) {
      out << "no dead letters\n";
    }
    int code = kDone;
    if (!running_.empty()) {
      code = program_.fail({ErrorCode::kConflict,
                            running_ + ": running; the dead letters of a node can be read when "
                                       "'weirctl up' has ended"});
    }
    if (failure_) code = program_.fail(*failure_);
    return code;
  }

 private:
  LetterFilter filter() const {
    return {.record_bytes_max = rows_.empty() ? std::nullopt : std::optional(kRecordBytesInLine)};
  }

  bool put(const wire::DeadLetter& letter, std::string_view record) {
    if (rows_.empty()) {
      json_.add(to_json(letter, record));
    } else {
      rows_.push_back(to_line(letter, record));
    }
    return program_.streams().out.good();
  }

  void note(Status read, const std::string& label) {
    if (!read && !failure_) failure_ = std::move(read).error().in(label);
  }

  Program& program_;
  OnDeadLetter on_letter_ = [this](const auto& letter, auto record) { return put(letter, record); };
  JsonList json_;
  std::vector<std::vector<std::string>> rows_;  // Empty: as JSON.
  std::string running_;
  std::optional<Error> failure_;  // The first one.
};

int list_folder(Program& program, const Options& options) {
  const Result<RunFolder> folder = RunFolder::open(options.data_dir);
  if (!folder) return program.fail(folder.error());
  const Result<std::vector<std::string>> nodes = folder->nodes_named(options.names);
  if (!nodes) return program.fail(nodes.error());
  const Result<std::vector<InstanceLog>> logs = folder->record_logs(*nodes);
  if (!logs) return program.fail(logs.error());
  Listing listing(program, is_json(options.format));
  for (const InstanceLog& log : *logs) listing.add(log);
  return listing.end();
}

int list_cluster(Program& program, Session& session, const Options& options) {
  const auto instances = placed_instances(session.broker(), options.names.front(),
                                          {options.names.begin() + 1, options.names.end()});
  if (!instances) return session.fail(instances.error());
  Listing listing(program, is_json(options.format));
  for (const PlacedInstance& instance : *instances) {
    listing.add(session.broker(), instance);
    if (const int signal = session.broker().signal(); signal != 0) return 128 + signal;
  }
  const int code = listing.end();
  // The broker answers; it is an agent that is away.
  return code == kBrokerNotReached ? kFailed : code;
}

int list(Program& program, const Options& options) {
  if (!options.data_dir.empty()) {
    if (program.is_broker_named()) return program.fail_usage("--data asks no broker");
    return list_folder(program, options);
  }
  if (options.names.empty()) {
    return program.fail_usage("no pipeline given",
                              "name one that the broker has, or the data folder of a 'weirctl up' "
                              "with --data DIR");
  }
  return with_broker(program,
                     [&](Session& session) { return list_cluster(program, session, options); });
}

}  // namespace

void add_dead_list(Program& program) {
  auto options = std::make_shared<Options>();
  Command command =
      program.add_command("dead list",
                          {.summary = "list the records that no run of their program has accepted",
                           .examples = "weirctl dead list simplepipe\n"
                                       "weirctl dead list simplepipe parse\n"
                                       "weirctl dead list --data run1 parse -o json"},
                          [&program, options] { return list(program, *options); });
  command.argument(
      {.names = "NAME", .help = "a pipeline, and which of its nodes; with --data only nodes"},
      options->names);
  command.option({.names = "--data",
                  .type = "DIR",
                  .help = "the data folder of a 'weirctl up' that has ended"},
                 options->data_dir);
  add_format_option(command, options->format);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
