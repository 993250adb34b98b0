#include "agent/shell/command_line.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "schema/base/log_share.h"
#include "schema/config/command_line.h"
#include "schema/config/exposure.h"
#include "schema/config/settings_file.h"
#include "schema/config/units.h"
#include "schema/graph/names.h"

namespace weir::agent {
namespace {

class CommandLine {
 public:
  CommandLine() {
    // Both on the command line and in the file.
    text("name", options_.name, "Name of this server");
    text("broker", options_.broker,
         "The broker's endpoint; default: its local socket below $XDG_RUNTIME_DIR/weir or "
         "/run/weir");
    text("data", data_, "Folder for orders, logs and work");
    text("address", options_.layout.address, "IP address at which other servers reach this one");
    flag("insecure", options_.insecure, "Listen at --address although nothing is encrypted yet");
    size("log-limit", options_.log_limit_bytes,
         "What each log may take, such as 8GiB; default: its share of the disk");
    size("disk-reserve", options_.processes.disk_reserve_bytes,
         "What stays free of the disk with the logs; default: a tenth of what is, at most 1GiB");
    size(
        "memory-reserve", options_.processes.memory_reserve_bytes,
        "No input is taken while less memory is available; default: a 16th of all, at most 128MiB");
    text("memory-file", options_.processes.memory_file, "Where available memory is read")
        ->capture_default_str();
    duration("boot-wait", options_.boot_wait,
             "How long to wait for the broker after the host was booted; default: 60s");
    text("log-level", options_.processes.log_level, "debug, info, warn or error")
        ->capture_default_str()
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
    // Only on the command line.
    app_.add_option("--config", config_, "File with these settings, in TOML; options win");
    app_.add_option("--run-dir", run_dir_, "Folder for sockets; default: DATA/run");
    app_.add_option("--lifeline-fd", options_.processes.lifeline_fd,
                    "Descriptor whose hang-up ends this process and its wrappers");
    app_.add_option("--keep-fd", options_.processes.keep_fds,
                    "Descriptor to hold open and hand on");
    app_.add_option("--wrapper", options_.processes.wrapper_program,
                    "Program to start instead of weir-wrapper");
  }

  std::variant<AgentOptions, int> parse(int argc, const char* const* argv) {
    try {
      config::parse(app_, argc, argv);
    } catch (const CLI::ParseError& problem) {
      return app_.exit(problem) == 0 ? 0 : 2;
    }
    if (Status good = finish(); !good) {
      std::cerr << "weir-agent: " << good.error().what << '\n';
      return 2;
    }
    return std::move(options_);
  }

 private:
  // The option "--log-limit" is the key "log_limit".
  static std::string key_of(std::string option) {
    std::replace(option.begin(), option.end(), '-', '_');
    return option;
  }

  CLI::Option* text(const std::string& name, std::string& out, const std::string& help) {
    CLI::Option* const option = app_.add_option("--" + name, out, help);
    settings_.push_back([=, this, &out](config::SettingsFile& file) {
      if (name == "log-level") {
        file.choice(key_of(name), {"debug", "info", "warn", "error"}, out, option->count() > 0);
      } else {
        file.text(key_of(name), out, option->count() > 0);
      }
    });
    return option;
  }
  void flag(const std::string& name, bool& out, const std::string& help) {
    CLI::Option* const option = app_.add_flag("--" + name, out, help);
    settings_.push_back([=, &out](config::SettingsFile& file) {
      file.flag(key_of(name), out, option->count() > 0);
    });
  }
  void size(const std::string& name, uint64_t& out, const std::string& help) {
    CLI::Option* const option = add_parsed(name, out, help, config::parse_size);
    settings_.push_back([=, &out](config::SettingsFile& file) {
      file.size(key_of(name), out, option->count() > 0);
    });
  }
  void duration(const std::string& name, std::chrono::milliseconds& out, const std::string& help) {
    CLI::Option* const option = add_parsed(name, out, help, config::parse_duration);
    settings_.push_back([=, &out](config::SettingsFile& file) {
      file.duration(key_of(name), out, option->count() > 0);
    });
  }
  template <typename T>
  CLI::Option* add_parsed(const std::string& name, T& out, const std::string& help,
                          Result<T> (*read)(std::string_view)) {
    return app_.add_option_function<std::string>(
        "--" + name,
        [&out, name, read](const std::string& text) {
          const Result<T> value = read(text);
          if (!value) throw CLI::ValidationError("--" + name, value.error().what);
          out = *value;
        },
        help);
  }

  Status finish() {
    config::SettingsFile file;
    for (const auto& add : settings_) add(file);
    if (!config_.empty()) {
      if (Status read = file.read(config_); !read) return read;
    }
    if (!graph::is_host_name(options_.name)) {
      return Error{ErrorCode::kInvalid,
                   options_.name.empty()
                       ? "--name is needed: what this server is called"
                       : "--name: \"" + options_.name + "\" is not a good name for an agent"};
    }
    if (data_.empty()) return Error{ErrorCode::kInvalid, "--data is needed: a folder of its own"};
    if (Status good = config::check_broker(options_.broker); !options_.broker.empty() && !good) {
      return std::move(good).error().in("--broker");
    }
    if (options_.log_limit_bytes != 0 && options_.log_limit_bytes < kLogLimitBytesMin) {
      return Error{ErrorCode::kInvalid,
                   "--log-limit: less than the largest block takes; give at "
                   "least " +
                       config::format_size(kLogLimitBytesMin)};
    }
    if (!options_.layout.address.empty()) {
      Status good = config::check_address(options_.layout.address, options_.insecure);
      if (!good) return std::move(good).error().in("--address");
    }
    const auto absolute = [](const std::string& path) {
      return std::filesystem::absolute(path).lexically_normal().string();
    };
    options_.layout.data_dir = absolute(data_);
    options_.layout.run_dir =
        run_dir_.empty() ? options_.layout.data_dir + "/run" : absolute(run_dir_);
    return {};
  }

  CLI::App app_{"weir-agent: starts and supervises the wrappers of one server"};
  AgentOptions options_;
  std::string data_;
  std::string run_dir_;
  std::string config_;
  std::vector<std::function<void(config::SettingsFile&)>> settings_;
};

}  // namespace

std::variant<AgentOptions, int> parse_command_line(int argc, const char* const* argv) {
  return CommandLine().parse(argc, argv);
}

}  // namespace weir::agent
