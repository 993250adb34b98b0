#include "schema/config/local_sockets.h"

#include <gtest/gtest.h>

#include <set>

namespace weir::config {
namespace {

TEST(LocalSockets, AreInFoldersOfTheirOwn) {
  EXPECT_EQ(local_sockets("/run/user/7").control, "/run/user/7/weir/broker/control/socket");
  EXPECT_EQ(local_sockets("/run/user/7").agent, "/run/user/7/weir/broker/agent/socket");
  EXPECT_EQ(local_sockets("").control, "/run/weir/broker/control/socket");
  EXPECT_EQ(local_sockets("").agent, "/run/weir/broker/agent/socket");
}

TEST(LocalSockets, TheUsersOwnBrokerComesBeforeTheSystems) {
  const std::string own = "/run/user/7/weir/broker/control/socket";
  const std::string system = "/run/weir/broker/control/socket";
  const auto chosen = [&](std::string_view runtime_dir, const std::set<std::string>& there) {
    return default_broker(&LocalSockets::control, runtime_dir,
                          [&](const std::string& path) { return there.contains(path); });
  };
  EXPECT_EQ(chosen("/run/user/7", {own, system}), "ipc://" + own);
  EXPECT_EQ(chosen("/run/user/7", {system}), "ipc://" + system);
  EXPECT_EQ(chosen("/run/user/7", {}), "ipc://" + own) << "where one would listen";
  EXPECT_EQ(chosen("", {}), "ipc://" + system);
}

}  // namespace
}  // namespace weir::config
