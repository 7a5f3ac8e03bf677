// Random histories of a file system, seen by one or two agents that keep the contract of batch.h,
// against the file system itself. A failure prints its seed; FUSTOR_SEED=S runs that one alone,
// FUSTOR_SEEDS=N runs N of them, FUSTOR_TRACE=1 prints what is delivered.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>

#include "base/path.h"
#include "base/prng.h"
#include "svc/fusion/core/agent_model_testing.h"
#include "svc/fusion/core/arbiter.h"

namespace fustor::fusion {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kS = 1'000'000'000;

class World {
 public:
  World(std::uint64_t seed, std::uint16_t agents) : prng_(seed), arbiter_(Guarded(seed), tree_) {
    skew_ns_ = prng_.Between(-300, 300) * kS;
    now_ns_ = 1'700'000'000 * kS;
    // Against several agents only change times can tell what is newer.
    fs_.has_ctime = agents > 1 || prng_.Chance(3, 4);
    Pass(0);
    fs_.files["/"] = fs_.Fresh(EntryKind::kDirectory);
    for (std::uint64_t i = prng_.Below(15); i > 0; --i) ChangeSomething(nullptr);
    for (std::uint16_t i = 1; i <= agents; ++i) {
      agents_.push_back(
          Agent({.number = i, .hears_all = prng_.Chance(1, 2), .flaky = agents > 1}, fs_));
    }
  }

  // The changes of one agent's host are all there are, so once it has scanned, the tree is right
  // whenever everything that was sent has arrived.
  void RunOneTruthfulAgent() {
    Agent& agent = agents_[0];
    for (int step = 0; step < 300 && !testing::Test::HasFailure(); ++step) {
      Pass(prng_.Between(1, 2000) * kMs);
      Act(agent, prng_.Below(11));
      if (!agent.sent_all() || !agent.wire.empty()) continue;
      CheckRealtimeIsKept(agent);
      if (scanned_) CheckSame();
    }
    Settle();
    FullScan(agent, batch::Source::kSnapshot);
    CheckSame();
    CheckSuspectsEnd();
  }

  // Two agents and a writer that nobody watches: right after everything has arrived, tombstones
  // have had their time, and one full scan.
  void RunTwoAgents() {
    for (int step = 0; step < 400 && !testing::Test::HasFailure(); ++step) {
      Pass(prng_.Between(1, 2000) * kMs);
      Act(agents_[prng_.Below(2)], prng_.Below(13));
    }
    Settle();
    Pass(static_cast<std::int64_t>(Options().tombstone_ttl.count()) + kS);
    FullScan(agents_[prng_.Below(2)],
             prng_.Chance(1, 2) ? batch::Source::kAudit : batch::Source::kSnapshot);
    CheckSame();
    CheckSuspectsEnd();
  }

 private:
  static Arbiter::Options Options() { return {}; }
  // With every other seed what is missing goes at the end of a scan; never is it too much.
  static Arbiter::Options Guarded(std::uint64_t seed) {
    Arbiter::Options options = Options();
    if (seed % 2 == 0) options.delete_fraction_max = 0.999999;
    return options;
  }
  Now now() const { return {{now_ns_}, {now_ns_}}; }
  void Pass(std::int64_t ns) {
    now_ns_ += ns;
    fs_.now_ns = now_ns_ + skew_ns_;
  }

  void Act(Agent& agent, std::uint64_t what) {
    switch (what) {
      case 0:
      case 1:
      case 2:
        return ChangeSomething(&agent);
      case 3:
        return agent.FlushRealtime();
      case 4:
      case 5:
        return Deliver(agent);
      case 6:
        if (!agent.scanning() && !agent.deaf() && prng_.Chance(1, 4)) {
          agent.BeginScan(batch::Source::kSnapshot);
        }
        return agent.ListStep(prng_);
      case 7:
        return agent.SendOne();
      case 8:
      case 9:
        return agent.ListStep(prng_);
      case 10:
        return Hiccup(agent);
      default:
        return ChangeSomething(nullptr);
    }
  }
  void Hiccup(Agent& agent) {
    if (agent.deaf()) return agent.Recover();
    if (prng_.Chance(1, 2)) return agent.Relist(prng_);
    if (!prng_.Chance(1, 4)) return;
    agent.GoDeaf();
    scanned_ = false;
  }

