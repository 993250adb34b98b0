#include "ctl/commands/dead_list.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "ctl/dead/inspection.h"
#include "ctl/dead/letter_text.h"
#include "ctl/exit_code.h"
#include "ctl/output/format.h"
#include "ctl/output/text.h"
#include "ctl/up/run_folder.h"

namespace weir::ctl {
namespace {

struct Options {
  std::string data_dir;
  std::vector<std::string> nodes;
  std::string format;
};

// Goes over the logs and prints what can be read, whatever is wrong with some of them.
class Listing {
 public:
  Listing(Program& program, bool json) : program_(program), json_(program.streams().out) {
    if (!json) rows_.push_back(line_titles());
  }

  void add(const InstanceLog& log) {
    DeadLetterQuery query{log.dir, ""};
    if (!rows_.empty()) query.record_bytes_max = kRecordBytesInLine;
    Status read = read_dead_letters(query, [this](const auto& letter, auto record) {
      if (rows_.empty()) {
        json_.add(to_json(letter, record));
      } else {
        rows_.push_back(to_line(letter, record));
      }
      return program_.streams().out.good();
    });
    if (read) return;
    if (read.error().code == ErrorCode::kConflict) {
      running_ += (running_.empty() ? "" : ", ") + log.node;
      return;
    }
    if (!failure_) failure_ = std::move(read).error().in(log.node);
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
  Program& program_;
  JsonList json_;
  std::vector<std::vector<std::string>> rows_;  // Empty: as JSON.
  std::string running_;
  std::optional<Error> failure_;  // The first one.
};

int list(Program& program, const Options& options) {
  const Result<RunFolder> folder = RunFolder::open(options.data_dir);
  if (!folder) return program.fail(folder.error());
  const Result<std::vector<std::string>> nodes = folder->nodes_named(options.nodes);
  if (!nodes) return program.fail(nodes.error());
  const Result<std::vector<InstanceLog>> logs = folder->record_logs(*nodes);
  if (!logs) return program.fail(logs.error());
  Listing listing(program, is_json(options.format));
  for (const InstanceLog& log : *logs) listing.add(log);
  return listing.end();
}

}  // namespace

void add_dead_list(Program& program) {
  auto options = std::make_shared<Options>();
  Command command =
      program.add_command("dead list",
                          {.summary = "list the records that no run of their program has accepted",
                           .examples = "weirctl dead list --data run1\n"
                                       "weirctl dead list --data run1 parse -o json"},
                          [&program, options] { return list(program, *options); });
  command.argument({.names = "NODE", .help = "only of these nodes"}, options->nodes);
  command.option({.names = "--data",
                  .type = "DIR",
                  .help = "the data folder of a 'weirctl up' that has ended",
                  .is_required = true},
                 options->data_dir);
  add_format_option(command, options->format);
}

}  // namespace weir::ctl
