#include "ctl/client/inspection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <utility>

#include "ctl/base/exit_code.h"

namespace weir::ctl {
namespace {

constexpr std::chrono::milliseconds kSilenceMax{60'000};
constexpr std::chrono::milliseconds kExitWait{10'000};
constexpr size_t kErrorBytesMax = 4096;

}  // namespace

Error strange_answer(std::string_view what) {
  return Error{ErrorCode::kCorrupt,
               "weir-wrapper does not answer as it should: " + std::string(what)};
}

Result<Inspection> Inspection::start(const std::vector<std::string>& words) {
  Result<std::string> program = runtime::find_program("weir-wrapper");
  if (!program) return std::move(program).error();
  Inspection run;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno_error("pipe", errno);
  run.out_.reset(ends[0]);
  const UniqueFd out(ends[1]);
  // A file, so that nobody has to read it meanwhile.
  run.err_.reset(::memfd_create("weir-wrapper", MFD_CLOEXEC));
  const UniqueFd in(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!run.err_.valid() || !in.valid()) return errno_error("start weir-wrapper", errno);
  runtime::SpawnOptions options;
  options.program = *program;
  options.argv = {*program, "--inspect"};
  options.argv.insert(options.argv.end(), words.begin(), words.end());
  options.fds = {{in.get(), 0}, {out.get(), 1}, {run.err_.get(), 2}};
  Result<runtime::Child> child = runtime::spawn(options);
  if (!child) return std::move(child).error();
  run.child_.emplace(*std::move(child));
  return run;
}

Inspection::Inspection(Inspection&& other) noexcept
    : child_(std::exchange(other.child_, std::nullopt)),
      out_(std::move(other.out_)),
      err_(std::move(other.err_)) {}

Inspection::~Inspection() {
  if (!child_) return;
  (void)runtime::signal_pidfd(child_->pidfd, SIGKILL);
  (void)runtime::reap_within(*child_, kExitWait);
}

Result<std::string> Inspection::run(const std::vector<std::string>& words, size_t bytes_max) {
  Result<Inspection> run = start(words);
  if (!run) return std::move(run).error();
  std::string answer;
  while (answer.size() <= bytes_max) {
    constexpr size_t kPiece = 1u << 16;
    const Result<std::string> piece = run->read(kPiece);
    if (!piece) return piece.error();
    answer += *piece;
    if (piece->size() == kPiece) continue;
    if (Status ended = run->wait(); !ended) return ended.error();
    return answer;
  }
  return strange_answer("more than " + std::to_string(bytes_max) + " bytes");
}

Result<std::string> Inspection::read(size_t size) const {
  std::string bytes(size, '\0');
  size_t have = 0;
  while (have < size) {
    pollfd poll{out_.get(), POLLIN, 0};
    const int ready = ::poll(&poll, 1, static_cast<int>(kSilenceMax.count()));
    if (ready == 0) return Error{ErrorCode::kTimeout, "weir-wrapper has said nothing for a minute"};
    const ssize_t count = ready < 0 ? -1 : ::read(out_.get(), bytes.data() + have, size - have);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno_error("read from weir-wrapper", errno);
    if (count == 0) break;
    have += static_cast<size_t>(count);
  }
  bytes.resize(have);
  return bytes;
}

Status Inspection::wait() {
  const Result<int> status = runtime::reap_within(*child_, kExitWait);
  if (!status) return Error(status.error()).in("weir-wrapper");
  child_.reset();
  if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return {};
  const std::string words = end_of_stderr();
  if (!WIFEXITED(*status) || words.empty()) {
    return strange_answer(runtime::describe_wait_status(*status) + (words.empty() ? "" : ": ") +
                          words);
  }
  switch (WEXITSTATUS(*status)) {
    case kNotFound:
      return Error{ErrorCode::kNotFound, words};
    case kConflict:
      return Error{ErrorCode::kConflict, words};
    default:
      return Error{ErrorCode::kIo, words};
  }
}

std::string Inspection::end_of_stderr() const {
  const off_t size = ::lseek(err_.get(), 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(kErrorBytesMax));
  std::string text(kErrorBytesMax, '\0');
  const ssize_t count = ::pread(err_.get(), text.data(), text.size(), from);
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace weir::ctl
