#include "sim/scenarios/share_setting.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

namespace fustor::sim {
namespace {

template <class T>
T OneOf(Prng& prng, std::initializer_list<T> values) {
  return values.begin()[prng.Below(values.size())];
}

std::string Milliseconds(Nanos duration) {
  return std::to_string(std::chrono::duration_cast<Millis>(duration).count()) + "ms";
}

NfsOptions ChooseClient(Prng& prng, std::uint32_t mount) {
  NfsOptions nfs;
  nfs.mount = mount;
  nfs.life_min = OneOf<Nanos>(prng, {Seconds(3), Seconds(3), Seconds(30)});
  nfs.life_max = std::max(nfs.life_min, OneOf<Nanos>(prng, {Seconds(3), Seconds(60)}));
  nfs.close_to_open = prng.Chance(1, 2);
  nfs.readdir_plus = prng.Chance(2, 3);
  return nfs;
}

AgentHost::Options ChooseAgent(Prng& prng, std::uint32_t mount, const NfsOptions& nfs) {
  AgentHost::Options agent;
  agent.name = "agent" + std::to_string(mount);
  agent.tree.nfs = nfs;
  WatchOptions& watch = agent.tree.watch;
  watch.mount = mount;
  watch.hears_other_mounts = false;
  watch.whole = prng.Chance(1, 4);
  watch.records_max = OneOf<std::size_t>(prng, {64, 16384, 16384});
  watch.delay_max = OneOf<Nanos>(prng, {Micros(100), Millis(2), Millis(30)});
  watch.drop_one_in = OneOf<std::uint64_t>(prng, {0, 0, 0, 100});
  agent.tree.operation_max = OneOf<Nanos>(prng, {Micros(300), Millis(5), Millis(60)});
  agent::Bus::Options& bus = agent.source.bus;
  bus.realtime_bytes_max = OneOf<std::size_t>(prng, {20'000, 1 << 20, 1 << 26});
  bus.batch_rows_max = OneOf<std::size_t>(prng, {7, 100, 4000});
  agent.source.list_group = OneOf<std::size_t>(prng, {1, 8});
  agent.source.observer.lists_in_flight_max = OneOf<std::size_t>(prng, {2, 64});
  return agent;
}

Nanos WrongClock(Prng& prng) {
  const Nanos most =
      OneOf<Nanos>(prng, {Nanos(0), Nanos(0), Millis(200), Seconds(90), Seconds(6 * 3600)});
  return Nanos(prng.Between(-most.count(), most.count()));
}

void ChooseHosts(Prng& prng, ShareSetting* s) {
  const auto agents = OneOf<std::uint32_t>(prng, {1, 2, 2, 2, 3, 3, 4, 8});
  const auto others = OneOf<std::uint32_t>(prng, {0, 1, 1, 2});
  const Nanos job_gap = OneOf<Nanos>(prng, {Millis(150), Millis(600), Millis(3000)});
  const Nanos step_gap = OneOf<Nanos>(prng, {Micros(500), Millis(20), Millis(400)});
  s->entries = OneOf<std::size_t>(prng, {2, 40, 150});
  const std::size_t entries_max = OneOf<std::size_t>(prng, {40, 120, 250});
  for (std::uint32_t mount = 1; mount <= agents + others; ++mount) {
    WorkloadOptions workload;
    workload.mount = mount;
    workload.entries_max = entries_max;
    workload.job_gap = job_gap * (agents + others);
    workload.step_gap = step_gap;
    workload.jobs_max = 3;
    workload.clock_ahead = WrongClock(prng) - s->fs.ahead;
    s->workloads.push_back(workload);
    if (mount > agents) continue;
    const NfsOptions nfs = ChooseClient(prng, mount);
    s->cache_life_max = std::max(s->cache_life_max, nfs.life_max);
    AgentHost::Options agent = ChooseAgent(prng, mount, nfs);
    agent.clock_ahead = workload.clock_ahead + s->fs.ahead;
    s->agents.push_back(std::move(agent));
  }
}

}  // namespace

ShareSetting ChooseShare(Prng prng) {
  ShareSetting s;
  s.fs.silly_renames = true;
  s.fs.granularity =
      OneOf<Nanos>(prng, {Nanos(1), Nanos(1), Millis(1), Millis(4), Seconds(1), Seconds(2)});
  s.fs.reuse_inodes = prng.Chance(1, 2);
  s.fs.ahead = WrongClock(prng);
  ChooseHosts(prng, &s);
  s.link.delay_max = OneOf<Nanos>(prng, {Micros(300), Millis(5), Millis(80)});
  s.link.break_one_in = OneOf<std::uint64_t>(prng, {0, 0, 3000, 300});
  s.fusion.view.hot_file_threshold = OneOf<Nanos>(prng, {Seconds(60), Seconds(60), Seconds(90)});
  s.fusion.pipe.session_timeout = OneOf<Nanos>(prng, {Seconds(6), Seconds(30)});
  s.fusion.pipe.audit_interval = OneOf<Nanos>(prng, {Seconds(20), Seconds(60), Seconds(200)});
  s.exclusive = prng.Chance(1, 6);
  s.fusion.pipe.exclusive_sessions = s.exclusive;
  s.fault_gap = OneOf<Nanos>(prng, {Seconds(8), Seconds(30), Seconds(100), Seconds(10'000)});
  s.clocks_step = prng.Chance(1, 2);
  // Audits pass by what is unchanged; so many of them look at everything.
  s.full_every = OneOf<std::uint32_t>(prng, {1, 1, 2, 3});
  for (AgentHost::Options& agent : s.agents) agent.source.observer.full_every = s.full_every;
  s.fusion.pipe.sentinel_interval = OneOf<Nanos>(prng, {Seconds(0), Seconds(7), Seconds(60)});
  // What scans miss goes at their end, or at once; nothing is ever too much here.
  s.fusion.view.delete_fraction_max = OneOf(prng, {0.999'999, 1.0});
  s.text = "share: " + std::to_string(s.agents.size()) + " agents, " +
           std::to_string(s.workloads.size() - s.agents.size()) + " writers without" +
           (s.exclusive ? ", exclusive" : "") + ", caches=" + Milliseconds(s.cache_life_max) +
           " audits-every=" + Milliseconds(s.fusion.pipe.audit_interval) +
           " in-parts=" + std::to_string(s.full_every) +
           " sweeps-every=" + Milliseconds(s.fusion.pipe.sentinel_interval) +
           " hot=" + Milliseconds(s.fusion.view.hot_file_threshold) +
           " granularity=" + std::to_string(s.fs.granularity.count()) +
           "ns server-ahead=" + Milliseconds(s.fs.ahead) + (s.clocks_step ? " clocks-step" : "") +
           (s.fs.reuse_inodes ? " inodes-reused" : "") + " entries=" + std::to_string(s.entries) +
           "/" + std::to_string(s.workloads.front().entries_max) + " breaks=1/" +
           std::to_string(s.link.break_one_in) + " faults-every=" + Milliseconds(s.fault_gap);
  return s;
}

}  // namespace fustor::sim
