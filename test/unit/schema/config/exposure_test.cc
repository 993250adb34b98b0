#include "schema/config/exposure.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

struct Case {
  const char* text;
  bool good;
  bool good_if_insecure;
};

TEST(Exposure, AddressesThatOthersReachNeedInsecure) {
  for (const Case& one :
       {Case{"127.0.0.1", true, true}, Case{"127.3.2.1", true, true}, Case{"[::1]", true, true},
        Case{"10.0.0.5", false, true}, Case{"[2001:db8::5]", false, true},
        Case{"::1", false, false}, Case{"2001:db8::5", false, false}, Case{"0.0.0.0", false, false},
        Case{"[::]", false, false}, Case{"localhost", false, false}, Case{"10.0.0", false, false},
        Case{"", false, false}, Case{"[10.0.0.5]", false, false}}) {
    EXPECT_EQ(check_address(one.text, false).has_value(), one.good) << one.text;
    EXPECT_EQ(check_address(one.text, true).has_value(), one.good_if_insecure) << one.text;
  }
}

TEST(Exposure, ListenersThatOthersReachNeedInsecure) {
  for (const Case& one :
       {Case{"ipc:///run/weir/broker", true, true}, Case{"tcp://127.0.0.1:7700", true, true},
        Case{"tcp://[::1]:*", true, true}, Case{"tcp://0.0.0.0:7700", false, true},
        Case{"tcp://*:7700", false, true}, Case{"tcp://eth0:7700", false, true},
        Case{"tcp://10.0.0.5:7700", false, true}, Case{"tcp://[::]:7700", false, true},
        Case{"127.0.0.1:7700", false, false}, Case{"tcp://127.0.0.1", false, false},
        Case{"tcp://127.0.0.1:", false, false}, Case{"tcp://127.0.0.1:port", false, false},
        Case{"tcp://127.0.0.1:70000", false, false}, Case{"", false, false}}) {
    EXPECT_EQ(check_listen(one.text, false).has_value(), one.good) << one.text;
    EXPECT_EQ(check_listen(one.text, true).has_value(), one.good_if_insecure) << one.text;
  }
}

TEST(Exposure, TheErrorSaysWhatToDo) {
  const auto refused = check_address("10.0.0.5", false);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("--insecure"), std::string::npos);
  const auto bare = check_address("::1", false);
  ASSERT_FALSE(bare);
  EXPECT_NE(bare.error().what.find("[::1]"), std::string::npos);
}

}  // namespace
}  // namespace weir::config
