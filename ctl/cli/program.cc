#include "ctl/cli/program.h"

#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <sstream>
#include <utility>

#include "ctl/base/exit_code.h"
#include "ctl/client/zmq_broker.h"
#include "schema/config/command_line.h"
#include "schema/graph/diagnostic.h"
#include "schema/graph/suggest.h"

namespace weir::ctl {
namespace {

// Examples first: most people look for a line to copy.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string out = make_description(app);
    const std::string examples = app->get_footer();
    if (!examples.empty()) out += "\nExamples:\n" + indented(examples);
    out += "\n" + make_usage(app, std::move(name));
    out += make_positionals(app) + make_groups(app, mode) + make_subcommands(app, mode);
    return out;
  }

 protected:
  // A flag that may have a value: "--wait[=STATE]".
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    std::string name = CLI::Formatter::make_option_name(option, is_positional);
    if (!may_have_value(*option)) return name;
    const std::string type = option->get_type_name();
    return name.substr(0, name.find('{')) + "[=" + type.substr(0, type.find(':')) + "]";
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    return may_have_value(*option) ? "" : CLI::Formatter::make_option_opts(option);
  }

 private:
  static bool may_have_value(const CLI::Option& option) {
    return option.get_expected_max() == 0 &&
           option.get_name(false, true).find('{') != std::string::npos;
  }

  static std::string indented(const std::string& text) {
    std::istringstream lines(text);
    std::string out;
    for (std::string line; std::getline(lines, line);) out += "  " + line + "\n";
    return out;
  }
};

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

CLI::App* find_command(CLI::App& app, const std::string& name) {
  for (CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

// The full path of a command, as it is typed.
std::string path_of(const CLI::App* app) {
  if (app->get_parent() == nullptr) return app->get_name();
  return path_of(app->get_parent()) + " " + app->get_name();
}

// Whether the option `word` takes the argument behind it as its value.
bool takes_next(const CLI::App& app, const std::string& word) {
  if (word.find('=') != std::string::npos) return false;
  const CLI::Option* const option = app.get_option_no_throw(word);
  return option != nullptr && option->get_expected_max() > 0;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// `weirctl help up` and `weirctl pipeline help` are `weirctl up --help` and `weirctl pipeline
// --help`, and `weirctl version` is `weirctl --version`.
std::vector<std::string> spelt_out(CLI::App& root, std::vector<std::string> arguments) {
  if (arguments == std::vector<std::string>{"version"}) return {"--version"};
  const auto help = std::find(arguments.begin(), arguments.end(), "help");
  if (help == arguments.end() || help - arguments.begin() > 1) return arguments;
  const CLI::App* const group = find_command(root, arguments.front());
  const bool is_command =
      help == arguments.begin() || (group != nullptr && !command_names(*group).empty());
  if (!is_command) return arguments;
  arguments.erase(help);
  arguments.emplace_back("--help");
  return arguments;
}

// CLI11's words for an option without its value: "--tail: 1 required N missing".
std::string in_our_words(const CLI::ParseError& error) {
  const std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return text.substr(0, text.find(':')) + " needs a value";
  }
  if (text == "A subcommand is required") return "no command given";
  return text;
}

const CLI::App& chosen(const CLI::App& app) {
  const CLI::App* at = &app;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  return *at;
}

}  // namespace

std::string version_text() { return "weirctl " WEIR_VERSION; }

System real_system() {
  System real;
  real.environment = [](const char* name) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return std::string(value == nullptr ? "" : value);
  };
  real.config_files = config_files(real.environment);
  real.connect = ZmqBroker::connect;
  real.exists = [](const std::string& path) { return ::access(path.c_str(), F_OK) == 0; };
  real.out_is_terminal = ::isatty(STDOUT_FILENO) == 1;
  real.err_is_terminal = ::isatty(STDERR_FILENO) == 1;
  // A pipe whose reader has gone says so before anything is written to it.
  real.is_out_closed = [] {
    pollfd poll{STDOUT_FILENO, 0, 0};
    return ::poll(&poll, 1, 0) > 0 && (poll.revents & (POLLERR | POLLNVAL)) != 0;
  };
  return real;
}

Program::Program(Streams streams, System system)
    : streams_(streams),
      system_(std::move(system)),
      root_(
          std::make_unique<CLI::App>("run dataflow graphs made of ordinary programs", "weirctl")) {
  root_->formatter(std::make_shared<HelpFormatter>());
  root_->set_version_flag("-v,--version", version_text(), "print the version and exit");
  root_->set_help_flag("-h,--help", "print this help and exit");
  root_->require_subcommand(1);
  root_->fallthrough();
  add_broker_option(Command(*root_));
  root_->footer(
      "weirctl up -e \"'seq 10' ; 'wc -l'\"\nweirctl pipeline put pipeline.toml\nweirctl status");
}

Program::~Program() = default;

