// docs/commands.md cannot drift from the program: each command, option and argument that exists is
// in it, and nothing else is.
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "ctl/cli/program.h"
#include "ctl/commands/registry.h"

namespace weir::ctl {
namespace {

// What a command takes: "-f", "--follow", "FILE".
using Words = std::set<std::string>;

// Options that the page explains once for all commands.
const Words kCommon{"-h", "--help", "-o", "--output-format", "--broker"};

void add_commands(const CLI::App& app, const std::string& path, std::map<std::string, Words>& all) {
  const auto commands = app.get_subcommands({});
  for (const CLI::App* command : commands) {
    add_commands(*command, path + " " + command->get_name(), all);
  }
  if (!commands.empty() && app.get_parent() != nullptr) return;  // A group is no command.
  Words& words = all[path];
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) words.insert(option->get_name());
    for (const std::string& name : option->get_snames()) words.insert("-" + name);
    for (const std::string& name : option->get_lnames()) words.insert("--" + name);
  }
}

std::map<std::string, Words> commands_there_are() {
  std::istringstream in;
  std::ostringstream out;
  Program program({in, out, out});
  add_all_commands(program);
  std::map<std::string, Words> all;
  add_commands(program.root(), "weirctl", all);
  return all;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-'; }

// "-f" and "--follow" of a text.
Words options_in(const std::string& text) {
  Words words;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool begins = text[at] == '-' && (at == 0 || text[at - 1] == '`' || text[at - 1] == ' ' ||
                                            text[at - 1] == '[');
    if (!begins) continue;
    size_t end = at;
    while (end < text.size() && is_word(text[end])) ++end;
    if (end - at >= 2) words.insert(text.substr(at, end - at));
  }
  return words;
}

struct Section {
  std::string usage;  // What stands in the fenced block.
  Words options;      // Of the first cells of its table.
};

// The sections that are about a command of weirctl, by its words.
std::map<std::string, Section> sections() {
  std::ifstream page(std::string(WEIR_DOCS) + "/commands.md");
  std::map<std::string, Section> all;
  Section* section = nullptr;
  bool is_usage = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("#")) {
      const std::string title = line.substr(line.find(' ') + 1);
      section = title.starts_with("weirctl") ? &all[title] : nullptr;
    }
    if (section == nullptr) continue;
    if (line.starts_with("```")) {
      is_usage = !is_usage;
    } else if (is_usage) {
      section->usage += line + "\n";
    } else if (line.starts_with("| `-")) {
      const std::string cell = line.substr(2, line.find(" | ", 2) - 2);
      section->options.merge(options_in(cell));
    }
  }
  return all;
}

Words without(Words words, const Words& others) {
  for (const std::string& word : others) words.erase(word);
  return words;
}

TEST(CommandsPage, HasEachCommandAndNoOther) {
  Words there;
  Words told;
  for (const auto& [path, words] : commands_there_are()) there.insert(path);
  for (const auto& [path, section] : sections()) told.insert(path);
  EXPECT_EQ(there, told);
}

TEST(CommandsPage, HasEachOptionAndNoOther) {
  const auto all = sections();
  for (const auto& [path, words] : commands_there_are()) {
    const auto section = all.find(path);
    if (section == all.end()) continue;
    Words options;
    for (const std::string& word : words) {
      if (word.starts_with("-")) options.insert(word);
    }
    EXPECT_EQ(without(options, kCommon), without(section->second.options, kCommon)) << path;
    for (const std::string& option : options_in(section->second.usage)) {
      EXPECT_TRUE(words.contains(option)) << path << ": no " << option;
    }
    const bool has_format = words.contains("-o");
    EXPECT_EQ(section->second.usage.find("[-o json]") != std::string::npos, has_format) << path;
  }
}

TEST(CommandsPage, NamesTheArguments) {
  const auto all = sections();
  for (const auto& [path, words] : commands_there_are()) {
    const auto section = all.find(path);
    // These have one list of names, which mean two things.
    static const Words kNamesOnly{"weirctl logs", "weirctl dead list", "weirctl dead show"};
    if (section == all.end() || kNamesOnly.contains(path)) continue;
    for (const std::string& word : words) {
      if (word.starts_with("-")) continue;
      EXPECT_NE(section->second.usage.find(word), std::string::npos) << path << ": " << word;
    }
  }
}

// Each command says what it is for, and shows a line to copy.
TEST(CommandsPage, EachCommandHasExamples) {
  std::istringstream in;
  for (const auto& [path, words] : commands_there_are()) {
    std::ostringstream out;
    Program program({in, out, out});
    add_all_commands(program);
    std::vector<std::string> arguments;
    std::istringstream stream(path.substr(path.find(' ') == std::string::npos ? path.size() : 8));
    for (std::string word; stream >> word;) arguments.push_back(word);
    arguments.emplace_back("--help");
    EXPECT_EQ(program.run(arguments), 0) << path;
    EXPECT_NE(out.str().find("\nExamples:\n  weirctl "), std::string::npos) << path << out.str();
  }
}

}  // namespace
}  // namespace weir::ctl
