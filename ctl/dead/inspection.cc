#include "ctl/dead/inspection.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "ctl/exit_code.h"
#include "schema/base/codec.h"
#include "schema/base/unique_fd.h"
#include "schema/runtime/process.h"

namespace weir::ctl {
namespace {

constexpr std::chrono::milliseconds kSilenceMax{60'000};
constexpr std::chrono::milliseconds kExitWait{10'000};
constexpr size_t kErrorBytesMax = 4096;
// Readers that need records apart take none over 100 MiB.
constexpr uint64_t kRecordBytesMax = 128ull << 20;

Error strange(std::string_view what) {
  return Error{ErrorCode::kCorrupt,
               "weir-wrapper does not answer as it should: " + std::string(what)};
}

// One run of `weir-wrapper --inspect`. Killed when the object goes, unless it has ended.
class Inspection {
 public:
  static Result<Inspection> start(const DeadLetterQuery& query) {
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
    options.argv = {*program, "--inspect", "dead", query.log_dir};
    if (!query.id.empty()) options.argv.insert(options.argv.end(), {"--id", query.id});
    if (query.record_bytes_max) {
      options.argv.insert(options.argv.end(),
                          {"--record-bytes", std::to_string(*query.record_bytes_max)});
    }
    options.fds = {{in.get(), 0}, {out.get(), 1}, {run.err_.get(), 2}};
    Result<runtime::Child> child = runtime::spawn(options);
    if (!child) return std::move(child).error();
    run.child_.emplace(*std::move(child));
    return run;
  }

  Inspection(Inspection&& other) noexcept
      : child_(std::exchange(other.child_, std::nullopt)),
        out_(std::move(other.out_)),
        err_(std::move(other.err_)) {}
  Inspection& operator=(Inspection&&) = delete;
  ~Inspection() {
    if (!child_) return;
    (void)runtime::signal_pidfd(child_->pidfd, SIGKILL);
    (void)runtime::reap_within(*child_, kExitWait);
  }

  // As many bytes, or fewer at the end.
  Result<std::string> read(size_t size) const {
    std::string bytes(size, '\0');
    size_t have = 0;
    while (have < size) {
      pollfd poll{out_.get(), POLLIN, 0};
      const int ready = ::poll(&poll, 1, static_cast<int>(kSilenceMax.count()));
      if (ready == 0)
        return Error{ErrorCode::kTimeout, "weir-wrapper has said nothing for a minute"};
      const ssize_t count = ready < 0 ? -1 : ::read(out_.get(), bytes.data() + have, size - have);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno_error("read from weir-wrapper", errno);
      if (count == 0) break;
      have += static_cast<size_t>(count);
    }
    bytes.resize(have);
    return bytes;
  }

  // How it ended; to be asked when there is nothing more to read.
  Status wait() {
    const Result<int> status = runtime::reap_within(*child_, kExitWait);
    if (!status) return Error(status.error()).in("weir-wrapper");
    child_.reset();
    if (WIFEXITED(*status) && WEXITSTATUS(*status) == 0) return {};
    const std::string words = last_words();
    if (!WIFEXITED(*status) || words.empty()) {
      return strange(runtime::describe_wait_status(*status) + (words.empty() ? "" : ": ") + words);
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

 private:
  Inspection() = default;

  std::string last_words() const {
    const off_t size = ::lseek(err_.get(), 0, SEEK_END);
    const off_t from = std::max<off_t>(0, size - static_cast<off_t>(kErrorBytesMax));
    std::string text(kErrorBytesMax, '\0');
    const ssize_t count = ::pread(err_.get(), text.data(), text.size(), from);
    text.resize(count > 0 ? static_cast<size_t>(count) : 0);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }

  std::optional<runtime::Child> child_;
  UniqueFd out_;
  UniqueFd err_;
};

}  // namespace

Status read_dead_letters(const DeadLetterQuery& query, const OnDeadLetter& on_letter) {
  Result<Inspection> run = Inspection::start(query);
  if (!run) return std::move(run).error();
  while (true) {
    const Result<std::string> length = run->read(4);
    if (!length) return length.error();
    if (length->empty()) {
      Status ended = run->wait();
      const bool absent = !ended && ended.error().code == ErrorCode::kNotFound;
      return absent && !query.id.empty() ? Status() : ended;
    }
    const uint32_t bytes = Decoder(*length).u32();
    if (length->size() < 4 || bytes > wire::kDeadLetterTextBytesMax) return strange("a length");
    const Result<std::string> text = run->read(bytes);
    if (!text) return text.error();
    const Result<wire::DeadLetter> letter = wire::decode_dead_letter(*text);
    if (!letter) return strange(letter.error().what);
    if (letter->sent_bytes > kRecordBytesMax) return strange("the length of a record");
    const Result<std::string> record = run->read(letter->sent_bytes);
    if (!record) return record.error();
    if (record->size() < letter->sent_bytes) return strange("a record is cut off");
    if (!on_letter(*letter, *record)) return {};
  }
}

}  // namespace weir::ctl