void Program::add_broker_option(Command command) {
  command.option({.names = "--broker",
                  .type = "ENDPOINT",
                  .help = "the broker's endpoint; else WEIR_BROKER, weirctl.toml, and the "
                          "local socket of this host's broker"},
                 broker_option_);
}

void Program::add_broker_flag(Command command, const std::string& what_for) {
  command.flag_or_value({.names = "--broker", .type = "ENDPOINT", .help = what_for}, kNoEndpoint,
                        broker_option_);
}

CLI::App* Program::group(CLI::App& parent, const std::string& name) {
  if (CLI::App* const known = find_command(parent, name)) return known;
  const auto summary = group_summaries_.find(name);
  CLI::App* const made = parent.add_subcommand(
      name, summary == group_summaries_.end() ? name + " commands" : summary->second);
  made->require_subcommand(1);
  made->fallthrough();
  return made;
}

Command Program::add_command(std::string_view path, const CommandHelp& help,
                             std::function<int()> action) {
  std::vector<std::string> words = words_of(path);
  const std::string name = words.back();
  words.pop_back();
  CLI::App* parent = root_.get();
  for (const std::string& word : words) parent = group(*parent, word);
  CLI::App* const command = parent->add_subcommand(name, std::string(help.summary));
  command->footer(std::string(help.examples));
  // The action runs after parsing, outside of CLI11: what it throws or returns is not its business.
  command->parse_complete_callback([this, action = std::move(action)] { action_ = action; });
  return Command(*command);
}

int Program::run(std::vector<std::string> arguments) {
  arguments = spelt_out(*root_, std::move(arguments));
  if (!names_known_commands(arguments)) return kUsage;
  try {
    config::refuse_empty_values(*root_, arguments);
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    root_->parse(std::move(reversed));
  } catch (const CLI::ExtrasError&) {
    return refuse_extras();
  } catch (const CLI::ParseError& error) {
    // Help and version come as errors whose code is 0. All others are mistakes in the arguments,
    // whatever number CLI11 gives them.
    if (error.get_exit_code() == 0) return root_->exit(error, streams_.out, streams_.err);
    return fail_usage(in_our_words(error), "try '" + path_of(&chosen(*root_)) + " --help'");
  }
  if (!broker_option_.empty() && chosen(*root_).get_option_no_throw("--broker") == nullptr) {
    return fail_usage("'" + path_of(&chosen(*root_)) +
                      "' asks no broker, so --broker means nothing");
  }
  return action_ ? action_() : fail_usage("no command given", "try 'weirctl --help'");
}

// CLI11 takes an unknown command for a stray argument; people want to know what they mistyped.
bool Program::names_known_commands(const std::vector<std::string>& arguments) {
  CLI::App* at = root_.get();
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::vector<std::string> names = command_names(*at);
    if (names.empty()) return true;
    const std::string& word = arguments[i];
    if (!word.empty() && word[0] == '-') {
      if (takes_next(*at, word) || takes_next(*root_, word)) ++i;
      continue;
    }
    CLI::App* const next = find_command(*at, word);
    if (next == nullptr) {
      std::string hint = commands_named(word);
      if (hint.empty()) hint = graph::did_you_mean(word, names);
      if (hint.empty()) hint = "try '" + path_of(at) + " --help'";
      fail_usage("unknown command '" + word + "'", hint);
      return false;
    }
    at = next;
  }
  return true;
}

// "did you mean 'weirctl pipeline stop'?": people leave out the group.
std::string Program::commands_named(const std::string& word) const {
  std::string found;
  for (const CLI::App* group : root_->get_subcommands({})) {
    for (const CLI::App* command : group->get_subcommands({})) {
      if (command->get_name() != word) continue;
      found += (found.empty() ? "'" : " or '") + path_of(command) + "'";
    }
  }
  return found.empty() ? "" : "did you mean " + found + "?";
}

int Program::refuse_extras() {
  const CLI::App& command = chosen(*root_);
  std::string first;
  for (const std::string& extra : root_->remaining(true)) {
    if (first.empty() || (first[0] != '-' && !extra.empty() && extra[0] == '-')) first = extra;
  }
  const std::string help = "try '" + path_of(&command) + " --help'";
  if (first.empty() || first[0] != '-') {
    return fail_usage("unexpected argument '" + first + "'", help);
  }
  const std::string hint =
      graph::did_you_mean(first.substr(0, first.find('=')), option_names(command));
  return fail_usage("unknown option '" + first + "'", hint.empty() ? help : hint);
}

int Program::fail(const Error& error) {
  streams_.err << "weirctl: " << error.what << "\n";
  return exit_code_for(error.code);
}

int Program::fail_usage(std::string_view message, std::string_view hint) {
  streams_.err << "weirctl: " << graph::printable(message) << "\n";
  if (!hint.empty()) streams_.err << "hint: " << graph::printable(hint) << "\n";
  return kUsage;
}

void Program::note(std::string_view text) {
  streams_.err << "weirctl: note: " << graph::printable(text) << "\n";
}

}  // namespace weir::ctl
