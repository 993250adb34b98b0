#include "test/bench/bench.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "schema/base/files.h"
#include "schema/base/unique_fd.h"
#include "schema/runtime/process.h"

namespace weir::bench {
namespace {

constexpr size_t kPieceBytes = 4u << 20;

// "000...0042\n".
void append_line(std::string& text, uint64_t number, uint64_t line_bytes) {
  const std::string digits = std::to_string(number);
  text.append(line_bytes - 1 - digits.size(), '0');
  text += digits;
  text += '\n';
}

LineFile write_lines(const std::string& path, uint64_t line_bytes, uint64_t bytes) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) throw Failed("cannot make " + path);
  const LineFile made{path, bytes / line_bytes, bytes / line_bytes * line_bytes};
  std::string piece;
  for (uint64_t number = 1; number <= made.lines; ++number) {
    append_line(piece, number, line_bytes);
    if (piece.size() < kPieceBytes && number != made.lines) continue;
    if (auto written = write_all(file.get(), piece, path); !written) {
      throw Failed(written.error().what);
    }
    piece.clear();
  }
  // Or it would be written back while others are measured.
  if (::fsync(file.get()) != 0) throw Failed("cannot sync " + path);
  return made;
}

}  // namespace

bool is_met(const Target& target, double result) {
  if (target.kind == Target::Kind::kAtLeast) return result >= target.value;
  if (target.kind == Target::Kind::kAtMost) return result <= target.value;
  return true;
}

Bench::Bench(Settings settings) : settings_(std::move(settings)) {
  std::string folder = settings_.work;
  if (const char* named = std::getenv("TMPDIR"); folder.empty() && named != nullptr) folder = named;
  if (folder.empty()) folder = "/tmp";
  folder += "/weir-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) throw Failed("cannot make a folder like " + folder);
  folder_ = folder;
}

Bench::~Bench() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

int Bench::runs(int usual, int quick) const {
  if (settings_.runs > 0) return settings_.runs;
  return settings_.quick ? quick : usual;
}

uint64_t Bench::bytes(uint64_t usual, uint64_t quick) const {
  if (settings_.bytes > 0) return settings_.bytes;
  return settings_.quick ? quick : usual;
}

bool Bench::wants(std::string_view row) const {
  return settings_.only.empty() || std::ranges::find(settings_.only, row) != settings_.only.end();
}

std::string Bench::fresh(const std::string& name) {
  return path(name + "-" + std::to_string(++last_fresh_));
}

std::string Bench::program(std::string_view name) const {
  // Beside us are the programs of the benchmark; weir's are in bin, the folder next to ours.
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const std::filesystem::path& folder : {own, own.parent_path() / "bin"}) {
    std::string path = (folder / name).string();
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  throw Failed(std::string(name) + " is not built: looked in " + own.string() + " and in " +
               (own.parent_path() / "bin").string());
}

const LineFile& Bench::lines_of(uint64_t line_bytes, uint64_t bytes) {
  auto found = line_files_.find(line_bytes);
  if (found != line_files_.end() && found->second.bytes == bytes / line_bytes * line_bytes) {
    return found->second;
  }
  say("writing lines of " + std::to_string(line_bytes) + " bytes");
  LineFile made = write_lines(path("lines-" + std::to_string(line_bytes)), line_bytes, bytes);
  return line_files_[line_bytes] = std::move(made);
}

void Bench::drop_line_files() {
  for (const auto& [line_bytes, file] : line_files_) std::filesystem::remove(file.path);
  line_files_.clear();
}

void Bench::say(const std::string& text) const {
  std::fprintf(stderr, "weir-bench: %s\n", text.c_str());
}

void Bench::add(Line line) { table_.push_back(std::move(line)); }

const std::vector<Group>& groups() {
  static const std::vector<Group> all = {
      {{"pipe", "pipe-disk", "pipe-batch"}, run_pipe_rows},
      {{"lines-1k", "lines-64k", "frames-1m", "frames-64m"}, run_size_rows},
      {{"nats"}, run_nats_rows},
      {{"frames", "lines"}, run_answer_rows},
      {{"branches"}, run_branch_rows},
      {{"latency", "latency-disk"}, run_latency_rows},
      {{"idle"}, run_idle_rows},
      {{"record"}, run_record_rows},
      {{"memory"}, run_memory_rows},
      {{"replay"}, run_replay_rows},
      {{"open"}, run_open_rows},
      {{"control"}, run_control_rows},
      {{"agent"}, run_agent_rows},
      {{"bare"}, run_bare_rows},
  };
  return all;
}

}  // namespace weir::bench
