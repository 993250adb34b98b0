// The manual cannot drift from the code: every key is described, every example reads.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "schema/config/node_table.h"
#include "schema/config/pipeline_file.h"

namespace weir::config {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct Example {
  std::string where;  // "docs/x.md:12".
  std::string text;
};

// The fenced ```toml blocks of a page.
std::vector<Example> toml_examples(const std::filesystem::path& path) {
  std::istringstream lines(read_file(path));
  std::vector<Example> examples;
  bool is_inside = false;
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const size_t begin = std::min(line.find_first_not_of(' '), line.size());
    const std::string_view content = std::string_view(line).substr(begin);
    if (is_inside && content.starts_with("```")) {
      is_inside = false;
    } else if (is_inside) {
      examples.back().text += line + "\n";
    } else if (content.starts_with("```toml")) {
      is_inside = true;
      examples.push_back({path.string() + ":" + std::to_string(number), ""});
    }
  }
  return examples;
}

TEST(Docs, DescribeEveryKey) {
  const std::string page = read_file(std::string(WEIR_DOCS) + "/graph-language.md");
  ASSERT_FALSE(page.empty());
  for (const std::string& key : node_keys()) {
    EXPECT_NE(page.find("\n| `" + key + "` |"), std::string::npos) << key << " has no row";
  }
  for (const std::string& path : pipeline_keys()) {
    const std::string key = path.substr(path.rfind('.') + 1);
    EXPECT_NE(page.find("`" + key + "`"), std::string::npos) << path;
  }
  for (const std::string& key : unsupported_node_keys()) {
    EXPECT_NE(page.find("`" + key + "`"), std::string::npos) << key;
  }
}

TEST(Docs, ExamplesOfPipelinesRead) {
  size_t count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(WEIR_DOCS)) {
    if (entry.path().extension() != ".md") continue;
    for (const Example& example : toml_examples(entry.path())) {
      // Pages also show fragments and configuration files of the daemons.
      if (example.text.find("dataflow") == std::string::npos) continue;
      ++count;
      const auto read = read_pipeline({example.where, example.text},
                                      {.allow_stdin = true, .allow_unknown_actions = true});
      EXPECT_TRUE(read) << graph::render(read.diagnostics);
    }
  }
  EXPECT_GE(count, 2u);
}

}  // namespace
}  // namespace weir::config
