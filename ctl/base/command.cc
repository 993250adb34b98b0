#include "ctl/base/command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <utility>

#include "schema/config/command_line.h"

namespace weir::ctl {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

void describe(CLI::Option* option, const OptionSpec& spec) {
  option->type_name(spec.type);
  option->required(spec.is_required);
  if (option->get_expected_max() > 0) config::refuse_empty(option);
  if (spec.choices.empty()) return;
  option->check([choices = spec.choices](const std::string& value) {
    const bool known = std::find(choices.begin(), choices.end(), value) != choices.end();
    return known ? "" : "'" + value + "' is none of " + joined(choices);
  });
}

// Throws CLI::ValidationError.
uint32_t read_number(const OptionSpec& spec, const std::string& text) {
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, failure] = std::from_chars(text.data(), end, number);
  const bool is_number = at == end && failure != std::errc::invalid_argument;
  std::string wrong;
  if (!is_number) {
    wrong = "'" + text + "' is not a number";
  } else if (failure != std::errc() || number < spec.min || number > spec.max) {
    wrong = text + " is not from " + std::to_string(spec.min) + " to " + std::to_string(spec.max);
  }
  if (wrong.empty()) return static_cast<uint32_t>(number);
  throw CLI::ValidationError(spec.names.substr(spec.names.find("--")), wrong);
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
  const auto take = [spec, &number](const std::string& text) { number = read_number(spec, text); };
  describe(app_->add_option_function<std::string>(spec.names, take, spec.help), spec);
}

void Command::option(const OptionSpec& spec, std::optional<uint32_t>& number) {
  const auto take = [spec, &number](const std::string& text) { number = read_number(spec, text); };
  describe(app_->add_option_function<std::string>(spec.names, take, spec.help), spec);
}

void Command::option(const OptionSpec& spec, Reader reader) {
  const auto take = [name = spec.names, reader = std::move(reader)](const std::string& text) {
    if (const Status taken = reader(text); !taken) {
      throw CLI::ValidationError(name.substr(name.find("--")), taken.error().what);
    }
  };
  describe(app_->add_option_function<std::string>(spec.names, take, spec.help), spec);
}

void Command::flag(const OptionSpec& spec, bool& value) {
  app_->add_flag(spec.names, value, spec.help);
}

void Command::flag_or_value(const OptionSpec& spec, const std::string& usual, std::string& value) {
  CLI::Option* const option = app_->add_flag(spec.names + "{" + usual + "}", value, spec.help);
  describe(option, spec);
}

}  // namespace weir::ctl
