// report.h: what every scenario reports in the same way.
#pragma once

#include <string>

#include "sim/scenarios/checker.h"
#include "sim/scenarios/converge.h"
#include "sim/scenarios/hosts.h"

namespace fustor::sim {

struct RunSoFar {
  const World& world;
  Instant start;
  const FusionHost& fusion;
  const Differences& differences;
  const std::string& setting;
  const std::string& failed_when;
  std::uint64_t calls = 0;
  std::uint64_t faults = 0;
};
ConvergeReport ReportOf(const RunSoFar& run);

}  // namespace fustor::sim
