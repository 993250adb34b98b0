// What a command takes on its line: arguments, options, flags. CLI11 stays behind it, because it is
// slow to compile.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "schema/base/result.h"

namespace CLI {
class App;
}

namespace weir::ctl {

// How one of them is called and explained.
struct OptionSpec {
  std::string names{};  // "-e,--expression"; of an argument: "FILE".
  std::string type{};   // What help calls the value: "DIR". None for arguments and flags.
  std::string help{};
  bool is_required = false;
  std::vector<std::string> choices{};  // Of a text, if not every one will do.
  uint32_t min = 0;                    // Of a number.
  uint32_t max = std::numeric_limits<uint32_t>::max();
};

// A handle: copies stand for the same command. What is filled must live as long as the Program.
class Command {
 public:
  // Says what is wrong with a text, if anything is.
  using Reader = std::function<Status(const std::string& text)>;

  explicit Command(CLI::App& app) : app_(&app) {}

  // Without an option in front of it; the second takes as many as there are.
  void argument(const OptionSpec& spec, std::string& value);
  void argument(const OptionSpec& spec, std::vector<std::string>& values);
  // With a value behind it; the second may be given several times.
  void option(const OptionSpec& spec, std::string& value);
  void option(const OptionSpec& spec, std::vector<std::string>& values);
  void option(const OptionSpec& spec, uint32_t& number);
  void option(const OptionSpec& spec, std::optional<uint32_t>& number);
  void option(const OptionSpec& spec, Reader reader);
  void flag(const OptionSpec& spec, bool& value);
  // `--name`, which stands for `--name=USUAL`, or `--name=VALUE`.
  void flag_or_value(const OptionSpec& spec, const std::string& usual, std::string& value);

 private:
  CLI::App* app_;
};

}  // namespace weir::ctl
