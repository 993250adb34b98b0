// A folder with files that grow, for tests.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "ctl/base/files.h"

namespace weir::ctl {

class TempFolder {
 public:
  TempFolder() : path_(*make_fresh_folder(testing::TempDir() + "weir-logs-")) {}
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { std::filesystem::remove_all(path_); }

  const std::string& path() const { return path_; }
  std::string path(const std::string& name) const { return path_ + "/" + name; }
  void append(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::app | std::ios::binary) << text;
  }
  // As wrappers do: FILE becomes FILE.1.
  void rotate(const std::string& name) const {
    std::filesystem::rename(path(name), path(name + ".1"));
  }
  void remove(const std::string& name) const { std::filesystem::remove_all(path(name)); }

 private:
  std::string path_;
};

}  // namespace weir::ctl
