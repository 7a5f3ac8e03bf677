#include "sim/scenarios/converge.h"

#include <memory>
#include <utility>

#include "sim/scenarios/checker.h"
#include "sim/scenarios/hosts.h"
#include "sim/scenarios/report.h"
#include "sim/scenarios/trace.h"
#include "sim/workload.h"

namespace fustor::sim {
namespace {

// After the last fault and the last change: the longest back-off, a session's time-out, a scan, and
// the time that suspects take.
constexpr Nanos kQuiet = Seconds(300);
constexpr Nanos kRevisionEvery = Seconds(7);
constexpr Nanos kCalmWork = Seconds(20);

template <class T>
T OneOf(Prng& prng, std::initializer_list<T> values) {
  return values.begin()[prng.Below(values.size())];
}

struct Setting {
  FileSystemOptions fs;
  WorkloadOptions workload;
  std::size_t entries = 0;
  LinkQuality link;
  AgentHost::Options agent;
  FusionHost::Options fusion;
  Nanos fault_gap{0};
  std::string text;
};

std::string Milliseconds(Nanos duration) {
  return std::to_string(std::chrono::duration_cast<Millis>(duration).count()) + "ms";
}

Setting Choose(Prng prng, const ConvergeOptions& options) {
  Setting s;
  s.fs.granularity = OneOf<Nanos>(prng, {Nanos(1), Millis(4), Millis(4), Seconds(1)});
  s.fs.reuse_inodes = prng.Chance(1, 2);
  s.entries = OneOf<std::size_t>(prng, {2, 40, 150, 400});
  s.workload.entries_max = OneOf<std::size_t>(prng, {60, 250, 500});
  s.workload.job_gap = OneOf<Nanos>(prng, {Millis(80), Millis(300), Millis(1500)});
  s.workload.step_gap = OneOf<Nanos>(prng, {Micros(20), Micros(500), Millis(20), Millis(150)});
  s.link.delay_max = OneOf<Nanos>(prng, {Micros(300), Millis(5), Millis(80)});
  s.link.break_one_in = OneOf<std::uint64_t>(prng, {0, 0, 3000, 300});
  WatchOptions& watch = s.agent.tree.watch;
  watch.whole = prng.Chance(1, 2);
  watch.merges = prng.Chance(2, 3);
  watch.records_max = OneOf<std::size_t>(prng, {64, 16384, 16384, 16384});
  watch.delay_max = OneOf<Nanos>(prng, {Micros(100), Millis(2), Millis(30)});
  s.agent.tree.operation_max = OneOf<Nanos>(prng, {Micros(10), Micros(300), Millis(5)});
  agent::Bus::Options& bus = s.agent.source.bus;
  bus.realtime_bytes_max = OneOf<std::size_t>(prng, {20'000, 1 << 20, 1 << 26});
  bus.scan_bytes_max = OneOf<std::size_t>(prng, {5'000, 1 << 25});
  bus.batch_rows_max = OneOf<std::size_t>(prng, {7, 100, 4000});
  s.agent.source.list_group = OneOf<std::size_t>(prng, {1, 8});
  s.agent.source.observer.lists_in_flight_max = OneOf<std::size_t>(prng, {2, 64});
  s.fusion.view.hot_file_threshold = OneOf<Nanos>(prng, {Seconds(5), Seconds(60)});
  s.fusion.pipe.session_timeout = OneOf<Nanos>(prng, {Seconds(6), Seconds(30)});
  // Where audits come often, the kernel may keep things to itself.
  s.fusion.pipe.audit_interval = OneOf<Nanos>(prng, {Seconds(43'200), Seconds(20), Seconds(60)});
  if (options.drop_one_in != 0) s.fusion.pipe.audit_interval = Seconds(43'200);
  const bool audits = s.fusion.pipe.audit_interval < kQuiet;
  watch.drop_one_in = audits ? OneOf<std::uint64_t>(prng, {0, 300, 20}) : options.drop_one_in;
  // Audits pass by what is unchanged; each file is looked at in one of so many. Sweeps come often.
  s.agent.source.observer.full_every = OneOf<std::uint32_t>(prng, {1, 2, 3});
  s.fusion.pipe.sentinel_interval = OneOf<Nanos>(prng, {Seconds(0), Seconds(7), Seconds(60)});
  // What scans miss goes at their end, but nothing is ever too much here.
  s.fusion.view.delete_fraction_max = OneOf(prng, {0.999'999, 1.0});
  s.fault_gap = OneOf<Nanos>(prng, {Seconds(4), Seconds(15), Seconds(60), Seconds(10'000)});
  s.text =
      std::string(watch.whole ? "fanotify" : "inotify") +
      (watch.whole && watch.merges ? "+merges" : "") +
      " records=" + std::to_string(watch.records_max) +
      (audits ? " audits-every=" + Milliseconds(s.fusion.pipe.audit_interval) : "") +
      (watch.drop_one_in != 0 ? " events-lost=1/" + std::to_string(watch.drop_one_in) : "") +
      " granularity=" + Milliseconds(s.fs.granularity) +
      (s.fs.reuse_inodes ? " inodes-reused" : "") + " entries=" + std::to_string(s.entries) + "/" +
      std::to_string(s.workload.entries_max) + " jobs-every=" + Milliseconds(s.workload.job_gap) +
      " bus=" + std::to_string(bus.realtime_bytes_max) + "/" + std::to_string(bus.scan_bytes_max) +
      "/" + std::to_string(bus.batch_rows_max) + " breaks=1/" +
      std::to_string(s.link.break_one_in) + " faults-every=" + Milliseconds(s.fault_gap);
  return s;
}

Setting ChooseAll(const World& world, const ConvergeOptions& options) {
  Setting setting = Choose(world.Derive("setting"), options);
  ChooseCheckpoints(world.Derive("checkpoints"), &setting.fusion);
  if (setting.fusion.keeps_checkpoints) setting.text += " checkpoints";
  return setting;
}

class Converge {
 public:
  explicit Converge(const ConvergeOptions& options)
      : options_(options),
        world_(options.seed),
        log_(world_, options.print),
        setting_(ChooseAll(world_, options)),
        faults_(world_.Derive("faults")),
        network_(world_, setting_.link),
        fs_(world_, setting_.fs),
        workload_(world_, fs_, setting_.workload),
        fusion_(world_, network_, log_, setting_.fusion),
        agent_(world_, network_, fs_, log_, setting_.agent),
        start_(world_.now()) {
    log_.Say(setting_.text);
    if (options.print) trace_.emplace(fs_, log_);
  }

  ConvergeReport Run() {
    workload_.Populate(setting_.entries);
    fusion_.Start();
    agent_.Start();
    Play();
    return ReportOf({world_, start_, fusion_, differences_, setting_.text, failed_when_,
                     workload_.calls(), fault_count_});
  }

 private:
  void Play() {
    busy_until_ = world_.now() + options_.busy;
    workload_.Start(busy_until_);
    FaultLater();
    if (!Watch(busy_until_)) return;
    EndFaults();
    const CheckOptions usual{.forgive_links = !options_.strict_links,
                             .forgive_blind_spots = setting_.agent.tree.watch.drop_one_in != 0};
    if (!Settle("after work and faults", usual)) return;
    workload_.Start(world_.now() + kCalmWork);
    if (!Watch(world_.now() + kCalmWork)) return;
    if (!Settle("after work without faults", usual)) return;
    agent_.Crash();
    world_.RunFor(Seconds(1));
    agent_.Start();
    Settle("after a restart of the agent", {.forgive_links = false});
  }

  // Lets time pass, and looks at what readers see now and then.
  bool Watch(Instant end) {
    while (world_.now() < end) {
      world_.RunUntil(std::min(end, world_.now() + kRevisionEvery));
      fusion_.KeepCheckpoint();
      const std::shared_ptr<fusion::View> view = fusion_.view();
      if (view == nullptr) continue;
      const Result<tree::Snapshot> snapshot = view->Pin();
      if (snapshot.ok()) CheckRevision(*snapshot, &differences_);
      if (!log_.first_error().empty()) differences_.Add("error logged: " + log_.first_error());
      if (Failed("a revision while it was busy")) return false;
    }
    return true;
  }

  bool Settle(const std::string& when, CheckOptions check) {
    while (!workload_.finished()) world_.RunFor(Seconds(1));
    world_.RunFor(kQuiet);
    for (int i = 0; i < 30 && !agent_.idle(); ++i) world_.RunFor(Seconds(1));
    if (!agent_.idle()) differences_.Add("the agent has not come to rest");
    CheckConverged(fs_, *fusion_.view(), check, &differences_);
    return !Failed(when);
  }

  bool Failed(const std::string& when) {
    if (differences_.empty()) return false;
    const auto seconds = std::chrono::duration_cast<Seconds>(world_.now() - start_).count();
    failed_when_ = when + ", at " + std::to_string(seconds) + " s";
    return true;
  }

  // --- Faults ------------------------------------------------------------------------------------

  Nanos UpTo(Nanos most) { return Nanos(faults_.Between(0, most.count())); }

  void FaultLater() {
    world_.After(UpTo(2 * setting_.fault_gap), [this] {
      if (world_.now() >= busy_until_) return;
      Fault();
      FaultLater();
    });
  }

  void Fault() {
    ++fault_count_;
    const Nanos length = UpTo(OneOf<Nanos>(faults_, {Millis(300), Seconds(5), Seconds(45)}));
    const std::string lasting = " for " + Milliseconds(length);
    switch (faults_.Below(10)) {
      case 0:
        log_.Say("FAULT data connection breaks");
        return network_.Break(agent_.name(), fusion_.name(), AgentHost::kDataLane);
      case 1:
        log_.Say("FAULT control connection breaks");
        return network_.Break(agent_.name(), fusion_.name(), AgentHost::kControlLane);
      case 2:
        log_.Say("FAULT partition" + lasting);
        return network_.Partition(agent_.name(), fusion_.name(), length);
      case 3:
        log_.Say("FAULT agent stands still" + lasting);
        if (agent_.running()) agent_.Pause(faults_.Chance(1, 4), length);
        return;
      case 4:
        log_.Say("FAULT fusion stands still" + lasting);
        if (fusion_.running()) fusion_.Pause(faults_.Next(), length);
        return;
      case 5:
        log_.Say("FAULT events are lost");
        if (agent_.running()) agent_.LoseEvents();
        return;
      case 6:
        log_.Say("FAULT the agent's clock is set");
        return agent_.SetClock(WrongBy());
      case 7:
        log_.Say("FAULT Fusion's clock is set");
        return fusion_.SetClock(WrongBy());
      case 8:
        log_.Say("FAULT agent crashes" + lasting);
        agent_.Crash();
        world_.After(length, [this] {
          if (!agent_.running()) agent_.Start();
        });
        return;
      default:
        log_.Say("FAULT fusion crashes" + lasting);
        fusion_.Crash();
        world_.After(length, [this] {
          if (!fusion_.running()) fusion_.Start();
        });
        return;
    }
  }

  Nanos WrongBy() {
    const Nanos most =
        OneOf<Nanos>(faults_, {Nanos(0), Millis(200), Seconds(90), Seconds(6 * 3600)});
    return Nanos(faults_.Between(-most.count(), most.count()));
  }

  void EndFaults() {
    log_.Say("the faults end");
    LinkQuality quality = setting_.link;
    quality.break_one_in = 0;
    network_.SetQuality(quality);
    // What was to start again later, or stands still, has done so by then.
    world_.RunFor(Seconds(46));
    if (!fusion_.running()) fusion_.Start();
    if (!agent_.running()) agent_.Start();
  }

  const ConvergeOptions options_;
  World world_;
  VirtualLog log_;
  const Setting setting_;
  Prng faults_;
  Network network_;
  FileSystem fs_;
  std::optional<TracedFileSystem> trace_;
  Workload workload_;
  FusionHost fusion_;
  AgentHost agent_;
  const Instant start_;
  Instant busy_until_;
  std::uint64_t fault_count_ = 0;
  Differences differences_;
  std::string failed_when_;
};

}  // namespace

ConvergeReport RunConverge(const ConvergeOptions& options) { return Converge(options).Run(); }

}  // namespace fustor::sim
