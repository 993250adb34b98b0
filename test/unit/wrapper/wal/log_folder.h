// What the tests of the log share: a folder, blocks, and what a log holds.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "schema/wire/block.h"
#include "wrapper/wal/keys.h"
#include "wrapper/wal/rocks_log.h"

namespace weir::wal {

namespace fs = std::filesystem;

class TempDir {
 public:
  TempDir() {
    char name[] = "/tmp/weir-wal-XXXXXX";
    path_ = mkdtemp(name);
  }
  ~TempDir() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline wire::Block block(uint64_t seq, size_t payload) {
  wire::BlockHeader header;
  header.of = {1, 1, 5};
  header.first = seq;
  header.pieces = 1;
  header.payload_bytes = static_cast<uint32_t>(payload);
  std::shared_ptr<uint8_t[]> buffer(new uint8_t[wire::kBlockHeaderBytes + payload]);
  std::memset(buffer.get() + wire::kBlockHeaderBytes, static_cast<int>('a' + seq % 26), payload);
  return wire::finish_block(std::move(buffer), header);
}

inline RecordId id(uint64_t seq) { return {1, 1, seq}; }

inline std::map<std::string, std::string> contents(const Log& log) {
  std::map<std::string, std::string> all;
  const Status status = log.scan(std::string(1, '\0'), std::string(1, '\x7f'),
                                 [&](std::string_view key, std::string_view value) {
                                   if (key != "Msynced") all.emplace(key, value);
                                   return true;
                                 });
  EXPECT_TRUE(status) << (status ? "" : status.error().what);
  return all;
}

// Names, sizes, times and contents of all that is in a folder.
inline std::map<std::string, std::string> snapshot(const std::string& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    std::ostringstream text;
    text << entry.last_write_time().time_since_epoch().count() << " ";
    if (entry.is_regular_file()) text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
    all.emplace(entry.path(), text.str());
  }
  return all;
}

// A log with small and large values, in tables and in its write-ahead log.
inline void fill(const std::string& dir) {
  for (int opening = 0; opening < 2; ++opening) {
    auto log = open_rocks_log(dir, {});
    ASSERT_TRUE(log) << log.error().what;
    for (uint64_t n = 0; n < 20; ++n) {
      LogBatch batch;
      const uint64_t seq = static_cast<uint64_t>(opening) * 20 + n + 1;
      batch.put(key(kBlock, id(seq)), block(seq, n % 2 == 0 ? 100 : 100'000).bytes);
      batch.put(key(kDead, seq), std::string(1000, static_cast<char>('a' + n)));
      ASSERT_TRUE((*log)->write(batch, true));
    }
  }
}

inline std::string write_ahead_log(const std::string& dir) {
  for (const auto& entry : fs::directory_iterator(dir + "/db")) {
    if (entry.path().extension() == ".log") return entry.path();
  }
  return "";
}

}  // namespace weir::wal
