// share_setting.h: what a seed chooses for a world of share.h.
//
// Pure; deterministic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "sim/file_system.h"
#include "sim/network.h"
#include "sim/scenarios/hosts.h"
#include "sim/workload.h"

namespace fustor::sim {

struct ShareSetting {
  FileSystemOptions fs;
  LinkQuality link;
  FusionHost::Options fusion;
  std::vector<AgentHost::Options> agents;  // Each on a host of its own: mount 1, 2, ...
  std::vector<WorkloadOptions> workloads;  // One for each host, those without an agent last.
  std::size_t entries = 0;                 // There are so many when it begins.
  Nanos cache_life_max{0};                 // Of any host.
  Nanos fault_gap{0};
  std::uint32_t full_every = 1;  // So many audits in a row look at every file.
  bool clocks_step = false;
  bool exclusive = false;  // One agent runs at a time.
  std::string text;        // In one line.
};

ShareSetting ChooseShare(Prng prng);

}  // namespace fustor::sim
