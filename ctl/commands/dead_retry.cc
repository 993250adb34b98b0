#include "ctl/commands/dead_retry.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>
#include <set>

#include "ctl/base/exit_code.h"
#include "ctl/cli/session.h"
#include "ctl/cluster/wait.h"
#include "ctl/dead/change.h"
#include "ctl/dead/letters.h"

namespace weir::ctl {
namespace {

struct Options {
  LettersNamed named;
  bool wait = false;
  std::optional<std::chrono::milliseconds> timeout;
};

constexpr std::chrono::milliseconds kAskAgain{200};

// The letters of an instance as they are now: those that wait or are under way, and all.
struct Seen {
  std::set<std::string> ids;
  std::set<std::string> retrying;
};

class Retry {
 public:
  Retry(Program& program, Session& session, const Options& options)
      : program_(program), session_(session), options_(options) {}

  int run() {
    const auto all = letters_named(session_.broker(), options_.named);
    if (!all) return session_.fail(all.error());
    uint64_t asked = 0;
    std::vector<Letters> retried;
    for (Letters letters : *all) {
      const auto seen = look(letters.instance);
      if (!seen) return session_.fail(seen.error());
      if (options_.named.all && seen->ids.empty()) continue;
      const auto done = session_.ask<wire::DeadChanged>(
          wire::DeadChange{letters.instance, wire::DeadAction::kRetry, letters.ids});
      if (!done) return session_.fail(done.error());
      asked += done->letters;
      if (options_.named.all) letters.ids.assign(seen->ids.begin(), seen->ids.end());
      retried.push_back(std::move(letters));
    }
    std::ostream& out = program_.streams().out;
    if (!options_.wait || asked == 0) {
      out << letters_text(asked) << (asked == 1 ? " is" : " are") << " given to "
          << (asked == 1 ? "its" : "their") << " program again\n";
      return kDone;
    }
    out.flush();
    return wait_for(asked, retried);
  }

 private:
  Result<Seen> look(const wire::InstanceKey& instance) {
    Seen seen;
    const LetterFilter ids_only{.record_bytes_max = 0};
    Status read =
        read_dead_letters(session_.broker(), instance, ids_only, [&](const auto& letter, auto) {
          seen.ids.insert(letter.id);
          if (letter.retrying) seen.retrying.insert(letter.id);
          return true;
        });
    if (!read) return std::move(read).error();
    return seen;
  }

  int wait_for(uint64_t asked, const std::vector<Letters>& retried) {
    Broker& broker = session_.broker();
    const auto began = broker.now();
    while (true) {
      uint64_t still_dead = 0;
      bool waits = false;
      for (const Letters& letters : retried) {
        const auto seen = look(letters.instance);
        // Its wrapper or its agent may be starting again.
        if (!seen && seen.error().code != ErrorCode::kUnavailable) {
          return session_.fail(seen.error());
        }
        waits = waits || !seen;
        for (const std::string& id : letters.ids) {
          if (!seen) break;
          waits = waits || seen->retrying.contains(id);
          still_dead += seen->ids.contains(id) ? 1 : 0;
        }
      }
      if (!waits) return tell(asked, still_dead);
      if (options_.timeout && broker.now() - began >= *options_.timeout) {
        return session_.fail({ErrorCode::kTimeout, "not all of them have been tried yet"});
      }
      if (!broker.pause(kAskAgain)) return 128 + broker.signal();
    }
  }

  int tell(uint64_t asked, uint64_t still_dead) {
    program_.streams().out << letters_text(asked - std::min(asked, still_dead)) << " accepted\n";
    if (still_dead == 0) return kDone;
    return session_.fail({ErrorCode::kIo, letters_text(still_dead) +
                                              " not accepted this time either: see 'weirctl dead "
                                              "list " +
                                              options_.named.pipeline + "'"});
  }

  Program& program_;
  Session& session_;
  const Options& options_;
};

}  // namespace

void add_dead_retry(Program& program) {
  auto options = std::make_shared<Options>();
  Command command = program.add_command(
      "dead retry",
      {.summary = "give records to their program again that no run of it has accepted",
       .examples = "weirctl dead retry simplepipe parse 0.1.0 0.1.3\n"
                   "weirctl dead retry simplepipe --all --wait"},
      [&program, options] {
        if (const std::string what = trouble_with(options->named); !what.empty()) {
          return program.fail_usage(what);
        }
        if (options->timeout && !options->wait) {
          return program.fail_usage("--timeout goes with --wait");
        }
        return with_broker(
            program, [&](Session& session) { return Retry(program, session, *options).run(); });
      });
  add_letter_arguments(command, options->named, "all that the node has, or all of the pipeline");
  command.flag({.names = "--wait", .help = "until each was tried; ends with 1 if one failed again"},
               options->wait);
  add_timeout_option(command, options->timeout);
  program.add_broker_option(command);
}

}  // namespace weir::ctl
