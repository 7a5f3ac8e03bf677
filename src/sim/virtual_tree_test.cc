#include "sim/virtual_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/path.h"

namespace fustor::sim {
namespace {

using env::DirKey;
using env::ListedDir;
using env::ListRequest;
using env::StatRequest;
using env::StattedEntry;
using env::TreeEvent;
using Kind = TreeEvent::Kind;

constexpr Actor kMe;
constexpr NodeId kRoot = FileSystem::kRoot;

std::string Line(const TreeEvent& event) {
  static const std::map<Kind, std::string> names = {
      {Kind::kCreated, "created"},  {Kind::kRemoved, "removed"},  {Kind::kModified, "modified"},
      {Kind::kClosed, "closed"},    {Kind::kAttributes, "attrs"}, {Kind::kMoved, "moved"},
      {Kind::kMovedOut, "out"},     {Kind::kMovedIn, "in"},       {Kind::kDirGone, "gone"},
      {Kind::kOverflow, "overflow"}};
  std::string line = names.at(event.kind) + (event.is_directory ? " dir " : " ") +
                     std::to_string(event.dir.value) + "/" + event.name;
  if (event.kind == Kind::kMoved) {
    line += " -> " + std::to_string(event.to_dir.value) + "/" + event.to_name;
  }
  return line;
}

// A file system and one host that looks at it.
struct Rig {
  explicit Rig(std::uint64_t seed, ViewOptions options = {}, FileSystemOptions fs_options = {})
      : world(seed),
        clock(world.MakeClock()),
        executor(world.MakeExecutor("host", clock)),
        fs(world, fs_options),
        tree(std::make_unique<VirtualTree>(world, fs, clock, options)) {}

  static ViewOptions Halves() {
    ViewOptions options;
    options.watch.whole = false;
    return options;
  }

  ListedDir List(const std::string& path, std::uint32_t key, std::uint64_t inode = 0) {
    return BlockOn(world, executor, tree->List({ListRequest{{key}, path, inode, true}})).at(0);
  }
  StattedEntry Stat(const std::string& dir, const std::string& name, std::uint64_t inode = 0) {
    return BlockOn(world, executor, tree->Stat({StatRequest{{1}, dir, inode, name}})).at(0);
  }
  // What has happened until now is old when the first directory is covered.
  void Forget() { world.RunFor(Seconds(2)); }
  // All events of what has happened until now; halves of renames are put together.
  std::vector<TreeEvent> Events() {
    // A new name each time: a record of the old one must not take it in.
    const std::string marker = "marker" + std::to_string(++markers);
    fs.Create(kMe, kRoot, marker, 0644).value();
    std::vector<TreeEvent> events;
    for (bool seen = false; !seen;) {
      for (TreeEvent& event : BlockOn(world, executor, tree->NextEvents())) {
        seen = seen || (event.name == marker && event.kind == Kind::kCreated);
        if (!event.name.starts_with("marker")) Add(std::move(event), &events);
      }
    }
    EXPECT_TRUE(fs.Unlink(kMe, kRoot, marker).ok());
    return events;
  }
  static void Add(TreeEvent event, std::vector<TreeEvent>* events) {
    if (event.cookie != 0 && !events->empty() && events->back().cookie == event.cookie &&
        events->back().kind == Kind::kMovedOut) {
      TreeEvent& moved = events->back();
      moved.kind = Kind::kMoved;
      moved.to_dir = event.dir;
      moved.to_name = event.name;
      return;
    }
    events->push_back(std::move(event));
  }
  std::vector<std::string> Lines() {
    std::vector<std::string> lines;
    for (const TreeEvent& event : Events()) lines.push_back(Line(event));
    return lines;
  }

