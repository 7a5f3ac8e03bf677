// converge.h: one agent reports a file system that is busy to a Fusion, while hosts crash and
// connections break; when all has come to rest, Fusion must show the truth.
//
// One seed is one run: it decides the sizes of everything, what happens and when. A run is three
// acts: (1) work and faults; (2) work without faults, short; (3) a restart of the agent. After each
// there is quiet, and then everything is compared. While it lasts, revisions are checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace fustor::sim {

struct ConvergeOptions {
  std::uint64_t seed = 1;
  Nanos busy = Seconds(300);  // How long act 1 lasts.
  // Files with several links must be right at all times, not only after a scan at rest.
  bool strict_links = false;
  // Of so many records of the kernel one is lost, and nobody is told: the run must fail. 0: none.
  std::uint64_t drop_one_in = 0;
  bool print = false;  // What happens, to stderr.
};

struct ConvergeReport {
  bool ok = false;
  std::string setting;      // What the seed chose, in one line.
  std::string failed_when;  // Which check failed, at what time.
  std::vector<std::string> differences;
  std::size_t difference_count = 0;
  std::uint64_t hash = 0;   // Of everything that happened.
  std::uint64_t steps = 0;  // Of the simulation.
  std::uint64_t calls = 0;  // System calls on the file system.
  std::uint64_t rows = 0;   // Rows that Fusion applied in its last life.
  std::uint64_t faults = 0;
  Nanos virtual_time{0};
};

// Deterministic: equal options, equal report.
ConvergeReport RunConverge(const ConvergeOptions& options);

}  // namespace fustor::sim
