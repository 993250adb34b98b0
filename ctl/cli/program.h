// weirctl without main: the command line, and which command it stands for.
//
// A command is one file in commands/ with one function that adds it here; commands/registry.cc
// calls them all.
#pragma once

#include <functional>
#include <iosfwd>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/base/command.h"
#include "ctl/client/broker.h"
#include "ctl/client/broker_choice.h"
#include "schema/base/error.h"

namespace weir::ctl {

// Where a command reads and writes; tests put strings here.
struct Streams {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
};

// What else commands see of the world; tests put theirs here.
struct System {
  // Empty if it is not set.
  std::function<std::string(const char* name)> environment;
  std::vector<std::string> config_files;
  std::function<Result<std::unique_ptr<Broker>>(const std::string& endpoint)> connect;
  // Whether there is something at this path.
  std::function<bool(const std::string& path)> exists = [](const std::string&) { return false; };
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  // Nobody reads standard output any more.
  std::function<bool()> is_out_closed = [] { return false; };
};

System real_system();

struct CommandHelp {
  std::string_view summary;   // One line, small letter first, no full stop.
  std::string_view examples;  // Lines as they are typed; shown first.
};

class Program {
 public:
  explicit Program(Streams streams, System system = real_system());
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  // Adds the command with this path, such as "tree" or "pipeline check"; the words before the last
  // are groups and are made as needed. Add options to what is returned; values that they fill must
  // live as long as `action`, which returns the exit code.
  Command add_command(std::string_view path, const CommandHelp& help, std::function<int()> action);

  // What a group is for; before its first command is added.
  void describe_group(const std::string& name, const std::string& summary) {
    group_summaries_[name] = summary;
  }

  // Adds `--broker ENDPOINT` to a command that asks one.
  void add_broker_option(Command command);
  // Adds `--broker[=ENDPOINT]` to a command that asks one only then.
  void add_broker_flag(Command command, const std::string& what_for);

  CLI::App& root() { return *root_; }
  Streams& streams() { return streams_; }
  const System& system() const { return system_; }
  // What was said with --broker, behind the command's name or before it; empty: no endpoint.
  std::string broker_option() const { return broker_option_ == kNoEndpoint ? "" : broker_option_; }
  // It was there at all.
  bool is_broker_named() const { return !broker_option_.empty(); }

  // Reads the arguments (without the program's name) and runs the command. Returns the exit code;
  // usage errors have been printed.
  int run(std::vector<std::string> arguments);

  // Prints "weirctl: WHAT" and a hint. Returns the exit code that belongs to it.
  int fail(const Error& error);
  int fail_usage(std::string_view message, std::string_view hint = "");
  // A remark on stderr: "weirctl: note: TEXT".
  void note(std::string_view text);

 private:
  static constexpr const char* kNoEndpoint = "default";  // --broker as a flag.

  CLI::App* group(CLI::App& parent, const std::string& name);
  bool names_known_commands(const std::vector<std::string>& arguments);
  std::string commands_named(const std::string& word) const;
  int refuse_extras();

  Streams streams_;
  System system_;
  std::unique_ptr<CLI::App> root_;
  std::map<std::string, std::string> group_summaries_;
  std::string broker_option_;
  std::function<int()> action_;  // Of the command that was chosen.
};

// "weirctl 0.1.0".
std::string version_text();

}  // namespace weir::ctl
