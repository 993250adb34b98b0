#include "ctl/command.h"

#include <CLI/CLI.hpp>
#include <utility>

namespace weir::ctl {
namespace {

void describe(CLI::Option* option, const OptionSpec& spec) {
  option->type_name(spec.type);
  option->required(spec.is_required);
  if (!spec.choices.empty()) option->check(CLI::IsMember(spec.choices));
}

void check_range(CLI::Option* option, const OptionSpec& spec) {
  const bool is_any = spec.min == 0 && spec.max == std::numeric_limits<uint32_t>::max();
  if (!is_any) option->check(CLI::Range(spec.min, spec.max));
}

}  // namespace

void Command::argument(const OptionSpec& spec, std::string& value) {
  describe(app_->add_option(spec.names, value, spec.help), spec);
}

void Command::argument(const OptionSpec& spec, std::vector<std::string>& values) {
  describe(app_->add_option(spec.names, values, spec.help), spec);
}

void Command::option(const OptionSpec& spec, std::string& value) {
  describe(app_->add_option(spec.names, value, spec.help), spec);
}

void Command::option(const OptionSpec& spec, std::vector<std::string>& values) {
  CLI::Option* const option = app_->add_option(spec.names, values, spec.help);
  describe(option, spec);
  // Otherwise it would take the arguments behind it too.
  option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void Command::option(const OptionSpec& spec, uint32_t& number) {
  CLI::Option* const option = app_->add_option(spec.names, number, spec.help);
  describe(option, spec);
  check_range(option, spec);
}

void Command::option(const OptionSpec& spec, std::optional<uint32_t>& number) {
  CLI::Option* const option = app_->add_option(spec.names, number, spec.help);
  describe(option, spec);
  check_range(option, spec);
}

void Command::option(const OptionSpec& spec, Reader reader) {
  const auto take = [name = spec.names, reader = std::move(reader)](const std::string& text) {
    if (const Status taken = reader(text); !taken) {
      throw CLI::ValidationError(name, taken.error().what);
    }
  };
  describe(app_->add_option_function<std::string>(spec.names, take, spec.help), spec);
}

void Command::flag(const OptionSpec& spec, bool& value) {
  app_->add_flag(spec.names, value, spec.help);
}

void Command::flag_or_value(const OptionSpec& spec, const std::string& usual, std::string& value) {
  CLI::Option* const option = app_->add_flag(spec.names + "{" + usual + "}", value, spec.help);
  option->type_name(spec.type);
  if (!spec.choices.empty()) option->check(CLI::IsMember(spec.choices));
}

}  // namespace weir::ctl
