// The observer against a file system in memory that changes while it is looked at: whatever the
// order in which events, listings and stats arrive, what leaves the bus must lead to the truth.
#include "svc/agent/core/observer.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "base/prng.h"
#include "svc/agent/core/toy_work_testing.h"

namespace fustor::agent {
namespace {

class Run {
 public:
  Run(std::uint64_t seed, bool halves, bool losses, const Selection& selection)
      : prng_(seed), losses_(losses), fs_(prng_, halves), observer_(OptionsOf(selection), bus_) {}

  void Play(int steps) {
    for (int i = 0; i < 30; ++i) fs_.RandomOperation();
    observer_.StartScan();
    for (int i = 0; i < steps; ++i) Step(/*change=*/true);
    Rest();
  }
  void LoseInSilence() { silent_ = true; }
  const Observer::Counters& counters() const { return observer_.counters(); }
  void WithJobs() { with_jobs_ = true; }
  void Job(const std::string& path) {
    observer_.StartJob("job-" + std::to_string(++jobs_), path, true);
    Rest();
  }
  bool JobsEnded() const { return jobs_ended_ == jobs_ && observer_.job_count() == 0; }
  void Audit() {
    EXPECT_TRUE(observer_.StartAudit());
    EXPECT_FALSE(observer_.StartAudit());
    Rest();
  }
  bool AtRest() const {
    return fs_.quiet() && bus_.empty() && work_.empty() && !observer_.scanning() &&
           !observer_.NextDue();
  }
  std::map<std::string, EntryAttrs> Truth(const Selection& selection) const {
    return fs_.Truth(selection);
  }
  const std::map<std::string, EntryAttrs>& Seen() const { return view_.rows(); }

