// The same records through NATS JetStream: file store, two hops (stream, consumer that publishes
// into a second stream, consumer), one acknowledgement for each message and hop.
#include <arpa/inet.h>
#include <nats/nats.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "schema/base/unique_fd.h"
#include "test/bench/bench.h"
#include "test/bench/up.h"

namespace weir::bench {
namespace {

constexpr int kFetch = 500;  // Messages that are asked for, moved and acknowledged at a time.
constexpr int64_t kWaitMs = 60'000;
constexpr int64_t kMaxPending = 4096;  // Publications that wait for their acknowledgement.
constexpr size_t kRecordBytes = 100;

void check(natsStatus status, const char* what) {
  if (status != NATS_OK)
    throw Failed(std::string("nats: ") + what + ": " + natsStatus_GetText(status));
}

std::string find_server() {
  for (const char* path :
       {"/usr/sbin/nats-server", "/usr/bin/nats-server", "/usr/local/bin/nats-server"}) {
    if (::access(path, X_OK) == 0) return path;
  }
  throw Skipped("nats-server is not installed (apt-get install nats-server)");
}

std::string free_port() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd.get(), generic, size) != 0 || ::getsockname(fd.get(), generic, &size) != 0) {
    throw Failed("no port is free");
  }
  return std::to_string(ntohs(address.sin_port));
}

class Client {
 public:
  explicit Client(const std::string& url) {
    wait_until("nats-server answers", std::chrono::seconds(20),
               [&] { return natsConnection_ConnectTo(&connection_, url.c_str()) == NATS_OK; });
    jsOptions options;
    jsOptions_Init(&options);
    options.Wait = kWaitMs;
    options.PublishAsync.MaxPending = kMaxPending;
    options.PublishAsync.StallWait = kWaitMs;
    check(natsConnection_JetStream(&stream_, connection_, &options), "JetStream");
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() {
    jsCtx_Destroy(stream_);
    natsConnection_Destroy(connection_);
  }

  void add_stream(const char* name) {
    jsStreamConfig config;
    jsStreamConfig_Init(&config);
    config.Name = name;
    config.Subjects = &name;
    config.SubjectsLen = 1;
    config.Storage = js_FileStorage;
    jsErrCode error{};
    check(js_AddStream(nullptr, stream_, &config, nullptr, &error), "add a stream");
  }

  void publish(const char* subject, const void* data, int size) {
    check(js_PublishAsync(stream_, subject, data, size, nullptr), "publish");
  }
  // Until all that was published is acknowledged.
  void settle() { check(js_PublishAsyncComplete(stream_, nullptr), "wait for acknowledgements"); }

  // Takes `count` messages; each is acknowledged after `each` and `settled` have seen it.
  void take(const char* subject, uint64_t count, const std::function<void(natsMsg*)>& each,
            const std::function<void()>& settled) {
    natsSubscription* subscription = nullptr;
    jsErrCode error{};
    check(js_PullSubscribe(&subscription, stream_, subject, "worker", nullptr, nullptr, &error),
          "subscribe");
    for (uint64_t taken = 0; taken < count;) {
      natsMsgList list{};
      check(natsSubscription_Fetch(&list, subscription, kFetch, kWaitMs, &error), "fetch");
      for (int i = 0; i < list.Count; ++i) each(list.Msgs[i]);
      settled();
      for (int i = 0; i < list.Count; ++i) check(natsMsg_Ack(list.Msgs[i], nullptr), "acknowledge");
      taken += static_cast<uint64_t>(list.Count);
      natsMsgList_Destroy(&list);
    }
    natsSubscription_Destroy(subscription);
  }

 private:
  natsConnection* connection_ = nullptr;
  jsCtx* stream_ = nullptr;
};

void guarded(std::string& failure, const std::function<void()>& work) {
  try {
    work();
  } catch (const std::exception& error) {
    failure = error.what();
  }
}

double nats_rate(Bench& bench, const std::string& server, uint64_t count) {
  const std::string port = free_port();
  const std::string store = bench.fresh("nats");
  Command command;
  command.argv = {server, "-js", "-sd", store, "-a", "127.0.0.1", "-p", port};
  command.stderr_to = store + ".log";
  Running running(std::move(command));
  const std::string url = "nats://127.0.0.1:" + port;
  Client setup(url);
  setup.add_stream("first");
  setup.add_stream("second");
  Client source(url);
  Client inner(url);
  Client sink(url);
  uint64_t bytes = 0;
  std::string failures[3];
  const auto start = Clock::now();
  std::thread writer([&] {
    guarded(failures[0], [&] {
      std::string record(kRecordBytes, '0');
      for (uint64_t i = 1; i <= count; ++i) {
        const std::string digits = std::to_string(i);
        record.replace(record.size() - digits.size(), digits.size(), digits);
        source.publish("first", record.data(), static_cast<int>(record.size()));
      }
      source.settle();
    });
  });
  std::thread mover([&] {
    guarded(failures[1], [&] {
      inner.take(
          "first", count,
          [&](natsMsg* message) {
            inner.publish("second", natsMsg_GetData(message), natsMsg_GetDataLength(message));
          },
          [&] { inner.settle(); });
    });
  });
  guarded(failures[2], [&] {
    sink.take(
        "second", count,
        [&](natsMsg* message) { bytes += static_cast<uint64_t>(natsMsg_GetDataLength(message)); },
        [] {});
  });
  writer.join();
  mover.join();
  const double seconds = seconds_since(start);
  for (const std::string& failure : failures) {
    if (!failure.empty()) throw Failed(failure);
  }
  expect_count("bytes through NATS", count * kRecordBytes, bytes);
  return static_cast<double>(count) / seconds;
}

double weir_rate(Bench& bench, const LineFile& file) {
  Up up(bench, "'cat " + file.path + "' ; 'cat' ; 'wc -l'");
  const Usage usage = up.running().wait(kUpLimit);
  expect_count("lines", file.lines, sum_of(up.out()));
  return static_cast<double>(file.lines) / usage.wall_s;
}

}  // namespace

void run_nats_rows(Bench& bench) {
  const std::string server = find_server();
  const LineFile file = bench.lines_of(kRecordBytes, bench.bytes(1'000'000'000, 100'000'000));
  const uint64_t count = bench.quick() ? 10'000 : 200'000;
  Samples nats;
  Samples weir;
  for (int run = 0; run < bench.runs(5, 1); ++run) {
    nats.push_back(nats_rate(bench, server, count));
    weir.push_back(weir_rate(bench, file));
  }
  bench.add({.row = "nats",
             .what = "records of 100 bytes, two hops: rate / NATS JetStream's (file store)",
             .weir = weir,
             .baseline = nats,
             .unit = "/s",
             .result = ratios(weir, nats),
             .target = at_least(40)});
}

}  // namespace weir::bench
