#include "sim/scenarios/first_generation.h"

#include <gtest/gtest.h>

namespace fustor::sim {
namespace {

ConvergeOptions Short(std::uint64_t seed) {
  ConvergeOptions options;
  options.seed = seed;
  options.busy = Seconds(1);  // One act.
  return options;
}

TEST(FirstGeneration, HoldsWhatMustHold) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    const ConvergeReport report = RunFirstGeneration(Short(seed));
    std::string text = report.setting + "\n" + report.failed_when + "\n";
    for (const std::string& line : report.differences) text += line + "\n";
    EXPECT_TRUE(report.ok) << "seed " << seed << "\n" << text;
    EXPECT_GT(report.calls, 0u);
    EXPECT_GT(report.rows, 0u);
  }
}

TEST(FirstGeneration, TheSameSeedIsTheSameRun) {
  const ConvergeReport one = RunFirstGeneration(Short(3));
  EXPECT_EQ(one.hash, RunFirstGeneration(Short(3)).hash);
  EXPECT_NE(one.hash, RunFirstGeneration(Short(4)).hash);
}

}  // namespace
}  // namespace fustor::sim
