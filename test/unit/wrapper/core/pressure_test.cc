#include "wrapper/core/pressure.h"

#include <gtest/gtest.h>

namespace weir::core {
namespace {

constexpr uint64_t kMiB = 1u << 20;

TEST(Pressure, R7HoldsBackByWhatIsShort) {
  const struct {
    uint64_t disk, memory;
    Pressure pressure;
    const char* reason;
  } kCases[] = {
      {500, 500, Pressure::kNone, ""},
      {100, 50, Pressure::kNone, ""},
      {99, 50, Pressure::kSources,
       "less than the reserve of 100 MiB is left (disk_reserve): sources"},
      {25, 50, Pressure::kSources, "sources are not read"},
      {24, 50, Pressure::kAll,
       "a quarter of the reserve of 100 MiB is left (disk_reserve): only what drains"},
      {100, 49, Pressure::kInputs, "less than the reserve of 50 MiB is available (memory_reserve)"},
      {99, 49, Pressure::kInputs, "memory_reserve"},
      {0, 0, Pressure::kAll, "disk_reserve"},
  };
  for (const auto& c : kCases) {
    PressureGauge gauge({100 * kMiB, 50 * kMiB});
    EXPECT_EQ(gauge.look({c.disk * kMiB, c.memory * kMiB}), c.pressure != Pressure::kNone);
    EXPECT_EQ(gauge.pressure(), c.pressure) << c.disk << " " << c.memory;
    EXPECT_NE(gauge.reason().find(c.reason), std::string::npos) << gauge.reason();
    EXPECT_EQ(gauge.reason().empty(), c.pressure == Pressure::kNone);
  }
}

TEST(Pressure, LetsGoWhenThereIsAnEighthMore) {
  PressureGauge gauge({80 * kMiB, 80 * kMiB});
  EXPECT_TRUE(gauge.look({79 * kMiB, 100 * kMiB}));
  EXPECT_FALSE(gauge.look({89 * kMiB, 100 * kMiB}));
  EXPECT_EQ(gauge.pressure(), Pressure::kSources);
  EXPECT_TRUE(gauge.look({90 * kMiB, 100 * kMiB}));
  EXPECT_EQ(gauge.pressure(), Pressure::kNone);
  EXPECT_TRUE(gauge.look({90 * kMiB, 79 * kMiB}));
  EXPECT_FALSE(gauge.look({90 * kMiB, 89 * kMiB}));
  EXPECT_TRUE(gauge.look({90 * kMiB, 90 * kMiB}));
}

TEST(Pressure, NothingIsReservedOrNothingIsKnown) {
  PressureGauge none({0, 0});
  EXPECT_FALSE(none.look({0, 0}));
  PressureGauge unknown({100, 100});
  EXPECT_FALSE(unknown.look({std::nullopt, std::nullopt}));
  EXPECT_EQ(unknown.pressure(), Pressure::kNone);
}

}  // namespace
}  // namespace weir::core
