// What an audit reads again, and what it passes by.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/path.h"
#include "svc/agent/core/observer.h"

namespace fustor::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr std::int64_t kSecondNs = 1'000'000'000;

TEST(ListedTimes, KnowsWhatMayStillChangeUnseen) {
  struct Case {
    const char* why;
    bool remote;
    double mtime, ctime, started_at, newest;
    bool clean;
  };
  const Case cases[] = {
      {"long ago", false, 10.1, 10.1, 20, 0, true},
      {"within a tick of the kernel's clock", false, 10.1, 10.1, 10.105, 0, false},
      {"just past it", false, 10.1, 10.1, 10.13, 0, true},
      {"a file system of whole seconds", false, 10, 10, 11.5, 0, false},
      {"the same, later", false, 10, 10, 12.5, 0, true},
      {"an mtime that was set to the future tells nothing", false, 99.5, 10.1, 20, 0, true},
      {"a ctime that was just changed does", false, 1.5, 19.999, 20, 0, false},
      {"no ctime", false, 10.1, 0, 20, 0, true},
      {"no ctime, and fresh", false, 19.999, 0, 20, 0, false},
      {"a clock that was set back", false, 10.1, 10.1, 5, 0, false},
      {"another host's clock: ours says nothing", true, 10.1, 10.1, 1000, 10.1, false},
      {"it has made later times", true, 10.1, 10.1, 1000, 13.1, true},
      {"not late enough", true, 10.1, 10.1, 1000, 12, false},
      {"clocks are not a day apart", true, 10.1, 10.1, 100'000, 10.1, true},
  };
  const auto ns = [](double seconds) {
    return static_cast<std::int64_t>(seconds * 1e3) * 1'000'000;
  };
  for (const Case& c : cases) {
    env::ListedDir listed;
    listed.remote = c.remote;
    listed.self.mtime_ns = ns(c.mtime);
    listed.self.ctime_ns = ns(c.ctime);
    listed.started_at = WallTime{ns(c.started_at)};
    EXPECT_EQ(ListedTimes::IsClean(listed, ns(c.newest)), c.clean) << c.why;
  }
}

// Directories by path; who lists one is told whether it is as known.
class AuditTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kFullEvery = 4;

  AuditTest() {
    Put("/", 1);
    for (const char* path : {"/a", "/a/b", "/a/b/c", "/d", "/e", "/f"}) Put(path, 2);
  }
  void Put(const std::string& path, int second) {
    EntryAttrs& attrs = dirs_[path];
    attrs.kind = EntryKind::kDirectory;
    if (attrs.inode == 0) attrs.inode = 100 + dirs_.size();
    attrs.mtime_ns = attrs.ctime_ns = second * kSecondNs + 1;
  }
  env::ListedDir List(const env::ListRequest& request) {
    env::ListedDir listed;
    listed.dir = request.dir;
    listed.started_at = WallTime{1000 * kSecondNs};
    listed.remote = remote_;
    if (failing_ == request.path) {
      listed.status = Status(Code::kPermissionDenied, "permission denied");
      return listed;
    }
    listed.self = dirs_.at(request.path);
    listed.unchanged = request.known.Is(listed.self);
    (listed.unchanged ? silent_ : read_).insert(request.path);
    if (listed.unchanged) return listed;
    for (const auto& [path, attrs] : dirs_) {
      const auto [parent, name] = SplitPath(path);
      if (!name.empty() && parent == request.path) listed.children.Append(name, attrs);
    }
    if (!files_) return listed;
    EntryAttrs file;
    file.mtime_ns = file.ctime_ns = newest_ns_;
    listed.children.Append("zfile", file);
    return listed;
  }
  // What was read in it; what was sent is in `blocks_`.
  std::set<std::string> Finish() {
    read_.clear();
    silent_.clear();
    blocks_.clear();
    for (std::vector<env::ListRequest> asked = observer_.TakeLists(); !asked.empty();
         asked = observer_.TakeLists()) {
      for (const env::ListRequest& one : asked) {
        std::vector<env::ListedDir> answer;
        answer.push_back(List(one));
        observer_.OnListed(std::move(answer), Instant{1});
      }
    }
    while (std::optional<batch::Batch> batch = bus_.Take(observer_.dirs())) {
      for (batch::DirBlock& block : batch->blocks) blocks_.push_back(std::move(block));
      if (batch->mark == batch::ScanMark::kBegin) full_every_told_ = batch->full_every;
      last_mark_ = batch->mark;
    }
    return read_;
  }
  std::set<std::string> Scan() {
    observer_.StartScan();
    return Finish();
  }
  std::set<std::string> Audit() {
    EXPECT_TRUE(observer_.StartAudit());
    return Finish();
  }

  static Observer::Options OptionsOf() {
    Observer::Options options;
    options.full_every = kFullEvery;
    return options;
  }
  std::map<std::string, EntryAttrs> dirs_;
  bool remote_ = false;
  bool files_ = true;
  std::int64_t newest_ns_ = 0;
  std::string failing_;
  std::set<std::string> read_;
  std::set<std::string> silent_;
  std::vector<batch::DirBlock> blocks_;
  std::uint32_t full_every_told_ = 0;
  batch::ScanMark last_mark_ = batch::ScanMark::kNone;
  Bus bus_;
  Observer observer_{OptionsOf(), bus_};
};