  World world;
  std::shared_ptr<HostClock> clock;
  VirtualExecutor& executor;
  FileSystem fs;
  std::unique_ptr<VirtualTree> tree;
  int markers = 0;
};

class BothMechanisms : public testing::TestWithParam<bool> {
 protected:
  static ViewOptions Options() {
    ViewOptions options;
    options.watch.whole = GetParam();
    return options;
  }
};
INSTANTIATE_TEST_SUITE_P(All, BothMechanisms, testing::Bool(),
                         [](const auto& param) { return param.param ? "Whole" : "Halves"; });

TEST_P(BothMechanisms, TellEveryKindOfChange) {
  Rig rig(1, Options());
  const NodeId sub = *rig.fs.MakeDirectory(kMe, kRoot, "sub", 0755);
  rig.fs.MakeDirectory(kMe, kRoot, "doomed", 0755).value();
  rig.fs.Create(kMe, kRoot, "old", 0644).value();
  rig.List("/", 1);
  rig.List("/sub", 2);
  rig.List("/doomed", 3);
  rig.fs.Create(kMe, kRoot, "new", 0644).value();
  const OpenId open = *rig.fs.Open(kRoot, "old");
  rig.fs.Write(kMe, open, 5);
  EXPECT_TRUE(rig.fs.Rename(kMe, kRoot, "old", sub, "moved").ok());
  rig.fs.Write(kMe, open, 6);  // Under its new name.
  rig.fs.Close(kMe, open);
  EXPECT_TRUE(rig.fs.SetMode(kMe, kRoot, "sub", 0700).ok());
  EXPECT_TRUE(rig.fs.RemoveDirectory(kMe, kRoot, "doomed").ok());
  EXPECT_TRUE(rig.fs.Unlink(kMe, kRoot, "new").ok());
  const std::vector<std::string> lines = rig.Lines();
  for (const char* line :
       {"created 1/new", "modified 1/old", "moved 1/old -> 2/moved", "modified 2/moved",
        "closed 2/moved", "attrs dir 2/", "removed dir 1/doomed", "gone dir 3/", "removed 1/new"}) {
    EXPECT_EQ(std::count(lines.begin(), lines.end(), line), 1) << line;
  }
  EXPECT_EQ(rig.tree->info().watches, 2u);
}

TEST_P(BothMechanisms, ADirectoryKeepsItsKeyAndTheNewestKeyWins) {
  Rig rig(1, Options());
  rig.fs.MakeDirectory(kMe, kRoot, "a", 0755).value();
  rig.Forget();
  rig.List("/", 1);
  rig.List("/a", 2);
  rig.List("/a", 3);
  EXPECT_EQ(rig.tree->info().watches, 2u);
  EXPECT_TRUE(rig.fs.Rename(kMe, kRoot, "a", kRoot, "b").ok());
  const NodeId b = *rig.fs.Resolve("/b");
  rig.fs.Create(kMe, b, "one", 0644).value();
  EXPECT_EQ(rig.Lines(), (std::vector<std::string>{"moved dir 1/a -> 1/b", "created 3/one"}));
  rig.tree->Unwatch({{3}, {99}});
  rig.fs.Create(kMe, b, "two", 0644).value();
  EXPECT_EQ(rig.Lines(), std::vector<std::string>());
}

TEST_P(BothMechanisms, AnUnwatchedEdgeMakesHalves) {
  Rig rig(1, Options());
  const NodeId out = *rig.fs.MakeDirectory(kMe, kRoot, "out", 0755);
  rig.fs.Create(kMe, kRoot, "leaves", 0644).value();
  rig.fs.Create(kMe, out, "comes", 0644).value();
  rig.Forget();
  rig.List("/", 1);
  EXPECT_TRUE(rig.fs.Rename(kMe, kRoot, "leaves", out, "x").ok());
  EXPECT_TRUE(rig.fs.Rename(kMe, out, "comes", kRoot, "y").ok());
  EXPECT_EQ(rig.Lines(), (std::vector<std::string>{"out 1/leaves", "in 1/y"}));
}

// A replica that only knows the events (and lists what appears) stays equal to the file system, as
// long as everything is read before the next change.
class Replica {
 public:
  explicit Replica(Rig& rig) : rig_(rig) { Enter("/"); }

