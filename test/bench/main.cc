// weir-bench: runs weir and its baselines side by side and prints one table; see
// docs/performance.md.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include "schema/runtime/process_tree.h"
#include "test/bench/bench.h"
#include "test/bench/command.h"
#include "test/bench/table.h"

namespace weir::bench {
namespace {

// A pipeline of a thousand agents has as many connections; children inherit the limit.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::string first_row(const Bench& bench, const Group& group) {
  for (const std::string& row : group.rows) {
    if (bench.wants(row)) return row;
  }
  return "";
}

void run_group(Bench& bench, const Group& group) {
  const std::string row = first_row(bench, group);
  if (row.empty()) return;
  const auto start = Clock::now();
  bench.say(row + " ...");
  try {
    group.run(bench);
  } catch (const Skipped& skipped) {
    bench.add({.row = row, .what = "skipped", .skipped = skipped.what()});
  } catch (const std::exception& failure) {
    bench.add({.row = row, .what = "not measured", .failed = failure.what()});
  }
  bench.say(row + " took " + short_number(seconds_since(start)) + " s");
}

int run_all(const Settings& settings) {
  for (const std::string& name : settings.only) {
    const bool known = std::ranges::any_of(groups(), [&](const Group& group) {
      return std::ranges::find(group.rows, name) != group.rows.end();
    });
    if (known) continue;
    std::fprintf(stderr, "weir-bench: there is no row '%s'; see --help\n", name.c_str());
    return 2;
  }
  raise_file_limit();
  catch_interrupts();
  runtime::become_subreaper();
  Bench bench(settings);
  for (const Group& group : groups()) run_group(bench, group);
  std::fputs(to_text(bench.table()).c_str(), stdout);
  if (!settings.json_file.empty()) {
    write_file(settings.json_file, to_json(bench.table(), settings));
  }
  const bool good =
      std::ranges::all_of(bench.table(), [](const Line& line) { return line.failed.empty(); });
  return good ? 0 : 1;
}

std::string names_of_rows() {
  std::string names;
  for (const Group& group : groups()) {
    for (const std::string& row : group.rows) names += (names.empty() ? "" : ", ") + row;
  }
  return names;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  weir::bench::Settings settings;
  CLI::App app("weir-bench: weir beside its baselines, in one table");
  app.add_flag("--quick", settings.quick, "Small sizes and few runs: done within a minute");
  app.add_option("--only", settings.only, "Only these rows: " + weir::bench::names_of_rows())
      ->delimiter(',');
  app.add_option("--runs", settings.runs, "Runs of each measurement")->check(CLI::Range(1, 1000));
  app.add_option("--bytes", settings.bytes, "Bytes that one run moves, where that can be chosen")
      ->check(CLI::Range(uint64_t{1'000'000}, uint64_t{1'000'000'000'000}));
  app.add_option("--json", settings.json_file, "Write the table to this file too, as JSON");
  app.add_option("--work", settings.work, "Folder to work in (default: TMPDIR, else /tmp)");
  CLI11_PARSE(app, argc, argv);
  try {
    return weir::bench::run_all(settings);
  } catch (const weir::bench::Interrupted&) {
    std::fputs("weir-bench: interrupted\n", stderr);
    return 130;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "weir-bench: %s\n", failure.what());
    return 1;
  }
}
