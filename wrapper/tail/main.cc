// weir-tail: a source that follows files (docs/sources.md). The wrapper runs it for action =
// "weir:tail"; the arguments are the node's keys.
#include <CLI/CLI.hpp>

#include "wrapper/tail/tail.h"

int main(int argc, char** argv) {
  CLI::App app("Follows files and hands their lines on to weir. Run by weir-wrapper.");
  weir::tail::FollowOptions options;
  std::string from = "start";
  std::string follow = "yes";
  std::string delimiter = "newline";
  app.add_option("--path", options.paths, "a file, or a pattern for several")
      ->required()
      ->allow_extra_args(false);
  app.add_option("--from", from, "where files that are there are begun at the first start")
      ->check(CLI::IsMember({"start", "end"}));
  app.add_option("--follow", follow, "whether to wait for more")
      ->check(CLI::IsMember({"yes", "no"}));
  app.add_option("--delimiter", delimiter, "what ends a record")
      ->check(CLI::IsMember({"newline", "nul"}));
  CLI11_PARSE(app, argc, argv);
  options.from_end = from == "end";
  options.follow = follow == "yes";
  options.delimiter = delimiter == "nul" ? '\0' : '\n';
  return weir::tail::run_tail(options);
}
