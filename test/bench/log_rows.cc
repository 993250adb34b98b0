// Coming back: a node that was killed reads again what upstream holds; a large log is opened.
#include <poll.h>

#include <csignal>
#include <filesystem>

#include "schema/runtime/zmq_socket.h"
#include "schema/wire/control.h"
#include "test/bench/bench.h"
#include "test/bench/processes.h"
#include "test/bench/up.h"

namespace weir::bench {
namespace {

namespace fs = std::filesystem;

double normal_seconds(Bench& bench, const LineFile& file) {
  Up up(bench, "'cat " + file.path + "' ; 'cat' ; 'wc -l'");
  const Usage usage = up.running().wait(kUpLimit);
  expect_count("lines", file.lines, sum_of(up.out()));
  return usage.wall_s;
}

// The source has logged all of it when the inner node is killed; from then on to the end.
double replay_seconds(Bench& bench, const LineFile& file) {
  const std::string done = bench.fresh("done");
  const std::string hold = bench.fresh("hold");
  write_file(hold, "");
  Pipeline pipeline("source ; inner ; sink");
  pipeline.node("source", "cat " + file.path + " && touch " + done, "rerun = true");
  pipeline.node("inner", "while [ -e " + hold + " ]; do sleep 0.02; done; exec cat",
                "unit = 'stream'");
  pipeline.node("sink", "wc -l", "unit = 'stream'");
  Up up(bench, pipeline);
  const pid_t inner = up.wrapper("inner");
  wait_until("the source has written", kUpLimit, [&] { return fs::exists(done); });
  fs::remove(hold);
  const auto start = Clock::now();
  if (::kill(inner, SIGKILL) != 0) throw Failed("the inner wrapper is gone");
  up.running().wait(kUpLimit);
  expect_count("lines after the restart", file.lines, sum_of(up.out()));
  return seconds_since(start);
}

// Leaves a source's log of about so many bytes; returns its start order.
wire::StartOrder make_log(Bench& bench, uint64_t bytes) {
  const std::string data = bench.fresh("data");
  const std::string done = bench.fresh("done");
  const LineFile file = bench.lines_of(100, std::min<uint64_t>(bytes, 1'000'000'000));
  Pipeline pipeline("source ; sink");
  std::string source;
  for (uint64_t at = 0; at < bytes; at += file.bytes) source += "cat " + file.path + "; ";
  pipeline.node("source", source + "touch " + done + "; exec sleep 3600");
  pipeline.node("sink", "exec sleep 3600", "unit = 'stream'");
  Up up(bench, pipeline, {"--data", data});
  wait_until("the log is written", kUpLimit, [&] {
    if (up.running().has_ended()) throw Failed("weirctl up ended early");
    return fs::exists(done);
  });
  // As a crash leaves it.
  const pid_t source_wrapper = up.wrapper("source");
  if (::kill(up.pid(), SIGKILL) != 0) throw Failed("weirctl is gone");
  wait_until("all has stopped", std::chrono::seconds(60), [&] {
    runtime::reap_inherited();
    return up.running().has_ended() && !fs::exists("/proc/" + std::to_string(source_wrapper));
  });
  for (const auto& entry : fs::recursive_directory_iterator(data)) {
    if (entry.path().filename() != "bench.source.0.order") continue;
    auto order = wire::decode_order(read_file(entry.path()));
    if (!order) throw Failed(order.error().what);
    return std::move(*order);
  }
  throw Failed("no start order of the source in " + data);
}

// From the start of the wrapper's process to its first word to its agent, which is ours to hear:
// it comes when the log is open.
double open_seconds(Bench& bench, wire::StartOrder order) {
  runtime::ZmqContext context(1);
  auto agent = runtime::ZmqSocket::router(context, {});
  if (!agent) throw Failed(agent.error().what);
  order.agent_endpoint = "ipc://" + bench.fresh("agent");
  if (auto bound = agent->bind(order.agent_endpoint); !bound) throw Failed(bound.error().what);
  const std::string file = bench.fresh("order");
  write_file(file, wire::encode_order(order));
  Command command;
  command.argv = {bench.program("weir-wrapper"), "--order", file};
  command.stderr_to = file + ".err";
  const auto start = Clock::now();
  Running wrapper(std::move(command));
  wait_until("the wrapper speaks", std::chrono::seconds(120), [&] {
    if (wrapper.has_ended()) throw Failed("weir-wrapper: " + read_file(file + ".err"));
    std::vector<runtime::Message> parts;
    auto got = agent->receive(parts);
    return got && *got;
  });
  return seconds_since(start);
}

uint64_t folder_bytes(const std::string& folder) {
  uint64_t sum = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) sum += entry.file_size();
  }
  return sum;
}

}  // namespace

void run_replay_rows(Bench& bench) {
  const LineFile file = bench.lines_of(100, bench.bytes(1'000'000'000, 100'000'000));
  const double mb = static_cast<double>(file.bytes) / 1e6;
  Samples normal;
  Samples replay;
  for (int run = 0; run < bench.runs(5, 1); ++run) {
    normal.push_back(mb / normal_seconds(bench, file));
    replay.push_back(mb / replay_seconds(bench, file));
  }
  bench.add({.row = "replay",
             .what = "inner node killed, all in the source's log: throughput / normal",
             .weir = replay,
             .baseline = normal,
             .unit = "MB/s",
             .result = ratios(replay, normal),
             .target = at_least(0.8)});
}

void run_open_rows(Bench& bench) {
  const uint64_t bytes = bench.bytes(10ull << 30, 100'000'000);
  const wire::StartOrder order = make_log(bench, bytes);
  const double gib = static_cast<double>(folder_bytes(order.log_dir)) / (1024.0 * 1024 * 1024);
  Samples seconds;
  for (int run = 0; run < bench.runs(5, 3); ++run) seconds.push_back(open_seconds(bench, order));
  fs::remove_all(order.log_dir);
  bench.add({.row = "open",
             .what = "opening a source's log of " + short_number(gib) + " GiB after a crash",
             .weir = seconds,
             .unit = "s",
             .result = seconds,
             .result_unit = "s",
             .target = at_most(2)});
}

}  // namespace weir::bench
