#include "sim/scenarios/share.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>

#include "sim/scenarios/checker.h"
#include "sim/scenarios/hosts.h"
#include "sim/scenarios/report.h"
#include "sim/scenarios/share_setting.h"
#include "sim/scenarios/trace.h"
#include "sim/scenarios/trust.h"
#include "sim/scenarios/witness.h"

namespace fustor::sim {
namespace {

constexpr Nanos kLookEvery = Seconds(3);
// The longest back-off, a session's time-out, and what stands still.
constexpr Nanos kReunion = Seconds(150);
constexpr Nanos kRemembered = Seconds(900);

ShareSetting Choose(const World& world) {
  ShareSetting setting = ChooseShare(world.Derive("setting"));
  ChooseCheckpoints(world.Derive("checkpoints"), &setting.fusion);
  if (setting.fusion.keeps_checkpoints) setting.text += " checkpoints";
  return setting;
}

class Share {
 public:
  explicit Share(const ConvergeOptions& options)
      : options_(options),
        world_(options.seed),
        log_(world_, options.print),
        setting_(Choose(world_)),
        faults_(world_.Derive("faults")),
        network_(world_, setting_.link),
        fs_(world_, setting_.fs),
        witness_(world_, fs_),
        trust_(world_, fs_, witness_,
               {.hot_file_threshold = setting_.fusion.view.hot_file_threshold}),
        fusion_(world_, network_, log_, setting_.fusion),
        start_(world_.now()) {
    log_.Say(setting_.text);
    if (options.print) trace_.emplace(fs_, log_);
    for (const WorkloadOptions& workload : setting_.workloads) {
      workloads_.push_back(std::make_unique<Workload>(world_, fs_, workload));
    }
    for (AgentHost::Options agent : setting_.agents) {
      agent.wrap = [this, name = agent.name](std::unique_ptr<agent::FusionLink> link) {
        return witness_.Wrap(std::move(link), name);
      };
      agents_.push_back(std::make_unique<AgentHost>(world_, network_, fs_, log_, std::move(agent)));
    }
    wanted_.assign(agents_.size(), false);
  }

  ConvergeReport Run() {
    fs_.MakeDirectory({}, FileSystem::kRoot, Workload::kNeverTouched, 0700).value();
    workloads_.front()->Populate(setting_.entries);
    fusion_.Start();
    Want(0);
    while (differences_.empty() && world_.now() - start_ < options_.busy) Act();
    std::uint64_t calls = 0;
    for (const auto& workload : workloads_) calls += workload->calls();
    return ReportOf(
        {world_, start_, fusion_, differences_, setting_.text, failed_when_, calls, fault_count_});
  }

 private:
  void Act() {
    // The others join while there is work.
    if (!setting_.exclusive) {
      for (std::size_t i = 0; i < agents_.size(); ++i) {
        world_.After(UpTo(Seconds(60)), [this, i] { Want(i); });
      }
    }
    busy_until_ = world_.now() + Seconds(60) + UpTo(OneOf({Seconds(60), Seconds(240)}));
    for (const auto& workload : workloads_) workload->Start(busy_until_);
    faults_on_ = true;
    FaultLater();
    if (!Watch(busy_until_)) return;
    EndFaults();
    if (!Watch(world_.now() + Seconds(46))) return;
    StartAll();
    const auto finished = [](const auto& workload) { return workload->finished(); };
    while (!std::ranges::all_of(workloads_, finished)) world_.RunFor(Seconds(1));
    if (!Watch(world_.now() + std::max(kReunion, setting_.cache_life_max))) return;
    WaitForAudits();
  }

  // Only a whole turn of audits has looked at every file: what is written in place, and what was
  // kept because it had just been confirmed, does not show in a directory's times. The first audit
  // may have begun too early.
  void WaitForAudits() {
    const Nanos interval = setting_.fusion.pipe.audit_interval;
    const std::uint64_t before = fusion_.view()->status()->audit_cycles;
    const std::uint64_t turn = 1 + setting_.full_every;
    const Instant patience = world_.now() + interval * (turn + 2) + Seconds(120);
    while (fusion_.view()->status()->audit_cycles < before + turn) {
      if (world_.now() >= patience) {
        differences_.Add("no audit has ended");
        return (void)Failed("waiting for an audit");
      }
      if (!Watch(world_.now() + Seconds(5))) return;
    }
    if (!Watch(world_.now() + setting_.fusion.view.hot_file_threshold + Seconds(5))) return;
    CheckConverged(fs_, *fusion_.view(), {.forgive_links = false, .forgive_blind_spots = true},
                   &differences_);
    (void)Failed("after quiet and a whole audit");
    witness_.ForgetBefore(Instant{world_.now().ns - kRemembered.count()});
  }

  bool Watch(Instant end) {
    while (world_.now() < end) {
      world_.RunUntil(std::min(end, world_.now() + kLookEvery));
      if (!log_.first_error().empty()) differences_.Add("error logged: " + log_.first_error());
      const std::shared_ptr<fusion::View> view = fusion_.view();
      fusion_.KeepCheckpoint();
      if (view != nullptr) {
        trust_.Look(*view, fusion_.starts(), Sessions(), &differences_);
      }
      for (const auto& agent : agents_) {
        trust_.LookAtLosses(agent->name(), LossesOf(*agent), &differences_);
      }
      if (Failed("while time passed")) return false;
    }
    return true;
  }

  // Agents whose session Fusion knows.
  std::vector<std::string> Sessions() const {
    std::vector<std::string> names;
    for (const auto& agent : agents_) {
      if (agent->running() && agent->connected()) names.push_back(agent->name());
    }
    return names;
  }

