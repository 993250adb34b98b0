// weir-bench-program: the programs that the benchmark puts into nodes, and the peers that it plays.
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "test/bench/program/programs.h"

using weir::bench::framing_of;

int main(int argc, char** argv) {
  CLI::App app("weir-bench-program: parts of the benchmark");
  app.require_subcommand(1);
  std::string framing = "frames";
  std::string report;
  std::string listen;
  std::string connect;
  std::string log;
  uint64_t count = 0;
  uint64_t bytes = 100;
  double rate = 0;
  double seconds = 0;
  uint32_t first = 0;
  std::vector<std::string> rest;

  CLI::App* numbers = app.add_subcommand("numbers");
  CLI::App* echo = app.add_subcommand("echo");
  CLI::App* swallow = app.add_subcommand("swallow");
  CLI::App* stamp = app.add_subcommand("stamp");
  CLI::App* arrive = app.add_subcommand("arrive");
  for (CLI::App* one : {numbers, echo, swallow, stamp, arrive}) {
    one->add_option("framing", framing)->required();
  }
  for (CLI::App* one : {swallow, arrive}) one->add_option("report", report)->required();
  for (CLI::App* one : {numbers, stamp}) one->add_option("--bytes", bytes);
  numbers->add_option("--count", count)->required();
  stamp->add_option("--rate", rate)->required();
  stamp->add_option("--seconds", seconds)->required();

  CLI::App* relay = app.add_subcommand("relay")->prefix_command();
  relay->add_option("--listen", listen);
  relay->add_option("--connect", connect);
  relay->add_option("--log", log);

  CLI::App* agents = app.add_subcommand("agents");
  agents->add_option("--broker", connect)->required();
  agents->add_option("--first", first);
  agents->add_option("--count", count)->required();
  CLI11_PARSE(app, argc, argv);

  if (*numbers) return weir::bench::write_numbers(framing_of(framing), count, bytes);
  if (*echo) return weir::bench::echo(framing_of(framing));
  if (*swallow) return weir::bench::swallow(framing_of(framing), report);
  if (*stamp) return weir::bench::stamp(framing_of(framing), rate, seconds, bytes);
  if (*arrive) return weir::bench::arrive(framing_of(framing), report);
  if (*relay) return weir::bench::relay(listen, connect, log, relay->remaining());
  return weir::bench::play_agents(connect, first, static_cast<uint32_t>(count));
}
