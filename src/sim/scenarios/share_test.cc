#include "sim/scenarios/share.h"

#include <gtest/gtest.h>

namespace fustor::sim {
namespace {

ConvergeOptions Short(std::uint64_t seed) {
  ConvergeOptions options;
  options.seed = seed;
  options.busy = Seconds(1);  // One act.
  return options;
}

TEST(Share, HoldsWhatMustHold) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const ConvergeReport report = RunShare(Short(seed));
    std::string text = report.setting + "\n" + report.failed_when + "\n";
    for (const std::string& line : report.differences) text += line + "\n";
    EXPECT_TRUE(report.ok) << "seed " << seed << "\n" << text;
    EXPECT_GT(report.calls, 0u);
  }
}

TEST(Share, TheSameSeedIsTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const ConvergeReport one = RunShare(Short(seed));
    const ConvergeReport two = RunShare(Short(seed));
    EXPECT_EQ(one.hash, two.hash) << seed;
    EXPECT_EQ(one.steps, two.steps) << seed;
    EXPECT_NE(one.hash, RunShare(Short(seed + 100)).hash);
  }
}

}  // namespace
}  // namespace fustor::sim