TEST_F(AuditTest, ReadsEachDirectoryInOneOfSoManyAudits) {
  EXPECT_THAT(Scan(), SizeIs(7));
  std::map<std::string, int> times;
  for (std::uint32_t audit = 0; audit < 3 * kFullEvery; ++audit) {
    for (const std::string& path : Audit()) ++times[path];
    EXPECT_EQ(read_.size() + silent_.size(), 7u) << "every directory is looked at";
    EXPECT_THAT(blocks_, SizeIs(7));
    for (const batch::DirBlock& block : blocks_) {
      EXPECT_EQ(block.silent, silent_.contains(block.path)) << block.path;
      EXPECT_EQ(block.complete, !block.silent) << block.path;
      EXPECT_EQ(block.rows.empty(), block.silent) << block.path;
      EXPECT_EQ(block.self, dirs_.at(block.path)) << block.path;
    }
    EXPECT_EQ(full_every_told_, kFullEvery);
    EXPECT_EQ(last_mark_, batch::ScanMark::kEnd);
  }
  for (const auto& [path, attrs] : dirs_) EXPECT_EQ(times[path], 3) << path;
  EXPECT_EQ(observer_.counters().directories_silent, 7u * 3 * (kFullEvery - 1));
}

TEST_F(AuditTest, ReadsWhatHasChangedWheneverItsTurnIs) {
  Scan();
  for (int second = 3; second < 20; ++second) {
    Put("/a/b", second);
    EXPECT_TRUE(Audit().contains("/a/b"));
    EXPECT_TRUE(silent_.contains("/a/b/c") || read_.contains("/a/b/c")) << "it goes below";
  }
}

TEST_F(AuditTest, FindsAndForgetsDirectoriesThroughTheirParents) {
  Scan();
  Put("/d/new", 5);
  Put("/d", 5);
  EXPECT_TRUE(Audit().contains("/d/new")) << "it was never read";
  dirs_.erase("/d/new");
  Put("/d", 6);
  Audit();
  EXPECT_EQ(observer_.dirs().size(), 7u);
}

TEST_F(AuditTest, AnotherDirectoryUnderTheSameNameIsRead) {
  Scan();
  dirs_.at("/e").inode = 999;
  Put("/", 9);
  EXPECT_TRUE(Audit().contains("/e"));
}

TEST_F(AuditTest, ANewScanForgetsWhatWasRead) {
  Scan();
  Scan();
  observer_.StartWatching();
  EXPECT_THAT(Finish(), SizeIs(7));
  EXPECT_THAT(Audit(), SizeIs(7)) << "what a follower reads it does not tell";
  EXPECT_LT(Audit().size(), 7u);
}

