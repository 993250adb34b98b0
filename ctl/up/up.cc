#include "ctl/up/up.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "ctl/base/exit_code.h"
#include "ctl/base/files.h"
#include "ctl/base/shell_word.h"
#include "ctl/output/instances.h"
#include "ctl/output/units.h"
#include "ctl/up/actions.h"
#include "ctl/up/completion.h"
#include "ctl/up/preflight.h"
#include "schema/base/files.h"
#include "schema/graph/expression.h"
#include "schema/graph/topology.h"
#include "schema/runtime/standard_fds.h"

namespace weir::ctl {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::initializer_list<int> kSignals{SIGINT, SIGTERM, SIGHUP};

}  // namespace

int run_up(UpOptions options) {
  const size_t agents = agent_names(options.spec, options.agents).size();
  if (Status good = preflight(options.spec, agents, options.output_dir.empty()); !good) {
    std::fprintf(stderr, "weirctl: %s\n", good.error().what.c_str());
    return exit_code_for(good.error().code);
  }
  runtime::ignore_sigpipe();
  // From here on there is a folder to be removed.
  runtime::block_signals(kSignals);
  Result<DataFolder> folder = DataFolder::open(options.data_dir, temporary_root(), options.spec);
  if (!folder) {
    std::fprintf(stderr, "weirctl: %s\n", folder.error().what.c_str());
    return exit_code_for(folder.error().code);
  }
  return Up(std::move(options), *std::move(folder)).run();
}

Up::Up(UpOptions options, DataFolder folder)
    : options_(std::move(options)),
      folder_(std::move(folder)),
      context_(1),
      console_(loop_, runtime::reserve_standard_fds().err ? STDERR_FILENO : -1,
               !options_.quiet && ::isatty(STDERR_FILENO) == 1),
      stdout_is_terminal_(::isatty(STDOUT_FILENO) == 1) {}

int Up::run() {
  started_at_ = heard_at_ = loop_.now();
  if (Status started = start(); !started) fail(started.error());
  loop_.run();
  return close();
}

// ---- starting

Status Up::start() {
  auto signals =
      runtime::SignalWatch::create(loop_, kSignals, [this](int signal) { on_signal(signal); });
  if (!signals) return std::move(signals).error();
  signals_.emplace(*std::move(signals));

  if (Status shared = share_room(); !shared) return shared;
  DaemonsConfig config{&folder_, agent_names(options_.spec, options_.agents), options_.log_level,
                       room_.reserve_bytes};
  std::vector<std::string> stderr_folders;
  for (const std::string& agent : config.agents) {
    stderr_folders.push_back(folder_.agent(agent) + "/logs/" + options_.spec.name);
  }
  LogFilesConfig stderr_files;
  stderr_files.label = [this](const auto& node, uint32_t instance) {
    return instance_label(options_.spec, node, instance);
  };
  stderr_files.folders = [folders = std::move(stderr_folders)] { return folders; };
  // What is there now was shown by an earlier run.
  if (folder_.resumed()) stderr_files.tail = 0;
  stderr_ = std::make_unique<LogFiles>(std::move(stderr_files));
  poll_stderr();

  Daemons::Events events;
  events.on_note = [this](const std::string& text) { note("", text); };
  events.on_hopeless = [this](const Error& error) { fail(error); };
  events.on_gone = [this](bool all) {
    all_gone_ = all;
    loop_.stop();
  };
  daemons_ = std::make_unique<Daemons>(loop_, std::move(config), std::move(events));
  if (Status opened = open_sinks(); !opened) return opened;
  if (phase_ == Phase::kStopping) return {};  // There is nothing left to do.
  if (Status opened = open_stdin(); !opened) return opened;
  if (Status started = daemons_->start(); !started) return started;
  has_begun_ = true;
  Result<uint64_t> nonce = random_number();
  if (!nonce) return std::move(nonce).error();
  control_ = std::make_unique<ControlClient>(loop_, context_, "up-" + std::to_string(*nonce));
  control_->connect(daemons_->broker_endpoint());
  loop_.on_turn_end([this] { on_turn_end(); });
  start_timers();
  put();
  return {};
}

// R7: a run that has no room to work is told so before it begins.
Status Up::share_room() {
  constexpr uint64_t kUnknownBytes = 1ull << 30;
  const size_t logs = instances_of(options_.spec).size();
  const std::optional<uint64_t> bytes = folder_.room_bytes();
  room_ = run_room(bytes.value_or(kUnknownBytes), logs);
  if (!bytes) room_.reserve_bytes = 1;
  if (options_.log_limit_bytes > 0) {
    room_.log_limit_bytes = options_.log_limit_bytes;
  } else if (bytes && *bytes < room_.needed_bytes) {
    return Error{ErrorCode::kLimit,
                 "the disk of " + folder_.path() + " has no room: " + readable_bytes(*bytes) +
                     " are left, and " + counted(logs, "node") + " need " +
                     readable_bytes(room_.needed_bytes) + "; free some, or " +
                     (folder_.is_temporary() ? "set TMPDIR to, or say --data DIR on, another disk"
                                             : "take a --data folder on another disk")};
  }
  return {};
}

