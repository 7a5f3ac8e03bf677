#include "sim/scenarios/first_generation.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <vector>

#include "sim/scenarios/checker.h"
#include "sim/scenarios/hosts.h"
#include "sim/scenarios/report.h"
#include "sim/scenarios/rows_agent.h"
#include "sim/scenarios/trace.h"
#include "sim/workload.h"

namespace fustor::sim {
namespace {

constexpr Nanos kRevisionEvery = Seconds(5);
// A session's time-out, the patience of agents, and what stands still.
constexpr Nanos kReunion = Seconds(120);
constexpr Nanos kStorm = Seconds(60);

template <class T>
T OneOf(Prng& prng, std::initializer_list<T> values) {
  return values.begin()[prng.Below(values.size())];
}

struct Setting {
  FileSystemOptions fs;
  std::vector<WorkloadOptions> workloads;
  std::vector<RowsAgent::Options> agents;
  FusionHost::Options fusion;
  std::size_t entries = 0;
  Nanos fault_gap{0};
  std::string text;
};

Setting Choose(Prng prng) {
  Setting s;
  s.fs.granularity = OneOf<Nanos>(prng, {Nanos(1), Millis(4), Seconds(1), Seconds(2)});
  s.fs.reuse_inodes = prng.Chance(1, 2);
  s.entries = OneOf<std::size_t>(prng, {2, 40, 150});
  const auto agents = OneOf<std::uint32_t>(prng, {1, 1, 2, 3});
  const auto others = OneOf<std::uint32_t>(prng, {0, 1});
  const Nanos job_gap = OneOf<Nanos>(prng, {Millis(200), Millis(1500)});
  const Nanos step_gap = OneOf<Nanos>(prng, {Micros(500), Millis(20), Millis(300)});
  RowsAgent::Options agent;
  agent.rows_per_event = OneOf<std::size_t>(prng, {3, 20, 100});
  agent.events_per_post = OneOf<std::size_t>(prng, {1, 2, 100});
  agent.look_gap = OneOf<Nanos>(prng, {Micros(200), Millis(20), Millis(150)});
  agent.event_delay_max = OneOf<Nanos>(prng, {Millis(1), Millis(50), Millis(800)});
  agent.post_delay_max = OneOf<Nanos>(prng, {Millis(1), Millis(80), Seconds(1)});
  agent.snapshot_pause = OneOf<Nanos>(prng, {Millis(10), Seconds(2)});
  agent.snapshots_at_once = OneOf<std::size_t>(prng, {1, 2});
  agent.lost_one_in = OneOf<std::uint64_t>(prng, {0, 200, 20});
  agent.drop_one_in = OneOf<std::uint64_t>(prng, {0, 50});
  agent.audit_interval = OneOf<Nanos>(prng, {Seconds(20), Seconds(60)});
  for (std::uint32_t mount = 1; mount <= agents + others; ++mount) {
    WorkloadOptions workload;
    workload.mount = mount;
    workload.entries_max = OneOf<std::size_t>(prng, {40, 120, 250});
    workload.job_gap = job_gap * (agents + others);
    workload.step_gap = step_gap;
    workload.jobs_max = 3;
    workload.links_one_in = 0;
    s.workloads.push_back(workload);
    if (mount > agents) continue;
    agent.mount = mount;
    agent.name = "old" + std::to_string(mount);
    s.agents.push_back(agent);
  }
  s.fusion.pipe.session_timeout = OneOf<Nanos>(prng, {Seconds(6), Seconds(30)});
  s.fusion.view.hot_file_threshold = OneOf<Nanos>(prng, {Seconds(5), Seconds(60)});
  s.fusion.view.delete_fraction_max = OneOf(prng, {0.999'999, 1.0});
  s.fault_gap = OneOf<Nanos>(prng, {Seconds(10), Seconds(40), Seconds(10'000)});
  const auto ms = [](Nanos d) {
    return std::to_string(std::chrono::duration_cast<Millis>(d).count()) + "ms";
  };
  s.text = "first generation: " + std::to_string(agents) + " agents, " + std::to_string(others) +
           " writers without, granularity=" + std::to_string(s.fs.granularity.count()) +
           "ns entries=" + std::to_string(s.entries) +
           " post=" + std::to_string(agent.rows_per_event) + "x" +
           std::to_string(agent.events_per_post) + " looks-every=" + ms(agent.look_gap) +
           " events-late=" + ms(agent.event_delay_max) + " posts-late=" + ms(agent.post_delay_max) +
           " snapshots=" + std::to_string(agent.snapshots_at_once) + " lost=1/" +
           std::to_string(agent.lost_one_in) + " dropped=1/" + std::to_string(agent.drop_one_in) +
           " audits-every=" + ms(agent.audit_interval) +
           " hot=" + ms(s.fusion.view.hot_file_threshold) + " faults-every=" + ms(s.fault_gap);
  return s;
}

class FirstGeneration {
 public:
  explicit FirstGeneration(const ConvergeOptions& options)
      : options_(options),
        world_(options.seed),
        log_(world_, options.print),
        setting_(Choose(world_.Derive("first generation"))),
        faults_(world_.Derive("faults")),
        network_(world_, {}),
        fs_(world_, setting_.fs),
        fusion_(world_, network_, log_, setting_.fusion),
        start_(world_.now()) {
    log_.Say(setting_.text);
    if (options.print) trace_.emplace(fs_, log_);
    for (const WorkloadOptions& workload : setting_.workloads) {
      workloads_.push_back(std::make_unique<Workload>(world_, fs_, workload));
    }
    for (const RowsAgent::Options& agent : setting_.agents) {
      agents_.push_back(std::make_unique<RowsAgent>(world_, fs_, fusion_, log_, agent));
    }
  }

  ConvergeReport Run() {
    fs_.MakeDirectory({}, FileSystem::kRoot, Workload::kNeverTouched, 0700).value();
    workloads_.front()->Populate(setting_.entries);
    fusion_.Start();
    while (differences_.empty() && world_.now() - start_ < options_.busy) Act();
    std::uint64_t calls = 0;
    for (const auto& workload : workloads_) calls += workload->calls();
    return ReportOf(
        {world_, start_, fusion_, differences_, setting_.text, failed_when_, calls, fault_count_});
  }

 private:
  void Act() {
    StartAll();
    const Instant end = world_.now() + Seconds(60) + UpTo(Seconds(180));
    for (const auto& workload : workloads_) workload->Start(end);
    faults_on_ = true;
    FaultLater();
    if (!Watch(end)) return;
    faults_on_ = false;
    if (!Watch(world_.now() + Seconds(46))) return;
    StartAll();
    const auto finished = [](const auto& workload) { return workload->finished(); };
    while (!std::ranges::all_of(workloads_, finished)) world_.RunFor(Seconds(1));
    if (!Watch(world_.now() + kReunion) || !AuditInFull()) return;
    if (!Watch(world_.now() + setting_.fusion.view.hot_file_threshold + Seconds(3))) return;
    Compare("after quiet and one audit");
    if (differences_.empty()) Storm();
  }

  // One that has begun after all writes and has looked at everything.
  bool AuditInFull() {
    const Instant patience = world_.now() + Seconds(1800);
    const auto leader = std::ranges::find_if(agents_, [](const auto& a) { return a->leads(); });
    if (leader == agents_.end()) {
      differences_.Add("nobody leads");
      return !Failed("waiting for an audit");
    }
    const std::uint64_t wanted = (*leader)->AuditInFull();
    while ((*leader)->audits_ended() < wanted) {
      if (world_.now() >= patience || !(*leader)->leads()) {
        differences_.Add("no audit has ended");
        return !Failed("waiting for an audit");
      }
      if (!Watch(world_.now() + Seconds(5))) return false;
    }
    return true;
  }

  void Compare(const std::string& when) {
    CheckRowsShown(fs_, *fusion_.view(), &differences_);
    (void)Failed(when);
  }

  // Full snapshots go on for ever; what they show is known.
  void Storm() {
    const std::uint64_t changed = fusion_.view()->status()->rows_changed;
    if (!Watch(world_.now() + kStorm)) return;
    if (fusion_.view()->status()->rows_changed != changed) {
      differences_.Add("snapshots of what is known have changed " +
                       std::to_string(fusion_.view()->status()->rows_changed - changed) + " rows");
    }
    Compare("while snapshots were repeated");
  }

  bool Watch(Instant end) {
    while (world_.now() < end) {
      world_.RunUntil(std::min(end, world_.now() + kRevisionEvery));
      if (!log_.first_error().empty()) differences_.Add("error logged: " + log_.first_error());
      if (const std::shared_ptr<fusion::View> view = fusion_.view(); view != nullptr) {
        const Result<tree::Snapshot> snapshot = view->Pin();
        if (snapshot.ok()) CheckRevision(*snapshot, &differences_);
      }
      if (Failed("while time passed")) return false;
    }
    return true;
  }

  bool Failed(const std::string& when) {
    if (differences_.empty()) return false;
    const auto seconds = std::chrono::duration_cast<Seconds>(world_.now() - start_).count();
    if (failed_when_.empty()) failed_when_ = when + ", at " + std::to_string(seconds) + " s";
    return true;
  }

  void StartAll() {
    if (!fusion_.running()) fusion_.Start();
    for (const auto& agent : agents_) {
      if (!agent->running()) agent->Start();
    }
  }

  Nanos UpTo(Nanos most) { return Nanos(faults_.Between(0, most.count())); }

  void FaultLater() {
    world_.After(UpTo(2 * setting_.fault_gap), [this] {
      if (!faults_on_) return;
      Fault();
      FaultLater();
    });
  }

  void Fault() {
    ++fault_count_;
    const Nanos length = UpTo(OneOf<Nanos>(faults_, {Millis(300), Seconds(5), Seconds(45)}));
    RowsAgent& agent = *agents_[faults_.Below(agents_.size())];
    switch (faults_.Below(4)) {
      case 0:
        log_.Say("FAULT " + agent.name() + " crashes");
        if (agent.running()) agent.Crash();
        world_.After(length, [&agent] {
          if (!agent.running()) agent.Start();
        });
        return;
      case 1:
        log_.Say("FAULT fusion crashes");
        fusion_.Crash();
        world_.After(length, [this] {
          if (!fusion_.running()) fusion_.Start();
        });
        return;
      default:
        log_.Say("FAULT fusion stands still");
        if (fusion_.running()) fusion_.Pause(faults_.Next(), length);
        return;
    }
  }

  const ConvergeOptions options_;
  World world_;
  VirtualLog log_;
  const Setting setting_;
  Prng faults_;
  Network network_;
  FileSystem fs_;
  std::optional<TracedFileSystem> trace_;
  std::vector<std::unique_ptr<Workload>> workloads_;
  FusionHost fusion_;
  std::vector<std::unique_ptr<RowsAgent>> agents_;
  const Instant start_;
  bool faults_on_ = false;
  std::uint64_t fault_count_ = 0;
  Differences differences_;
  std::string failed_when_;
};

}  // namespace

ConvergeReport RunFirstGeneration(const ConvergeOptions& options) {
  return FirstGeneration(options).Run();
}

}  // namespace fustor::sim
