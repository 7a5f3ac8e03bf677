#include "sim/scenarios/converge.h"

#include <gtest/gtest.h>

#include "base/path.h"
#include "sim/scenarios/checker.h"

namespace fustor::sim {
namespace {

std::string Text(const ConvergeReport& report) {
  std::string text = report.setting + "\n" + report.failed_when + "\n";
  for (const std::string& line : report.differences) text += line + "\n";
  return text;
}

ConvergeOptions Short(std::uint64_t seed) {
  ConvergeOptions options;
  options.seed = seed;
  options.busy = Seconds(40);
  return options;
}

TEST(Converge, FusionShowsTheTruthWhenAllHasComeToRest) {
  std::uint64_t calls = 0;
  std::uint64_t faults = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const ConvergeReport report = RunConverge(Short(seed));
    EXPECT_TRUE(report.ok) << "seed " << seed << "\n" << Text(report);
    calls += report.calls;
    faults += report.faults;
  }
  EXPECT_GT(calls, 10'000u);
  EXPECT_GT(faults, 20u);
}

TEST(Converge, TheSameSeedIsTheSameRun) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const ConvergeReport one = RunConverge(Short(seed));
    const ConvergeReport two = RunConverge(Short(seed));
    EXPECT_EQ(one.hash, two.hash) << seed;
    EXPECT_EQ(one.steps, two.steps) << seed;
    EXPECT_NE(one.hash, RunConverge(Short(seed + 100)).hash);
  }
}

// A simulation that never fails proves nothing. (Sweeps and audits find some of what was lost.)
TEST(Converge, AWatcherThatLosesEventsInSilenceIsFound) {
  int failed = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    ConvergeOptions options = Short(seed);
    options.drop_one_in = 20;
    if (!RunConverge(options).ok) ++failed;
  }
  EXPECT_GE(failed, 6);
}

// --- The checker -------------------------------------------------------------------------------

// A view over a tree that a test fills.
class PlainView final : public fusion::View {
 public:
  const std::string& id() const override { return id_; }
  const std::string& driver() const override { return id_; }
  std::vector<std::string> source_uris() const override { return {}; }
  std::shared_ptr<const fusion::ViewStatus> status() const override {
    return std::make_shared<const fusion::ViewStatus>(state);
  }
  Result<tree::Snapshot> Pin() const override { return tree.Pin(); }
  env::Task<std::vector<fusion::SessionInfo>> ListSessions() override { co_return {}; }
  env::Task<std::vector<fusion::Arbiter::Suspect>> ListSuspects() override { co_return {}; }
  env::Task<fusion::Arbiter::BlindSpots> ListBlindSpots() override {
    co_return fusion::Arbiter::BlindSpots();
  }
  env::Task<Status> Reset() override { co_return Status(); }
  env::Task<std::size_t> Sweep(std::vector<fusion::Arbiter::Sighting>) override { co_return 0; }

  fusion::ViewStatus state;
  tree::Tree tree;

 private:
  const std::string id_ = "v";
};

class Checker : public testing::Test {
 protected:
  Checker() {
    view_.state.ready = true;
    const NodeId dir = *fs_.MakeDirectory({}, FileSystem::kRoot, "dir", 0755);
    fs_.Create({}, dir, "file", 0644).value();
    fs_.MakeSymlink({}, dir, "link", "file").value();
    for (const auto& [path, is] : fs_.Everything()) {
      tree::Entry entry;
      entry.attrs = is.attrs;
      entry.target = is.target;
      entry.flags = tree::kKnownByAgent;
      entries_[path] = entry;
    }
  }
  std::size_t Count() {
    view_.tree.PutRoot(entries_.at("/"));
    for (const auto& [path, entry] : entries_) {
      if (path == "/") continue;
      const auto [dir, name] = SplitPath(path);
      view_.tree.Put(view_.tree.EnsureDirectory(dir), name, entry);
    }
    view_.tree.Publish();
    Differences differences;
    CheckConverged(fs_, view_, {}, &differences);
    const Result<tree::Snapshot> snapshot = view_.Pin();
    Differences revision;
    CheckRevision(*snapshot, &revision);
    EXPECT_TRUE(revision.empty());
    return differences.count;
  }

  World world_{1};
  FileSystem fs_{world_, {}};
  PlainView view_;
  std::map<std::string, tree::Entry> entries_;
};

TEST_F(Checker, FindsNothingWhereAllIsRight) { EXPECT_EQ(Count(), 0u); }

TEST_F(Checker, FindsWhatIsMissing) {
  entries_.erase("/dir/file");
  EXPECT_EQ(Count(), 1u);
}

TEST_F(Checker, FindsWhatDoesNotExist) {
  entries_["/dir/zombie"] = entries_["/dir/file"];
  EXPECT_EQ(Count(), 1u);
}

TEST_F(Checker, ComparesEveryField) {
  entries_["/dir/link"].target = "elsewhere";
  EntryAttrs& attrs = entries_["/dir/file"].attrs;
  ++attrs.size_bytes;
  ++attrs.mtime_ns;
  ++attrs.ctime_ns;
  attrs.mode ^= 1;
  ++attrs.uid;
  ++attrs.gid;
  ++attrs.inode;
  attrs.allocated_bytes += 4096;
  EXPECT_EQ(Count(), 9u);
}

TEST_F(Checker, WaitsForTheFlagsToSettle) {
  for (const auto flag : {tree::kSuspect, tree::kImplied, tree::kUncertain}) {
    entries_["/dir"].flags = static_cast<std::uint8_t>(tree::kKnownByAgent | flag);
    EXPECT_EQ(Count(), 1u) << flag;
  }
  entries_["/dir"].flags = 0;
  EXPECT_EQ(Count(), 1u);
}

TEST_F(Checker, AsksTheStatusToo) {
  view_.state.ready = false;
  view_.state.suspect_count = 1;
  view_.state.uncertain.push_back({"/", {0}, {}});
  view_.state.refused = 1;
  EXPECT_EQ(Count(), 4u);
}

}  // namespace
}  // namespace fustor::sim