  void Apply(const TreeEvent& event) {
    if (!names_.contains(event.dir) && event.kind != Kind::kMoved) return;
    switch (event.kind) {
      case Kind::kCreated:
      case Kind::kMovedIn:
        return Appear(event.dir, event.name);
      case Kind::kRemoved:
      case Kind::kMovedOut:
        names_[event.dir].erase(event.name);
        return;
      case Kind::kMoved: {
        const auto entry = names_[event.dir].extract(event.name);
        names_[event.to_dir].erase(event.to_name);
        if (!entry.empty()) names_[event.to_dir][event.to_name] = entry.mapped();
        return;
      }
      case Kind::kDirGone:
        names_.erase(event.dir);
        return;
      default:
        return;
    }
  }
  std::set<std::string> Paths() const {
    std::set<std::string> paths = {"/"};
    Collect({1}, "/", &paths);
    return paths;
  }

 private:
  DirKey Enter(const std::string& path) {
    const DirKey key{++last_key_};
    const ListedDir listed = rig_.List(path, key.value);
    EXPECT_TRUE(listed.status.ok() && listed.watch_status.ok()) << path;
    auto& names = names_[key];
    for (std::size_t i = 0; i < listed.children.size(); ++i) {
      const std::string name(listed.children.name(i));
      names[name] = DirKey{};
      if (!listed.children.attrs(i).is_directory()) continue;
      names[name] = Enter(JoinPath(path, name));
    }
    return key;
  }
  void Appear(DirKey dir, const std::string& name) {
    if (names_[dir].contains(name)) return;
    const std::string path = JoinPath(PathOf(dir), name);
    const Result<NodeId> node = rig_.fs.Resolve(path);
    if (!node.ok()) return;  // A second look that finds nothing.
    names_[dir][name] = rig_.fs.AttrsOf(*node).is_directory() ? Enter(path) : DirKey{};
  }
  std::string PathOf(DirKey dir) const {
    if (dir == DirKey{1}) return "/";
    for (const auto& [parent, names] : names_) {
      for (const auto& [name, key] : names) {
        if (key == dir) return JoinPath(PathOf(parent), name);
      }
    }
    return "?";
  }
  void Collect(DirKey dir, const std::string& path, std::set<std::string>* paths) const {
    const auto it = names_.find(dir);
    if (it == names_.end()) return;
    for (const auto& [name, key] : it->second) {
      paths->insert(JoinPath(path, name));
      if (key != DirKey{}) Collect(key, JoinPath(path, name), paths);
    }
  }

  Rig& rig_;
  std::uint32_t last_key_ = 0;
  std::map<DirKey, std::map<std::string, DirKey>> names_;
};

void DoSomething(FileSystem& fs, Prng& prng, std::uint32_t process) {
  const Actor actor{0, process};
  const auto dir = [&] { return fs.directories()[prng.Below(fs.directories().size())]; };
  const auto name = [&] { return std::string(1, static_cast<char>('a' + prng.Below(4))); };
  const NodeId at = dir();
  const std::string what = name();
  switch (prng.Below(6)) {
    case 0:
      return (void)fs.Create(actor, at, what, 0644);
    case 1:
      return (void)fs.MakeDirectory(actor, at, what, 0755);
    case 2:
      return (void)fs.Unlink(actor, at, what);
    case 3:
      return (void)fs.RemoveDirectory(actor, at, what);
    case 4:
      return (void)fs.Truncate(actor, at, what, 3);
    default:
      return (void)fs.Rename(actor, at, what, dir(), name());
  }
}

TEST_P(BothMechanisms, AReplicaOfTheEventsIsTheFileSystem) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    Rig rig(seed, Options());
    Prng prng(seed);
    for (int i = 0; i < 20; ++i) DoSomething(rig.fs, prng, 0);
    rig.Forget();
    Replica replica(rig);
    for (int step = 0; step < 150 && !testing::Test::HasFailure(); ++step) {
      DoSomething(rig.fs, prng, static_cast<std::uint32_t>(prng.Below(2)));
      for (const TreeEvent& event : rig.Events()) replica.Apply(event);
      std::set<std::string> truth;
      for (const auto& [path, is] : rig.fs.Everything()) truth.insert(path);
      EXPECT_EQ(replica.Paths(), truth) << "step " << step;
    }
    if (testing::Test::HasFailure()) return;
  }
}