Status Up::open_sinks() {
  SinksConfig config;
  config.pipeline = options_.spec.name;
  for (const uint32_t node : graph::sinks(options_.spec)) {
    const std::string& name = options_.spec.nodes[node].name;
    for (SpecInstance& sink : instances_of(options_.spec, node)) {
      config.sinks.push_back({wire::lane_name(name, sink.instance), std::move(sink.label)});
    }
  }
  config.output_dir = options_.output_dir;
  if (!folder_.is_temporary()) config.state_dir = folder_.own();
  config.run = folder_.run();
  Sinks::Events events;
  events.on_before_write = [this] {
    wrote_at_ = loop_.now();
    if (!stdout_is_terminal_) return;
    // On one terminal the live line must be gone before the output comes.
    console_.progress("");
    console_.finish(milliseconds(100));
  };
  events.on_note = [this](const auto& who, const auto& text) { note(who, text); };
  events.on_ended = [this] {
    complete_ = true;
    end_soon(options_.strict ? kClosedWait : kReportsWait);
  };
  events.on_closed = [this] { end_soon(kClosedWait); };
  events.on_error = [this](const Error& error) { fail(error); };
  sinks_ = std::make_unique<Sinks>(loop_, context_, std::move(config), std::move(events));
  if (Status opened = sinks_->open_outputs(); !opened) return opened;
  if (sinks_->all_ended()) {
    end_complete();
    return {};
  }
  return sinks_->listen("ipc://" + folder_.sockets() + "/weirctl");
}

Status Up::open_stdin() {
  for (const graph::NodeSpec& node : options_.spec.nodes) {
    if (!node.caller_stdin) continue;
    StdinConfig config;
    config.pipeline = options_.spec.name;
    config.node = node.name;
    config.delimiter = node.delimiter;
    if (!folder_.is_temporary()) config.state_file = folder_.own() + "/stdin";
    config.open = runtime::reserve_standard_fds().in;
    StdinFeed::Events events;
    events.on_note = [this, name = node.name](const std::string& text) { note(name, text); };
    events.on_error = [this](const Error& error) { fail(error); };
    stdin_ = std::make_unique<StdinFeed>(loop_, context_, std::move(config), std::move(events));
    return stdin_->open();
  }
  struct stat info {};
  looks_at_stdin_ = !options_.stdin_is_pipeline && ::fstat(STDIN_FILENO, &info) == 0 &&
                    (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode));
  return {};
}

void Up::start_timers() {
  loop_.every(milliseconds(100), [this] {
    if (!console_.full()) poll_stderr();
  });
  loop_.every(milliseconds(200), [this] { show_progress(); });
  loop_.every(milliseconds(100), [this] { look_at_time(); });
}

void Up::put() {
  control_->ask(wire::PipelinePut{options_.spec}, kRequestWait, [this](const auto& answer) {
    if (phase_ == Phase::kStopping) return;
    if (!answer) return fail(Error(answer.error()).in("the broker refuses the pipeline"));
    run_pipeline();
  });
}

void Up::run_pipeline() {
  wire::PipelineRun run;
  run.name = options_.spec.name;
  run.sink_reader =
      wire::ReaderOrder{std::string(wire::kWeirctlName), "ipc://" + folder_.sockets() + "/weirctl"};
  run.options.trim_at_taken = folder_.is_temporary();
  run.options.stay_placed = true;
  run.options.log_limit_bytes = room_.log_limit_bytes;
  Result<std::string> folder = current_folder();
  if (!folder) return fail(folder.error());
  run.options.working_dir = *std::move(folder);
  control_->ask(run, kRequestWait, [this](const auto& answer) {
    if (phase_ == Phase::kStopping) return;
    if (!answer) return fail(Error(answer.error()).in("the broker does not run the pipeline"));
    poll();
  });
}

// ---- running

void Up::poll_soon() {
  loop_.after(phase_ == Phase::kRunning ? kPollSlow : kPollFast, [this] { poll(); });
}

bool Up::accepts_as_a_shell(const std::string& node) const {
  return std::any_of(options_.spec.nodes.begin(), options_.spec.nodes.end(),
                     [&](const graph::NodeSpec& spec) {
                       return spec.name == node && spec.accept == graph::shell_statuses();
                     });
}

