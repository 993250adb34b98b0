#include "agent/shell/inspections.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "schema/base/files.h"

namespace weir::agent {
namespace {

constexpr std::chrono::milliseconds kReapLimit{10'000};
constexpr size_t kWordsMax = 500;

// At most `limit` bytes from its beginning.
std::string contents_of(const UniqueFd& file, size_t limit) {
  std::string bytes(limit, '\0');
  size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t count =
        ::pread(file.get(), bytes.data() + have, bytes.size() - have, static_cast<off_t>(have));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    have += static_cast<size_t>(count);
  }
  bytes.resize(have);
  return bytes;
}

wire::Message answer_of(const Result<std::optional<int>>& status, const UniqueFd& out,
                        const UniqueFd& err) {
  if (status && *status && WIFEXITED(**status) && WEXITSTATUS(**status) == 0) {
    auto answer = wire::decode(contents_of(out, wire::kControlMessageBytesMax));
    if (answer) return std::move(answer->message);
    return wire::refusal(std::move(answer).error().in("weir-wrapper --inspect"));
  }
  std::string words = contents_of(err, kWordsMax);
  while (!words.empty() && words.back() == '\n') words.pop_back();
  const std::string how =
      status && *status ? runtime::describe_wait_status(**status) : std::string("it is gone");
  return wire::Refusal{ErrorCode::kIo,
                       "weir-wrapper --inspect: " + how + (words.empty() ? "" : ": " + words)};
}

}  // namespace

Inspections::~Inspections() {
  for (auto& [id, run] : runs_) {
    loop_.unwatch(run.watch);
    loop_.cancel(run.limit);
    (void)runtime::signal_pidfd(run.child.pidfd, SIGKILL);
    (void)runtime::reap_within(run.child, kReapLimit);
  }
}

void Inspections::ask(const std::string& log_dir, const wire::Envelope& question,
                      OnAnswer on_answer) {
  if (runs_.size() >= kInspectionsMax) {
    const wire::Refusal refusal{ErrorCode::kUnavailable, "many logs are looked at; try again"};
    return on_answer({question.request, refusal});
  }
  Run run;
  run.request = question.request;
  run.on_answer = std::move(on_answer);
  if (Status started = start(log_dir, question, run); !started) {
    return run.on_answer({run.request, wire::refusal(started.error())});
  }
  const uint64_t id = ++last_id_;
  run.watch = loop_.watch_fd(run.child.pidfd.get(), runtime::Interest::kRead,
                             [this, id](runtime::Ready /*ready*/) { ended(id); });
  run.limit = loop_.after(kInspectionLimit, [this, id] {
    const auto found = runs_.find(id);
    if (found != runs_.end()) (void)runtime::signal_pidfd(found->second.child.pidfd, SIGKILL);
  });
  runs_.emplace(id, std::move(run));
}

// Question and answer are in files, so that nobody has to read or write meanwhile.
Status Inspections::start(const std::string& log_dir, const wire::Envelope& question, Run& run) {
  std::string program = program_;
  if (program.empty()) {
    auto found = runtime::find_program("weir-wrapper");
    if (!found) return std::move(found).error();
    program = std::move(*found);
  }
  const auto bytes = wire::encode(question);
  if (!bytes) return bytes.error();
  const UniqueFd in(::memfd_create("question", MFD_CLOEXEC));
  run.out.reset(::memfd_create("answer", MFD_CLOEXEC));
  run.err.reset(::memfd_create("errors", MFD_CLOEXEC));
  if (!in.valid() || !run.out.valid() || !run.err.valid()) return errno_error("memfd", errno);
  if (Status written = write_all(in.get(), *bytes, "a question"); !written) return written;
  if (::lseek(in.get(), 0, SEEK_SET) != 0) return errno_error("seek", errno);
  runtime::SpawnOptions spawn;
  spawn.program = program;
  spawn.argv = {program, "--inspect", "ask", log_dir};
  spawn.fds = {{in.get(), 0}, {run.out.get(), 1}, {run.err.get(), 2}};
  auto child = runtime::spawn(spawn);
  if (!child) return std::move(child).error();
  run.child = std::move(*child);
  return {};
}

void Inspections::ended(uint64_t id) {
  const auto found = runs_.find(id);
  if (found == runs_.end()) return;
  const auto status = runtime::try_reap(found->second.child.pid);
  if (status && !*status) return;  // The pidfd is ready a little before the status.
  Run run = std::move(found->second);
  runs_.erase(found);
  loop_.unwatch(run.watch);
  loop_.cancel(run.limit);
  run.on_answer({run.request, answer_of(status, run.out, run.err)});
}

}  // namespace weir::agent