// What a scanner relies on: whatever changes after the listing began is in the listing or in the
// events.
TEST_P(BothMechanisms, NothingFallsBetweenListingAndWatching) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    ViewOptions options = Options();
    options.readdir_names_max = 3;
    Rig rig(seed, options);
    Prng prng(seed);
    for (int i = 0; i < 10; ++i) rig.fs.Create(kMe, kRoot, "f" + std::to_string(i), 0644).value();
    for (int i = 0; i < 30; ++i) {
      rig.world.After(Micros(prng.Between(0, 400)),
                      [&rig, n = prng.Below(15), kind = prng.Below(3)] {
                        const std::string name = "f" + std::to_string(n);
                        if (kind == 0) (void)rig.fs.Create(kMe, kRoot, name, 0644);
                        if (kind == 1) (void)rig.fs.Unlink(kMe, kRoot, name);
                        if (kind == 2) (void)rig.fs.Truncate(kMe, kRoot, name, 77);
                      });
    }
    const ListedDir listed = rig.List("/", 1);
    rig.world.RunFor(Millis(1));
    std::set<std::string> told;
    for (const TreeEvent& event : rig.Events()) told.insert(event.name);
    for (int i = 0; i < 15; ++i) {
      const std::string name = "f" + std::to_string(i);
      if (told.contains(name)) continue;
      const std::size_t row = listed.children.FindSorted(name);
      const std::optional<NodeId> is = rig.fs.Find(kRoot, name);
      EXPECT_EQ(row < listed.children.size(), is.has_value()) << name;
      if (is && row < listed.children.size()) {
        EXPECT_EQ(listed.children.attrs(row), rig.fs.AttrsOf(*is)) << name;
      }
    }
  }
}

TEST(VirtualTree, AnswersToWhatIsNotThereAsThePosixTreeDoes) {
  Rig rig(1);
  const NodeId dir = *rig.fs.MakeDirectory(kMe, kRoot, "dir", 0755);
  rig.fs.Create(kMe, kRoot, "file", 0644).value();
  rig.fs.MakeSymlink(kMe, kRoot, "link", "dir").value();
  const std::uint64_t inode = rig.fs.AttrsOf(dir).inode;
  struct Case {
    const char* path;
    std::uint64_t inode;
    Code want;
  };
  for (const Case& c :
       {Case{"/dir", 0, Code::kOk}, Case{"/dir", inode, Code::kOk},
        Case{"/dir", inode + 1, Code::kAborted}, Case{"/no", 0, Code::kNotFound},
        Case{"/no/where", 0, Code::kNotFound}, Case{"/file", 0, Code::kFailedPrecondition},
        Case{"/file/x", 0, Code::kFailedPrecondition},
        Case{"/link", 0, Code::kFailedPrecondition}}) {
    SCOPED_TRACE(c.path);
    const ListedDir listed = rig.List(c.path, 5, c.inode);
    EXPECT_EQ(listed.status.code(), c.want);
    EXPECT_EQ(listed.watch_status.code(), c.want);
    EXPECT_EQ(listed.dir, DirKey{5});
  }
  EXPECT_EQ(rig.Stat("/", "file").status.code(), Code::kOk);
  EXPECT_EQ(rig.Stat("/", "link").target, "dir");
  EXPECT_EQ(rig.Stat("/dir", "", inode).attrs.inode, inode);
  EXPECT_EQ(rig.Stat("/", "no").status.code(), Code::kNotFound);
  EXPECT_EQ(rig.Stat("/no", "x").status.code(), Code::kAborted);
  EXPECT_EQ(rig.Stat("/dir", "x", inode + 1).status.code(), Code::kAborted);
}

TEST(VirtualTree, ADirectoryThatIsRemovedWhileItIsReadIsNotFound) {
  ViewOptions options;
  options.readdir_names_max = 1;
  int not_found = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Rig rig(seed, options);
    const NodeId dir = *rig.fs.MakeDirectory(kMe, kRoot, "dir", 0755);
    for (const char* name : {"a", "b", "c"}) rig.fs.Create(kMe, dir, name, 0644).value();
    rig.world.After(Micros(static_cast<std::int64_t>(seed * 10)), [&] {
      for (const char* name : {"a", "b", "c"}) (void)rig.fs.Unlink(kMe, dir, name);
      (void)rig.fs.RemoveDirectory(kMe, kRoot, "dir");
    });
    const ListedDir listed = rig.List("/dir", 2);
    if (listed.status.code() == Code::kNotFound) ++not_found;
    EXPECT_TRUE(listed.status.ok() || listed.status.code() == Code::kNotFound);
  }
  EXPECT_GT(not_found, 10);
}