  static Trust::Losses LossesOf(const AgentHost& agent) {
    return {agent.starts(), agent.running() && agent.connected(), agent.overflows()};
  }

  bool Failed(const std::string& when) {
    if (differences_.empty()) return false;
    const auto seconds = std::chrono::duration_cast<Seconds>(world_.now() - start_).count();
    if (failed_when_.empty()) failed_when_ = when + ", at " + std::to_string(seconds) + " s";
    return true;
  }

  // --- Who runs ----------------------------------------------------------------------------------

  void Want(std::size_t i) {
    wanted_[i] = true;
    if (!agents_[i]->running()) agents_[i]->Start();
  }

  void StartAll() {
    if (!fusion_.running()) StartFusion();
    for (std::size_t i = 0; i < agents_.size(); ++i) {
      if (wanted_[i]) Want(i);
    }
  }

  void StartFusion() {
    witness_.OnFusionGone();
    fusion_.Start();
  }

  // Another agent is started, and the old one stops a little later.
  void TakeOver() {
    std::size_t now = 0;
    while (now + 1 < wanted_.size() && !wanted_[now]) ++now;
    const std::size_t next = faults_.Below(agents_.size());
    if (next == now) return;
    log_.Say("FAULT " + agents_[next]->name() + " takes over");
    Want(next);
    wanted_[now] = false;
    world_.After(UpTo(Seconds(3)), [this, now] {
      if (!wanted_[now]) agents_[now]->Crash();
    });
  }

  // --- Faults ------------------------------------------------------------------------------------

  Nanos OneOf(std::initializer_list<Nanos> values) {
    return values.begin()[faults_.Below(values.size())];
  }
  Nanos UpTo(Nanos most) { return Nanos(faults_.Between(0, most.count())); }
  Nanos WrongBy() {
    const Nanos most = OneOf({Nanos(0), Millis(200), Seconds(90), Seconds(6 * 3600)});
    return Nanos(faults_.Between(-most.count(), most.count()));
  }

  void FaultLater() {
    world_.After(UpTo(2 * setting_.fault_gap), [this] {
      if (!faults_on_) return;
      Fault();
      FaultLater();
    });
  }

  void Fault() {
    ++fault_count_;
    const Nanos length = UpTo(OneOf({Millis(300), Seconds(5), Seconds(45)}));
    const std::string lasting =
        " for " + std::to_string(std::chrono::duration_cast<Millis>(length).count()) + "ms";
    const std::size_t i = faults_.Below(agents_.size());
    AgentHost& agent = *agents_[i];
    const std::string& name = agent.name();
    switch (faults_.Below(11)) {
      case 0:
        log_.Say("FAULT data connection of " + name + " breaks");
        return network_.Break(name, fusion_.name(), AgentHost::kDataLane);
      case 1:
        log_.Say("FAULT control connection of " + name + " breaks");
        return network_.Break(name, fusion_.name(), AgentHost::kControlLane);
      case 2:
      case 3:
        log_.Say("FAULT partition of " + name + lasting);
        return network_.Partition(name, fusion_.name(), length);
      case 4:
        log_.Say("FAULT " + name + " stands still" + lasting);
        witness_.OnStandstill(name, length);
        if (agent.running()) agent.Pause(faults_.Chance(1, 4), length);
        return;
      case 5:
        log_.Say("FAULT fusion stands still" + lasting);
        if (fusion_.running()) fusion_.Pause(faults_.Next(), length);
        return;
      case 6:
        log_.Say("FAULT events of " + name + " are lost");
        if (agent.running()) agent.LoseEvents();
        return;
      case 7:
        if (!setting_.clocks_step) return;
        log_.Say("FAULT the clock of " + name + " is set");
        return agent.SetClock(WrongBy());
      case 8:
        if (setting_.exclusive) return TakeOver();
        if (!setting_.clocks_step) return;
        log_.Say("FAULT Fusion's clock is set");
        return fusion_.SetClock(WrongBy());
      case 9:
        log_.Say("FAULT " + name + " crashes" + lasting);
        agent.Crash();
        world_.After(length, [this, i] {
          if (wanted_[i]) Want(i);
        });
        return;
      default:
        log_.Say("FAULT fusion crashes" + lasting);
        fusion_.Crash();
        world_.After(length, [this] {
          if (!fusion_.running()) StartFusion();
        });
        return;
    }
  }

  void EndFaults() {
    log_.Say("the faults end");
    faults_on_ = false;
  }

  const ConvergeOptions options_;
  World world_;
  VirtualLog log_;
  const ShareSetting setting_;
  Prng faults_;
  Network network_;
  FileSystem fs_;
  Witness witness_;
  Trust trust_;
  std::optional<TracedFileSystem> trace_;
  std::vector<std::unique_ptr<Workload>> workloads_;
  FusionHost fusion_;
  std::vector<std::unique_ptr<AgentHost>> agents_;
  std::vector<bool> wanted_;
  const Instant start_;
  Instant busy_until_;
  bool faults_on_ = false;
  std::uint64_t fault_count_ = 0;
  Differences differences_;
  std::string failed_when_;
};

}  // namespace

ConvergeReport RunShare(const ConvergeOptions& options) { return Share(options).Run(); }

ConvergeReport RunSeed(const ConvergeOptions& options) {
  return options.seed % 4 == 0 ? RunConverge(options) : RunShare(options);
}

}  // namespace fustor::sim