void Up::poll() {
  if (phase_ == Phase::kStopping) return;
  control_->ask(wire::PipelineStatusRequest{options_.spec.name}, kStatusWait,
                [this](const auto& answer) {
                  if (phase_ == Phase::kStopping) return;
                  if (answer) {
                    heard_at_ = loop_.now();
                    if (const auto* status = std::get_if<wire::PipelineStatus>(&*answer)) {
                      on_status(*status);
                    }
                  } else if (answer.error().code != ErrorCode::kTimeout) {
                    return fail(answer.error());
                  }
                  poll_soon();
                });
}

void Up::on_status(const wire::PipelineStatus& status) {
  const StatusWatch::News news = watch_.on_status(status, loop_.now());
  all_told_ = all_told_ || news.all_ended || news.completed;
  for (const auto& [who, text] : news.notes) note(who, text);
  // Nobody would know why nothing moves: said whatever else is not.
  for (const auto& [who, text] : news.troubles) say(who, text);
  // Where everything is accepted, as in a shell, it is shown; in a file somebody has chosen it.
  for (const auto& [node, told] : news.exits) {
    if (accepts_as_a_shell(node)) note(told.who, told.text);
  }
  if (news.failure) {
    poll_stderr();  // What it wrote to the end comes first.
    say(news.failure->who, news.failure->text);
    failed_node_ = news.failed_node;
    return finish(kFailed);
  }
  if (stdin_) stdin_->connect(news.stdin_endpoint);
  if (phase_ == Phase::kStarting && news.was_up) phase_ = Phase::kRunning;
  if (news.completed && phase_ != Phase::kEnding && sinks_->idle()) {
    // Completed although not all has come here: an earlier run has had it.
    return end_complete();
  }
  complete_ = complete_ || news.completed;
  if (news.completed && phase_ == Phase::kEnding) return finish(kDone);
  if (phase_ == Phase::kEnding && news.all_ended) finish(kDone);
}

void Up::on_turn_end() {
  if (phase_ == Phase::kStopping) return;
  sinks_->turn();
  if (stdin_) stdin_->turn();
}

// Data that is piped into a run without `-` would vanish without a word.
void Up::look_at_stdin() {
  int bytes = 0;
  if (!looks_at_stdin_ || ::ioctl(STDIN_FILENO, FIONREAD, &bytes) != 0 || bytes == 0) return;
  looks_at_stdin_ = false;
  note("",
       "nothing reads the standard input that is piped in: use - as an entry of the graph (\"- ; "
       "'sort'\")");
}

void Up::look_at_time() {
  const runtime::SteadyTime now = loop_.now();
  if (phase_ == Phase::kStopping) return;
  look_at_stdin();
  if (phase_ == Phase::kEnding && now >= ending_until_) return finish(kDone);
  if (now - heard_at_ >= kBrokerSilenceMax) {
    return fail(Error{ErrorCode::kUnavailable, "the broker has not answered for a minute: see " +
                                                   folder_.logs() + "/broker.log"});
  }
  if (phase_ == Phase::kStarting && now - started_at_ >= kStartWait) {
    fail(Error{ErrorCode::kTimeout,
               "the pipeline does not start: " + watch_.reason() + "; see " + folder_.logs()});
  }
}

void Up::show_progress() {
  // On one terminal with the output, only while that rests, at the beginning of a line.
  const bool in_the_way = stdout_is_terminal_ && (!sinks_->idle() || !sinks_->at_line_end() ||
                                                  loop_.now() - wrote_at_ < seconds(1));
  if (!console_.live() || in_the_way || phase_ == Phase::kStopping) return;
  const auto elapsed = duration_cast<seconds>(loop_.now() - started_at_).count();
  console_.progress("weir: " + grouped(sinks_->records()) + " records, " +
                    readable_bytes(sinks_->bytes()) + " out, " + std::to_string(elapsed) + " s");
}

size_t Up::programs() const {
  size_t count = 0;
  for (const SpecInstance& instance : instances_of(options_.spec)) {
    count += options_.spec.nodes[instance.node].caller_stdin ? 0 : 1;
  }
  return count;
}

// True if there is more at once. What cannot be read is not worth ending the run.
bool Up::poll_stderr() {
  if (!stderr_) return false;
  const auto progress =
      stderr_->poll([this](const auto& who, auto line) { show_stderr(who, line); });
  return progress && *progress == LogSource::Progress::kMore;
}

void Up::show_stderr(const std::string& who, std::string_view line) {
  console_.raw(programs() == 1 ? std::string(line) : who + "| " + std::string(line));
}

void Up::note(const std::string& who, const std::string& text) {
  if (!options_.quiet) say(who, text);
}

