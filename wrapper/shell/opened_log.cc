#include "wrapper/shell/opened_log.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "schema/base/files.h"
#include "schema/base/log.h"
#include "wrapper/core/node.h"
#include "wrapper/core/sole_copy.h"
#include "wrapper/wal/rocks_log.h"

namespace weir::shell {
namespace {

namespace fs = std::filesystem;

constexpr size_t kWriteBufferBytesMin = 64u << 10;

std::string log_of(const wire::StartOrder& order) { return order.log_dir + "/log"; }
std::string condemned_path(const wire::StartOrder& order) { return log_of(order) + "/condemned"; }

Result<OpenedLog> open_as_it_is(const wire::StartOrder& order,
                                const std::function<void(std::string)>& note) {
  if (const std::ifstream why(condemned_path(order)); why) {
    std::ostringstream text;
    text << why.rdbuf();
    return Error{ErrorCode::kCorrupt, text.str()};
  }
  wal::RocksOptions options;
  options.limit_bytes = order.log_limit_bytes;
  if (order.log_limit_bytes > 0) {
    // Its own log grows by that much before anything of it is dropped.
    options.write_buffer_bytes = std::clamp<size_t>(
        order.log_limit_bytes / 16, kWriteBufferBytesMin, options.write_buffer_bytes);
  }
  options.on_remark = note;
  Result<std::unique_ptr<wal::Log>> log = wal::open_rocks_log(log_of(order), options);
  if (!log) return std::move(log).error();
  Result<core::LogState> state = core::load(**log);
  if (!state) return std::move(state).error().in(order.log_dir);
  return OpenedLog{*std::move(log), *std::move(state)};
}

Status set_aside(const wire::StartOrder& order, const Error& damage,
                 const std::function<void(std::string)>& note) {
  const std::string aside = order.log_dir + "/log.damaged";
  std::error_code failure;
  fs::remove_all(aside, failure);
  fs::rename(log_of(order), aside, failure);
  if (failure) return errno_error("log " + log_of(order), failure.value());
  note("its log was damaged (" + damage.what + "): set aside as " + aside +
       ", with the dead letters that it had; it begins again from what upstream holds, and records "
       "may be seen twice");
  return {};
}

}  // namespace

Result<OpenedLog> open_log_of(const wire::StartOrder& order,
                              const std::function<void(std::string)>& note) {
  Result<OpenedLog> opened = open_as_it_is(order, note);
  if (!opened && opened.error().code == ErrorCode::kCorrupt) {
    if (core::is_sole_copy(order)) return damaged_sole_copy(order, opened.error());
    const Status aside = set_aside(order, opened.error(), note);
    if (!aside) return aside.error();
    opened = open_as_it_is(order, note);
  }
  if (!opened) return opened;
  const std::string identity = core::log_identity(order);
  if (!opened->state.identity.empty() && opened->state.identity != identity) {
    return Error{ErrorCode::kInvalid, "log " + order.log_dir + " belongs to " +
                                          opened->state.identity + ", not to " + identity};
  }
  return opened;
}

uint64_t kept_boot(const wire::StartOrder& order) {
  std::ifstream file(order.log_dir + "/boot");
  uint64_t boot = 0;
  return file >> boot ? boot : 0;
}

void keep_boot(const wire::StartOrder& order, uint64_t boot) {
  const Status written =
      replace_file(order.log_dir + "/boot", std::to_string(boot) + '\n', Sync::kNo);
  if (!written) log::warn("the boot of the log cannot be kept: " + written.error().what);
}

Status condemn_log(const wire::StartOrder& order, const std::string& why) {
  std::ofstream file(condemned_path(order), std::ios::binary);
  file << why;
  file.close();
  if (!file) return Error{ErrorCode::kIo, "write " + condemned_path(order)};
  return {};
}

Error damaged_sole_copy(const wire::StartOrder& order, const Error& damage) {
  return Error{ErrorCode::kCorrupt, "its log is damaged: " + damage.what + "; " +
                                        core::at_stake(order) + ": see 'weirctl wal verify " +
                                        order.log_dir + "'; restore what is damaged, or move " +
                                        log_of(order) + " away to go on without it"};
}

}  // namespace weir::shell
