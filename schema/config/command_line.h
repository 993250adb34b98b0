// What every program of weir asks of its command line, on top of CLI11. Header only: who includes
// it links CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace weir::config {

inline constexpr const char* kEmptyValue =
    "the value is empty: say what it is to be, or leave it out";

// The option of that name, of this command or of one below it.
inline const CLI::Option* find_option(const CLI::App& app, const std::string& name) {
  if (const CLI::Option* const option = app.get_option_no_throw(name)) return option;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (const CLI::Option* const option = find_option(*command, name)) return option;
  }
  return nullptr;
}

// `--data ""` and `--data=` are what a shell makes of a variable that is not set: never as if the
// option were not there. For each option and argument that takes a text.
inline void refuse_empty(CLI::Option* option) {
  option->check([](const std::string& value) { return value.empty() ? kEmptyValue : ""; });
}

// CLI11 would take the argument behind `--data=` for its value. Throws CLI::ValidationError.
inline void refuse_empty_values(const CLI::App& app, const std::vector<std::string>& arguments) {
  bool is_value = false;
  for (const std::string& word : arguments) {
    if (word == "--") return;
    const CLI::Option* option = word.starts_with("-") ? find_option(app, word) : nullptr;
    const bool takes_next = option != nullptr && option->get_expected_max() > 0;
    if (!is_value && word.starts_with("--") && word.find('=') == word.size() - 1) {
      const std::string name = word.substr(0, word.size() - 1);
      if (find_option(app, name) != nullptr) throw CLI::ValidationError(name, kEmptyValue);
    }
    is_value = !is_value && takes_next;
  }
}

// Of all options of a program, also of those in groups.
inline void refuse_empty(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_expected_max() > 0) refuse_empty(option);
  }
  for (CLI::App* group : app.get_subcommands([](CLI::App*) { return true; })) refuse_empty(*group);
}

// Reads the command line of a program without commands; all its options are there. Throws
// CLI::ParseError.
inline void parse(CLI::App& app, int argc, const char* const* argv) {
  refuse_empty(app);
  refuse_empty_values(app, std::vector<std::string>(argv + 1, argv + argc));
  app.parse(argc, argv);
}

}  // namespace weir::config