TEST_F(AuditTest, LostEventsForgetWhatWasRead) {
  Scan();
  std::vector<env::TreeEvent> events(1);
  events[0].kind = env::TreeEvent::Kind::kOverflow;
  observer_.OnEvents(std::move(events), Instant{1});
  EXPECT_THAT(Finish(), SizeIs(7));
}

// Nothing is mounted there, it may be. Half of a rename that was seen says that it is not so.
TEST_F(AuditTest, AnEmptyRootStopsItUnlessTheLastDirectoryIsOnTheMove) {
  for (const std::string_view path : {"/a/b/c", "/a/b", "/d", "/e", "/f"}) {
    dirs_.erase(std::string(path));
  }
  files_ = false;
  Scan();
  dirs_.erase("/a");
  Put("/", 3);
  Audit();
  EXPECT_EQ(observer_.counters().audits_stopped, 1u);

  std::vector<env::TreeEvent> events(1);
  events[0].kind = env::TreeEvent::Kind::kMovedOut;
  events[0].dir = DirTable::kRoot;
  events[0].name = "a";
  events[0].is_directory = true;
  events[0].cookie = 7;
  observer_.OnEvents(std::move(events), Instant{1});
  Audit();
  EXPECT_EQ(observer_.counters().audits_stopped, 1u);
  EXPECT_EQ(last_mark_, batch::ScanMark::kEnd);
}

TEST_F(AuditTest, WhatCouldNotBeReadIsNotPassedBy) {
  failing_ = "/f";
  Scan();
  for (int i = 0; i < 8; ++i) {
    Audit();
    EXPECT_FALSE(silent_.contains("/f"));
  }
  failing_.clear();
  EXPECT_TRUE(Audit().contains("/f"));
}

TEST_F(AuditTest, TheNewestDirectoriesOfAnotherHostAreRead) {
  remote_ = true;
  newest_ns_ = 3 * kSecondNs;
  Scan();
  EXPECT_THAT(Audit(), SizeIs(7)) << "any of them may be of the second that is still running";
  newest_ns_ = 30 * kSecondNs;
  Audit();  // Sees the new time, but not before it has asked for the first ones.
  Audit();
  EXPECT_LT(Audit().size(), 7u);
}

TEST_F(AuditTest, WaitsUntilTheScanBeforeHasLeft) {
  observer_.StartScan();
  for (std::vector<env::ListRequest> asked = observer_.TakeLists(); !asked.empty();
       asked = observer_.TakeLists()) {
    std::vector<env::ListedDir> answer;
    for (const env::ListRequest& one : asked) answer.push_back(List(one));
    observer_.OnListed(std::move(answer), Instant{1});
  }
  EXPECT_FALSE(observer_.scanning());
  EXPECT_FALSE(observer_.StartAudit()) << "its listings wait to be sent";
  Finish();
  EXPECT_THAT(blocks_, SizeIs(7));
  EXPECT_EQ(last_mark_, batch::ScanMark::kEnd);
  EXPECT_TRUE(observer_.StartAudit());
}

// An event that is read late: the audit was there before it.
TEST_F(AuditTest, AnnouncesWhatItHasFoundBeforeItsEvent) {
  Scan();
  Put("/d/new", 3);
  Put("/d/new/below", 3);
  Put("/d", 3);
  Audit();
  env::TreeEvent event;
  event.kind = env::TreeEvent::Kind::kCreated;
  event.is_directory = true;
  event.dir = *observer_.dirs().Find(DirTable::kRoot, "d");
  event.name = "new";
  observer_.OnEvents({event}, Instant{2});
  EXPECT_THAT(Finish(), UnorderedElementsAre("/d/new", "/d/new/below"));
  for (const batch::DirBlock& block : blocks_) EXPECT_TRUE(block.path.starts_with("/d/new"));
  observer_.OnEvents({event}, Instant{3});
  EXPECT_THAT(Finish(), IsEmpty()) << "once";
}

}  // namespace
}  // namespace fustor::agent
