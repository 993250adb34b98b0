// The least that three hops over ZeroMQ and pipes can be: no credit, no acknowledgement.
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <zmq.hpp>

#include "schema/base/files.h"
#include "schema/runtime/process.h"
#include "test/bench/program/programs.h"

namespace weir::bench {
namespace {

constexpr int kNoLimit = 0;  // Of messages that wait: the pipes before and after have one.
constexpr auto kNoEnd = std::chrono::milliseconds(-1);
constexpr size_t kReadBytes = 64u << 10;

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "relay: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

zmq::socket_t open_socket(zmq::context_t& context, zmq::socket_type type) {
  zmq::socket_t socket(context, type);
  socket.set(zmq::sockopt::sndhwm, kNoLimit);
  socket.set(zmq::sockopt::rcvhwm, kNoLimit);
  return socket;
}

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) give_up("pipe");
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
  UniqueFd read;
  UniqueFd write;
};

class Relay {
 public:
  Relay(const std::string& listen, const std::string& connect, const std::string& log,
        std::vector<std::string> argv) {
    if (!log.empty()) {
      log_.reset(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
      if (!log_.valid()) give_up("open " + log);
    }
    if (!listen.empty()) {
      in_ = open_socket(context_, zmq::socket_type::pull);
      in_.bind(listen);
    }
    if (!connect.empty()) {
      out_ = open_socket(context_, zmq::socket_type::push);
      out_.connect(connect);
    }
    Pipe stdin_pipe;
    Pipe stdout_pipe;
    runtime::SpawnOptions options;
    options.program = argv.at(0);
    options.argv = std::move(argv);
    options.fds = {{stdin_pipe.read.get(), 0}, {stdout_pipe.write.get(), 1}, {2, 2}};
    auto child = runtime::spawn(options);
    if (!child) give_up(child.error().what);
    child_ = std::move(*child);
    to_program_ = std::move(stdin_pipe.write);
    from_program_ = std::move(stdout_pipe.read);
  }

  int run() {
    if (!in_) to_program_.reset();
    while (from_program_.valid()) {
      zmq_pollitem_t items[2] = {{nullptr, from_program_.get(), ZMQ_POLLIN, 0},
                                 {in_.handle(), 0, ZMQ_POLLIN, 0}};
      zmq::poll(items, to_program_.valid() ? 2 : 1, kNoEnd);
      if (to_program_.valid() && items[1].revents != 0) take_message();
      if (items[0].revents != 0) take_output();
    }
    in_.close();
    out_.close();
    context_.close();  // Waits until all is sent.
    int status = 0;
    ::waitpid(child_.pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  }

 private:
  void take_message() {
    zmq::message_t message;
    if (!in_.recv(message)) give_up("receive");
    const std::string_view bytes = message.to_string_view();
    if (bytes.empty()) {  // That is the end.
      to_program_.reset();
    } else if (auto written = write_all(to_program_.get(), bytes, "stdin"); !written) {
      give_up(written.error().what);
    }
  }

  void take_output() {
    const ssize_t count = ::read(from_program_.get(), buffer_.data(), buffer_.size());
    if (count < 0) give_up("read");
    if (log_.valid() && (::write(log_.get(), buffer_.data(), static_cast<size_t>(count)) < 0 ||
                         ::fdatasync(log_.get()) != 0)) {
      give_up("log");
    }
    if (out_ && !out_.send(zmq::buffer(buffer_.data(), static_cast<size_t>(count)))) {
      give_up("send");
    }
    if (count == 0) from_program_.reset();
  }

  UniqueFd log_;  // Not valid: none.
  zmq::context_t context_;
  zmq::socket_t in_;   // Null: the first of the chain.
  zmq::socket_t out_;  // Null: the last one.
  runtime::Child child_;
  UniqueFd to_program_;
  UniqueFd from_program_;
  std::string buffer_ = std::string(kReadBytes, '\0');
};

}  // namespace

int relay(const std::string& listen, const std::string& connect, const std::string& log,
          const std::vector<std::string>& argv) {
  try {
    return Relay(listen, connect, log, argv).run();
  } catch (const zmq::error_t& error) {
    std::fprintf(stderr, "relay: %s\n", error.what());
    return 1;
  }
}

}  // namespace weir::bench