TEST(VirtualTree, WatchesRunOutAndQueuesOverflow) {
  ViewOptions options = Rig::Halves();
  options.watch.watches_max = 1;
  options.watch.records_max = 8;
  Rig rig(1, options);
  rig.fs.MakeDirectory(kMe, kRoot, "dir", 0755).value();
  EXPECT_TRUE(rig.List("/", 1).watch_status.ok());
  const ListedDir refused = rig.List("/dir", 2);
  EXPECT_EQ(refused.watch_status.code(), Code::kResourceExhausted);
  EXPECT_TRUE(refused.status.ok());
  for (int i = 0; i < 20; ++i) rig.fs.Create(kMe, kRoot, "f" + std::to_string(i), 0644).value();
  const std::vector<TreeEvent> events = BlockOn(rig.world, rig.executor, rig.tree->NextEvents());
  const auto overflow = [](const TreeEvent& event) { return event.kind == Kind::kOverflow; };
  std::vector<TreeEvent> all = events;
  while (std::none_of(all.begin(), all.end(), overflow)) {
    for (TreeEvent& event : BlockOn(rig.world, rig.executor, rig.tree->NextEvents())) {
      all.push_back(std::move(event));
    }
  }
  EXPECT_EQ(all.size(), 9u);
  EXPECT_TRUE(overflow(all.back()));
  EXPECT_EQ(rig.tree->info().overflows, 1u);
}

TEST(VirtualTree, AttributesMayBeKeptForAWhile) {
  ViewOptions options;
  options.nfs = NfsOptions{.life_min = Seconds(3), .life_max = Seconds(3), .mount = 9};
  Rig rig(1, options);
  rig.fs.Create(kMe, kRoot, "f", 0644).value();
  EXPECT_EQ(rig.Stat("/", "f").attrs.size_bytes, 0);
  EXPECT_TRUE(rig.fs.Truncate(kMe, kRoot, "f", 9).ok());
  EXPECT_EQ(rig.Stat("/", "f").attrs.size_bytes, 0);
  rig.world.RunFor(Seconds(3));
  EXPECT_EQ(rig.Stat("/", "f").attrs.size_bytes, 9);
}

TEST(VirtualTree, ChangesOfAnotherMountAreNotHeardOnANetworkFileSystem) {
  ViewOptions options;
  options.watch.hears_other_mounts = false;
  options.watch.mount = 1;
  Rig rig(1, options);
  rig.List("/", 1);
  rig.fs.Create({2, 0}, kRoot, "theirs", 0644).value();
  rig.fs.Create({1, 0}, kRoot, "ours", 0644).value();
  const std::vector<TreeEvent> events = BlockOn(rig.world, rig.executor, rig.tree->NextEvents());
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(Line(events[0]), "created 1/ours");
}

env::Task<std::vector<TreeEvent>> StopThenAsk(VirtualTree* tree) {
  tree->StopEvents();
  co_return co_await tree->NextEvents();
}

TEST(VirtualTree, StoppedEventsAreEmpty) {
  Rig rig(1);
  EXPECT_TRUE(BlockOn(rig.world, rig.executor, StopThenAsk(rig.tree.get())).empty());
}

TEST(VirtualTree, WhatWaitsWhenTheTreeIsDestroyedIsUnavailable) {
  Rig rig(1);
  auto list = rig.tree->List({ListRequest{{1}, "/", 0, true}});
  // In the second turn, when the listing has begun.
  rig.executor.Post([&rig] {
    rig.executor.Post([&rig] { rig.world.After(Nanos(1), [&rig] { rig.tree = nullptr; }); });
  });
  const std::vector<ListedDir> listed = BlockOn(rig.world, rig.executor, std::move(list));
  EXPECT_EQ(listed.at(0).status.code(), Code::kUnavailable);
}

}  // namespace
}  // namespace fustor::sim