void Up::say(const std::string& who, const std::string& text) {
  console_.say(who.empty() ? text : who + ": " + text);
}

// ---- ending

void Up::on_signal(int signal) {
  if (phase_ == Phase::kStopping) {
    if (exit_code_ <= 128) return;  // It ends anyway.
    daemons_->kill_all();
    folder_.clean(folder_.is_temporary());
    std::_Exit(128 + signal);
  }
  finish(128 + signal);
}

void Up::fail(const Error& error) {
  if (phase_ == Phase::kStopping) return;
  poll_stderr();
  console_.say(error.what);
  finish(exit_code_for(error.code));
}

// All that will be written is written; what the nodes have to say is waited for.
void Up::end_soon(milliseconds limit) {
  if (phase_ == Phase::kStopping) return;
  phase_ = Phase::kEnding;
  ending_until_ = loop_.now() + limit;
}

void Up::end_complete() {
  note("", "this run is complete: nothing is left to do");
  complete_ = true;
  finish(kDone);
}

// What `--strict` makes of a run that has ended well: how its programs ended is asked too.
int Up::strict_code() {
  Completion completion{watch_.nonzero_exits(), 0};
  for (const auto& [node, count] : watch_.dead_letters()) completion.dead_letters += count;
  if (const auto before = read_completion(folder_.path()); before && complete_) {
    completion.nonzero_exits = std::max(completion.nonzero_exits, before->nonzero_exits);
    completion.dead_letters = std::max(completion.dead_letters, before->dead_letters);
    all_told_ = true;
  }
  if (complete_ && all_told_ && !folder_.is_temporary()) {
    if (Status kept = write_completion(folder_.path(), completion); !kept) {
      note("", "cannot remember that the run is complete: " + kept.error().what);
    }
  }
  if (!options_.strict || (all_told_ && completion.is_clean())) return kDone;
  std::string why = "not all nodes have said how they ended";
  if (!completion.is_clean()) {
    why = counted(completion.nonzero_exits, "run") + " ended with another status than 0, " +
          counted(completion.dead_letters, "dead letter");
  }
  console_.say("--strict: " + why);
  return kFailed;
}

void Up::finish(int code) {
  if (phase_ == Phase::kStopping) return;
  phase_ = Phase::kStopping;
  exit_code_ = code;
  console_.progress("");
  if (sinks_) sinks_->close();
  if (sinks_) sinks_->keep_positions();  // Whatever becomes of what is still being written.
  if (stdin_) stdin_->close();
  if (daemons_) {
    daemons_->stop();
  } else {
    loop_.stop();
  }
}

int Up::close() {
  while (poll_stderr()) {
  }
  if (stderr_) stderr_->finish([this](const auto& who, auto line) { show_stderr(who, line); });
  const bool interrupted = exit_code_ > 128;
  const bool dead_letters = !watch_.dead_letters().empty();
  const bool failed = has_begun_ && !interrupted && exit_code_ != kDone;
  const bool keep = !folder_.is_temporary() || failed || (dead_letters && !interrupted);
  if (sinks_) sinks_->keep_positions();
  look_at_stdin();
  say_what_is_left(keep);
  if (exit_code_ == kDone) exit_code_ = strict_code();
  console_.finish(kConsoleWait);
  if (!keep && sinks_) sinks_->forget_positions();
  stdin_.reset();
  sinks_.reset();
  control_.reset();
  daemons_.reset();
  folder_.clean(!keep);
  return exit_code_;
}

void Up::say_what_is_left(bool keep) {
  const std::map<std::string, uint64_t> letters = watch_.dead_letters();
  for (const auto& [node, count] : letters) {
    console_.say(node + ": " + grouped(count) + (count == 1 ? " dead letter" : " dead letters"));
  }
  if (!all_gone_) console_.say("some processes could not be ended");
  if (!keep) return;
  if (folder_.is_temporary()) console_.say("the data is kept in " + folder_.path());
  if (!letters.empty()) {
    console_.say("to see the dead letters: " + on_this_data("dead list"));
  }
  if (!failed_node_.empty()) {
    console_.say("to see what " + failed_node_ + " wrote to stderr: " + on_this_data("logs") + " " +
                 failed_node_);
  }
  if (exit_code_ != kDone && exit_code_ != kConflict) console_.say("to go on: " + resume_command());
}

std::string Up::on_this_data(const std::string& command) const {
  return "weirctl " + command + " --data " + shell_quoted(folder_.path());
}

std::string Up::resume_command() const {
  std::string command = on_this_data("up");
  for (const std::string& word : options_.words) command += " " + shell_quoted(word);
  return command;
}

}  // namespace weir::ctl