  std::string Any(bool directory) {
    std::vector<std::string> paths;
    for (const auto& [path, attrs] : fs_.files) {
      if (!directory || attrs.is_directory()) paths.push_back(path);
    }
    return paths[prng_.Below(paths.size())];
  }
  std::string NewPath() {
    return JoinPath(Any(true), std::string(1, static_cast<char>('a' + prng_.Below(5))));
  }
  // `agent` hears of it; nobody does when it is nullptr.
  void Touched(Agent* agent, const std::string& path) {
    if (agent != nullptr) agent->SawUpsert(path);
  }
  void DirectoryChanged(Agent* agent, const std::string& path) {
    EntryAttrs& attrs = fs_.files.at(path);
    attrs.mtime_ns = fs_.now_ns;
    attrs.ctime_ns = fs_.ctime_ns();
    Touched(agent, path);
  }

  void ChangeSomething(Agent* agent) {
    Pass(1);
    const std::string path = NewPath();
    const std::string parent(SplitPath(path).first);
    switch (prng_.Below(8)) {
      case 0:
      case 1:
        return Create(agent, path, parent);
      case 7:
        return MoveIn(agent, path, parent);
      case 2:
      case 3:
        return Write(agent, Any(false));
      case 4:
        return Remove(agent, Any(false));
      default:
        return Rename(agent, Any(false), path);
    }
  }
  void Create(Agent* agent, const std::string& path, const std::string& parent) {
    if (fs_.files.contains(path)) return;
    EntryAttrs& attrs = fs_.files[path];
    attrs = fs_.Fresh(prng_.Chance(1, 3) ? EntryKind::kDirectory : EntryKind::kFile);
    if (prng_.Chance(1, 4)) attrs.mtime_ns -= prng_.Between(0, 1000) * kS;  // cp -p
    Touched(agent, path);
    DirectoryChanged(agent, parent);
  }
  // From outside: only the topmost directory is touched by it.
  void MoveIn(Agent* agent, const std::string& path, const std::string& parent) {
    if (fs_.files.contains(path)) return;
    fs_.files[path] = fs_.Fresh(EntryKind::kDirectory);
    std::string directory = path;
    for (std::uint64_t i = prng_.Below(5); i > 0; --i) {
      const std::string at =
          JoinPath(directory, std::string(1, static_cast<char>('a' + prng_.Below(5))));
      if (fs_.files.contains(at)) continue;
      const bool is_directory = prng_.Chance(1, 3);
      EntryAttrs attrs = fs_.Fresh(is_directory ? EntryKind::kDirectory : EntryKind::kFile);
      attrs.mtime_ns -= prng_.Between(0, 100'000) * kS;
      if (fs_.has_ctime) attrs.ctime_ns = attrs.mtime_ns;
      fs_.files[at] = attrs;
      if (is_directory) directory = at;
    }
    Touched(agent, path);
    DirectoryChanged(agent, parent);
  }
  void Write(Agent* agent, const std::string& path) {
    EntryAttrs& attrs = fs_.files.at(path);
    attrs.ctime_ns = fs_.ctime_ns();
    if (prng_.Chance(1, 4)) {  // touch -d
      attrs.mtime_ns = fs_.now_ns + prng_.Between(-1000, 100) * kS;
    } else if (!attrs.is_directory()) {
      attrs.mtime_ns = fs_.now_ns;
      attrs.size_bytes = static_cast<std::int64_t>(prng_.Below(100));
    }
    Touched(agent, path);
  }
  void Remove(Agent* agent, const std::string& path) {
    if (path == "/") return;
    const std::string parent(SplitPath(path).first);
    Files below = fs_.Below(path);
    if (below.size() > 5 && !prng_.Chance(1, 5)) return;
    const bool one_by_one = prng_.Chance(1, 2);  // Otherwise moved out of the tree in one go.
    for (auto it = below.rbegin(); it != below.rend(); ++it) {
      fs_.files.erase(it->first);
      if (one_by_one && agent != nullptr) agent->SawDelete(it->first);
    }
    fs_.files.erase(path);
    if (agent != nullptr) agent->SawDelete(path);
    DirectoryChanged(agent, parent);
  }
  void Rename(Agent* agent, const std::string& from, const std::string& to) {
    if (from == "/" || IsWithin(to, from) || IsWithin(from, to)) return;
    const auto target = fs_.files.find(to);
    if (target != fs_.files.end()) {
      if (target->second.is_directory() != fs_.IsDirectory(from)) return;
      if (!fs_.Below(to).empty()) return;
    }
    Files moved = fs_.Below(from);
    moved[from] = fs_.files.at(from);
    moved[from].ctime_ns = fs_.ctime_ns();
    for (const auto& [path, attrs] : moved) fs_.files.erase(path);
    for (const auto& [path, attrs] : moved) fs_.files[to + path.substr(from.size())] = attrs;
    if (agent != nullptr) agent->SawMove(from, to);
    Touched(agent, to);
    DirectoryChanged(agent, std::string(SplitPath(from).first));
    DirectoryChanged(agent, std::string(SplitPath(to).first));
  }

  void Deliver(Agent& agent) {
    if (agent.wire.empty()) return;
    const batch::Batch batch = std::move(agent.wire.front());
    agent.wire.pop_front();
    if (batch.mark == batch::ScanMark::kBegin) begun_at_[agent.number()] = now_ns_;
    const bool scan = batch.source != batch::Source::kRealtime;
    const std::int64_t since_ns =
        scan ? begun_at_[agent.number()] : now_ns_ - Options().hot_file_threshold.count();
    std::set<std::string> before;
    if (batch.blocks.size() == 1) {
      before = batch.blocks[0].complete ? ConfirmedByOthers(agent.number(), since_ns) : Paths();
    }
    if (std::getenv("FUSTOR_TRACE") != nullptr) Print(agent, batch);
    const Arbiter::Outcome outcome = arbiter_.Apply(batch, agent.session(), agent.number(), now());
    // Every row is counted once; deletes that hit something are counted by entries.
    const std::uint64_t counted = outcome.inserted + outcome.updated + outcome.unchanged +
                                  outcome.zombies + outcome.stale + outcome.refused +
                                  outcome.ignored + outcome.moved;
    EXPECT_LE(counted, outcome.rows);
    EXPECT_GE(counted + Deletes(batch), outcome.rows);
    if (outcome.scan_ended && !agent.deaf() && batch.scan_id >= agent.complete_from()) {
      scanned_ = true;
    }
    if (prng_.Chance(1, 2)) tree_.Publish();
    const std::set<std::string> after = Paths();
    for (const std::string& path : before) {
      if ((!scan || !batch.blocks[0].complete) && IsReplaced(batch, path)) continue;
      EXPECT_TRUE(after.contains(path)) << path << " is nothing that this listing could deny";
    }
  }
  static void Print(const Agent& agent, const batch::Batch& batch) {
    std::cerr << "agent " << agent.number() << " source " << int(batch.source) << " scan "
              << batch.scan_id << " mark " << int(batch.mark) << (batch.lost_events ? " lost" : "")
              << "\n";
    for (const batch::Change& change : batch.changes) {
      std::cerr << "  " << int(change.kind) << " " << change.old_path << " " << change.path
                << " inode " << change.attrs.inode << " ctime " << change.attrs.ctime_ns << "\n";
    }
    for (const batch::DirBlock& block : batch.blocks) {
      std::cerr << "  [" << block.path << "] inode " << block.self.inode << " ctime "
                << block.self.ctime_ns << (block.complete ? " complete" : "") << "\n";
      for (std::size_t i = 0; i < block.rows.size(); ++i) {
        std::cerr << "    " << block.rows.name(i) << " inode " << block.rows.attrs(i).inode
                  << " ctime " << block.rows.attrs(i).ctime_ns << "\n";
      }
      for (const std::string& name : block.exempt) std::cerr << "    exempt " << name << "\n";
    }
  }
  // The listing shows something else in its place or above it.
  bool IsReplaced(const batch::Batch& batch, const std::string& path) {
    for (const batch::DirBlock& block : batch.blocks) {
      if (!IsWithin(path, block.path) || path == block.path) continue;
      const std::size_t at = block.path == "/" ? 1 : block.path.size() + 1;
      const std::size_t end = path.find('/', at);
      if (end == std::string::npos) continue;
      const std::size_t row = block.rows.FindSorted(path.substr(at, end - at));
      if (row < block.rows.size() && !block.rows.attrs(row).is_directory()) return true;
    }
    return false;
  }
  std::uint64_t Deletes(const batch::Batch& batch) {
    std::uint64_t count = 0;
    for (const batch::Change& change : batch.changes) {
      if (change.kind == batch::Change::Kind::kDelete) ++count;
    }
    return count;
  }

  void Settle() {
    for (Agent& agent : agents_) agent.FinishAll(prng_);
    for (bool any = true; any;) {
      any = false;
      Agent& agent = agents_[prng_.Below(agents_.size())];
      Deliver(agent);
      for (const Agent& each : agents_) any |= !each.wire.empty();
      Pass(kS);
    }
  }
  void FullScan(Agent& agent, batch::Source source) {
    Pass(kS);
    agent.BeginScan(source);
    agent.FinishAll(prng_);
    while (!agent.wire.empty()) Deliver(agent);
  }

  void Walk(tree::DirId dir, const std::string& path,
            const std::function<void(const std::string&, const tree::Entry&)>& visit) {
    std::vector<std::pair<std::string, tree::DirId>> below;
    tree_.ForEachChild(dir, [&](std::string_view name, const tree::Entry& entry) {
      visit(JoinPath(path, name), entry);
      if (entry.attrs.is_directory()) below.emplace_back(JoinPath(path, name), entry.dir);
      return true;
    });
    for (const auto& [at, id] : below) Walk(id, at, visit);
  }
  std::set<std::string> Paths() {
    std::set<std::string> paths{"/"};
    Walk(tree::kRoot, "/", [&](const auto& path, const auto&) { paths.insert(path); });
    return paths;
  }
  std::set<std::string> ConfirmedByOthers(std::uint16_t reporter, std::int64_t since_ns) {
    std::set<std::string> paths;
    Walk(tree::kRoot, "/", [&](const auto& path, const tree::Entry& entry) {
      if (entry.reporter != reporter && entry.confirmed_ns >= since_ns) paths.insert(path);
    });
    return paths;
  }

  void CheckRealtimeIsKept(const Agent& agent) {
    const std::set<std::string> paths = Paths();
    for (const std::string& path : agent.realtime_known) {
      ASSERT_TRUE(paths.contains(path)) << path << " was reported in realtime";
    }
  }
  void CheckSame() {
    Files got;
    got["/"] = tree_.GetRoot().attrs;
    Walk(tree::kRoot, "/", [&](const auto& path, const auto& entry) { got[path] = entry.attrs; });
    for (const auto& [path, attrs] : fs_.files) {
      ASSERT_TRUE(got.contains(path)) << path << " is missing";
      ASSERT_EQ(got[path].inode, attrs.inode) << path;
      ASSERT_EQ(got[path].ctime_ns, attrs.ctime_ns) << path;
      ASSERT_TRUE(got[path] == attrs) << path;
    }
    for (const auto& [path, attrs] : got) {
      ASSERT_TRUE(fs_.files.contains(path)) << path << " is long gone";
    }
    CheckLists();
  }
  // Whoever is flagged is listed, and the other way round.
  void CheckLists() {
    std::set<std::string> flagged;
    Walk(tree::kRoot, "/", [&](const auto& path, const auto& entry) {
      if ((entry.flags & tree::kSuspect) != 0) flagged.insert(path);
    });
    std::set<std::string> listed;
    for (const auto& suspect : arbiter_.suspects(SIZE_MAX)) listed.insert(suspect.path);
    ASSERT_EQ(flagged, listed);
    const Result<void> sound = arbiter_.CheckInvariants();
    ASSERT_TRUE(sound.ok()) << sound.status().ToString();
  }
  void CheckSuspectsEnd() {
    Pass(2 * Options().hot_file_threshold.count());
    arbiter_.Tick(now(), SIZE_MAX);
    Pass(2 * Options().hot_file_threshold.count());
    arbiter_.Tick(now(), SIZE_MAX);
    ASSERT_EQ(arbiter_.suspect_count(), 0u);
    CheckLists();
  }

  Prng prng_;
  FileSystem fs_;
  tree::Tree tree_;
  Arbiter arbiter_;
  std::vector<Agent> agents_;
  std::int64_t now_ns_ = 0;
  std::int64_t skew_ns_ = 0;
  bool scanned_ = false;
  std::map<std::uint16_t, std::int64_t> begun_at_;
};

void ForSeeds(std::uint64_t count, const std::function<void(std::uint64_t)>& run) {
  const char* only = std::getenv("FUSTOR_SEED");
  const std::uint64_t first = only == nullptr ? 1 : std::strtoull(only, nullptr, 10);
  const char* more = std::getenv("FUSTOR_SEEDS");
  if (more != nullptr) count = std::strtoull(more, nullptr, 10);
  const std::uint64_t last = only == nullptr ? count : first;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    SCOPED_TRACE("FUSTOR_SEED=" + std::to_string(seed));
    run(seed);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(Convergence, OneTruthfulAgentIsAlwaysRight) {
  ForSeeds(400, [](std::uint64_t seed) { World(seed, 1).RunOneTruthfulAgent(); });
}

TEST(Convergence, TwoAgentsAndAnUnseenWriterAreRightAfterOneScan) {
  ForSeeds(400, [](std::uint64_t seed) { World(seed, 2).RunTwoAgents(); });
}

}  // namespace
}  // namespace fustor::fusion