 private:
  void Rest() {
    work_.Ask(now_);
    for (int i = 0; i < 200'000 && !AtRest(); ++i) Step(/*change=*/false);
  }
  static Observer::Options OptionsOf(const Selection& selection) {
    Observer::Options options;
    options.selection = selection;
    options.full_every = 3;
    return options;
  }
  void Step(bool change) {
    now_ = now_ + Millis(prng_.Below(change ? 20 : 100));
    switch (prng_.Below(change ? 7 : 5)) {
      case 0:
        observer_.OnEvents(fs_.TakeEvents(1 + prng_.Below(6)), now_);
        break;
      case 1:
        work_.StepList(now_);
        break;
      case 2:
        work_.StepStat(now_);
        break;
      case 3:
        if (std::optional<batch::Batch> batch = bus_.Take(observer_.dirs())) {
          const bool job = batch->source == batch::Source::kJob;
          jobs_ended_ += job && batch->mark == batch::ScanMark::kEnd ? 1 : 0;
          view_.Apply(*batch);
        }
        break;
      case 4:
        observer_.Tick(now_);
        break;
      default:
        fs_.RandomOperation();
        if (with_jobs_ && prng_.Chance(1, 20)) {
          observer_.StartJob("job-" + std::to_string(++jobs_), AnyToyPath(&prng_),
                             prng_.Chance(1, 2));
        }
        if (losses_ && prng_.Chance(1, 150)) fs_.Lose();
        if (silent_ && prng_.Chance(1, 20)) fs_.LoseInSilence();
    }
    work_.Ask(now_);
  }

  Prng prng_;
  const bool losses_;
  bool silent_ = false;
  bool with_jobs_ = false;
  std::uint64_t jobs_ = 0;
  std::uint64_t jobs_ended_ = 0;
  Instant now_{1'000'000'000};
  ToyFs fs_;
  Bus bus_;
  Observer observer_;
  ToyView view_;
  ToyWork work_{prng_, fs_, observer_};
};

// FUSTOR_OBSERVER_SEEDS=3000 looks further.
std::uint64_t Seeds() {
  const char* text = std::getenv("FUSTOR_OBSERVER_SEEDS");
  return text == nullptr ? 400 : std::strtoull(text, nullptr, 10);
}

void Converges(bool halves, bool losses, const Selection& selection = {}) {
  for (std::uint64_t seed = 1; seed <= Seeds(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Run run(seed, halves, losses, selection);
    run.Play(600);
    ASSERT_TRUE(run.AtRest()) << "it never came to rest";
    ASSERT_EQ(Print(run.Seen()), Print(run.Truth(selection)));
  }
}

TEST(Observer, ConvergesWithWholeRenames) { Converges(false, false); }
TEST(Observer, ConvergesWithHalvesOfRenames) { Converges(true, false); }
TEST(Observer, ConvergesWhenEventsAreLost) { Converges(false, true); }
TEST(Observer, ConvergesWhenHalvesAreLost) { Converges(true, true); }
void AuditsHeal(bool as_job) {
  std::uint64_t differed = 0;
  std::uint64_t silent = 0;
  for (std::uint64_t seed = 1; seed <= Seeds(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Run run(seed, seed % 2 == 0, seed % 3 == 0, {});
    run.LoseInSilence();
    run.Play(600);
    ASSERT_TRUE(run.AtRest());
    differed += Print(run.Seen()) != Print(run.Truth({})) ? 1 : 0;
    for (int turn = 0; turn < (as_job ? 1 : 3); ++turn) as_job ? run.Job("/") : run.Audit();
    ASSERT_TRUE(run.AtRest());
    silent += run.counters().directories_silent;
    ASSERT_EQ(Print(run.Seen()), Print(run.Truth({})));
  }
  EXPECT_GT(differed, Seeds() / 4) << "the test loses too little";
  if (!as_job) EXPECT_GT(silent, Seeds()) << "the audits read everything";
}

TEST(Observer, AnAuditFindsWhatNoEventTold) { AuditsHeal(false); }
TEST(Observer, AJobFindsWhatNoEventTold) { AuditsHeal(true); }

void ConvergesWithJobs() {
  for (std::uint64_t seed = 1; seed <= Seeds(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Selection selection = seed % 4 == 0 ? Selection({"b", "/c/d"}, "*") : Selection();
    Run run(seed, seed % 2 == 0, seed % 3 == 0, selection);
    run.WithJobs();
    run.Play(600);
    ASSERT_TRUE(run.AtRest());
    ASSERT_TRUE(run.JobsEnded());
    ASSERT_EQ(Print(run.Seen()), Print(run.Truth(selection)));
  }
}
TEST(Observer, ConvergesWhateverJobsAskFor) { ConvergesWithJobs(); }

// Answers the listings of one directory after the other.
struct Rooted {
  Bus bus;
  Observer observer{{}, bus};
  std::size_t AnswerAll(const std::function<env::ListedDir(const env::ListRequest&)>& list) {
    std::size_t reported = 0;
    for (std::vector<env::ListRequest> asked = observer.TakeLists(); !asked.empty();
         asked = observer.TakeLists()) {
      for (const env::ListRequest& one : asked) {
        std::vector<env::ListedDir> answer;
        answer.push_back(list(one));
        answer.back().dir = one.dir;
        observer.OnListed(std::move(answer), Instant{1});
      }
    }
    while (std::optional<batch::Batch> batch = bus.Take(observer.dirs())) {
      reported += batch->blocks.size();
      last_mark = batch->mark;
    }
    return reported;
  }
  batch::ScanMark last_mark = batch::ScanMark::kNone;
};

// What others have told of the name since may be something else.
TEST(Observer, AMoveSaysWhatHasMoved) {
  Rooted rooted;
  rooted.observer.StartScan();
  rooted.AnswerAll([](const env::ListRequest& request) {
    env::ListedDir dir;
    dir.self.kind = EntryKind::kDirectory;
    EntryAttrs child = dir.self;
    child.inode = 7;
    if (request.path == "/") dir.children.Append("known", child);
    if (request.path == "/known") dir.self.inode = 7;
    return dir;
  });
  std::vector<env::TreeEvent> events;
  for (const auto& [name, is_directory] :
       {std::pair{"known", true}, {"not-yet-listed", true}, {"file", false}}) {
    env::TreeEvent& event = events.emplace_back();
    event.kind = env::TreeEvent::Kind::kMoved;
    event.is_directory = is_directory;
    event.dir = event.to_dir = DirTable::kRoot;
    event.name = name;
    event.to_name = "new-" + event.name;
  }
  rooted.observer.OnEvents(std::move(events), Instant{1});
  std::vector<std::string> told;
  while (const std::optional<batch::Batch> batch = rooted.bus.Take(rooted.observer.dirs())) {
    for (const batch::Change& change : batch->changes) {
      told.push_back(change.old_path + " " + std::to_string(static_cast<int>(change.moved)) + " " +
                     std::to_string(change.moved_inode));
    }
  }
  const std::vector<std::string> expected = {"/known 1 7", "/not-yet-listed 1 0", "/file 2 0"};
  EXPECT_EQ(told, expected);
}

TEST(Observer, AnAuditOfWhatIsNotThereDeletesNothing) {
  const auto listed = [](const env::ListRequest& request) {
    env::ListedDir dir;
    dir.self.kind = EntryKind::kDirectory;
    dir.self.device = 1;
    EntryAttrs child;
    child.kind = EntryKind::kDirectory;
    if (request.path == "/") dir.children.Append("a", child);
    return dir;
  };
  const auto empty = [](const env::ListRequest&) {
    env::ListedDir dir;
    dir.self.kind = EntryKind::kDirectory;
    dir.self.device = 1;
    return dir;
  };
  const auto other_device = [&](const env::ListRequest& request) {
    env::ListedDir dir = listed(request);
    dir.self.device = 2;
    return dir;
  };
  const auto unreadable = [](const env::ListRequest&) {
    env::ListedDir dir;
    dir.status = Status(Code::kUnavailable, "Input/output error");
    return dir;
  };
  Rooted rooted;
  rooted.observer.StartScan();
  EXPECT_EQ(rooted.AnswerAll(listed), 2u);
  std::uint64_t stopped = 0;
  for (const auto& broken : {std::function<env::ListedDir(const env::ListRequest&)>(empty),
                             {other_device},
                             {unreadable}}) {
    ASSERT_TRUE(rooted.observer.StartAudit());
    EXPECT_EQ(rooted.AnswerAll(broken), 0u);
    EXPECT_NE(rooted.last_mark, batch::ScanMark::kEnd);
    EXPECT_EQ(rooted.observer.counters().audits_stopped, ++stopped);
    EXPECT_FALSE(rooted.observer.scanning());
    EXPECT_EQ(rooted.observer.dirs().size(), 2u) << "what is known stays known";
  }
  ASSERT_TRUE(rooted.observer.StartAudit());
  EXPECT_EQ(rooted.AnswerAll(listed), 2u);
  EXPECT_EQ(rooted.last_mark, batch::ScanMark::kEnd);
}

// Four directories and two watches: those keep theirs, or get one, that changed last.
TEST(Observer, WithTooFewWatchesTheLatestChangesCount) {
  std::map<std::string, std::int64_t> changed = {{"/", 40}, {"/a", 10}, {"/b", 30}, {"/c", 20}};
  std::set<std::uint32_t> watched;
  const auto list = [&](Rooted& rooted, const env::ListRequest& request) {
    for (const env::DirKey dir : rooted.observer.TakeUnwatched()) watched.erase(dir.value);
    env::ListedDir dir;
    dir.self.kind = EntryKind::kDirectory;
    dir.self.mtime_ns = dir.self.ctime_ns = changed.at(request.path);
    if (!watched.contains(request.dir.value) && watched.size() == 2) {
      dir.watch_status = Status(Code::kResourceExhausted, "no watches are left");
    } else {
      watched.insert(request.dir.value);
    }
    EntryAttrs child;
    child.kind = EntryKind::kDirectory;
    for (const auto& [path, when] : changed) {
      if (request.path == "/" && path != "/") dir.children.Append(path.substr(1), child);
    }
    return dir;
  };
  Rooted rooted;
  const auto answer = [&](const env::ListRequest& request) { return list(rooted, request); };
  const auto watched_paths = [&] {
    std::set<std::string> paths;
    for (const std::uint32_t dir : watched) {
      paths.insert(rooted.observer.dirs().PathOf(env::DirKey{dir}));
    }
    return paths;
  };
  rooted.observer.StartScan();
  EXPECT_EQ(rooted.AnswerAll(answer), 4u) << "each directory is told once";
  EXPECT_EQ(rooted.last_mark, batch::ScanMark::kEnd);
  EXPECT_EQ(watched_paths(), (std::set<std::string>{"/", "/b"}));
  EXPECT_EQ(rooted.observer.watched(), 2u);

  changed["/a"] = 50;
  ASSERT_TRUE(rooted.observer.StartAudit());
  EXPECT_EQ(rooted.AnswerAll(answer), 4u);
  EXPECT_EQ(rooted.last_mark, batch::ScanMark::kEnd);
  EXPECT_EQ(watched_paths(), (std::set<std::string>{"/", "/a"}));
}

TEST(Observer, LeavesOutNames) {
  Converges(false, true, Selection({"b", "c/"}, "[!e]"));
  Converges(true, true, Selection({"b", "c/"}, "[!e]"));
}
TEST(Observer, LeavesOutPaths) {
  Converges(false, true, Selection({"/a/*b", "/c/d/"}, "*"));
  Converges(true, true, Selection({"/a/*b", "/c/d/"}, "*"));
}

TEST(Selection, NamesPathsAndFiles) {
  const Selection selection({"*.tmp", "/proc", "cache/", "/a/*/x"}, "[!z]*");
  struct Case {
    const char* directory;
    const char* name;
    bool is_directory;
    bool left_out;
  };
  const Case cases[] = {
      {"/", "f.tmp", false, true},  {"/q", "f.tmp", true, true},  {"/", "proc", true, true},
      {"/q", "proc", true, false},  {"/", "cache", false, false}, {"/q", "cache", true, true},
      {"/a/b/c", "x", false, true}, {"/a", "x", false, false},    {"/", "zebra", false, true},
      {"/", "zebra", true, false},  {"/", "tmp", false, false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(selection.LeavesOut(c.directory, c.name, c.is_directory), c.left_out)
        << c.directory << " " << c.name;
  }
  EXPECT_TRUE(Selection({}, "*").everything());
  EXPECT_TRUE(Selection::Check("a*").ok() && Selection::Check("/a/b").ok());
  for (const char* bad : {"", "/", "a/b"}) EXPECT_FALSE(Selection::Check(bad).ok()) << bad;
}

}  // namespace
}  // namespace fustor::agent
