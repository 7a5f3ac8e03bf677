#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <map>
#include <thread>

#include "adapters/asio/executor.h"
#include "adapters/posix/temp_tree.h"
#include "adapters/posix/tree.h"

namespace fustor::posix {
namespace {

using env::DirKey;
using env::ListedDir;
using env::ListRequest;
using env::TreeEvent;
using Kind = env::TreeEvent::Kind;

constexpr Seconds kLongEnough(20);

// An event as one line, with the two halves of a rename put together.
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

class Watched {
 public:
  Watched(const std::string& root, TreeOptions options) {
    auto opened = OpenTree(root, options, Logger());
    FUSTOR_CHECK(opened.ok(), opened.status().message());
    tree_ = std::move(opened).value();
  }

  ListedDir Cover(const std::string& path, std::uint32_t key) {
    ListRequest request;
    request.dir = DirKey{key};
    request.path = path;
    return asio::BlockOn(*executor_, tree_->List({request})).at(0);
  }

  std::vector<TreeEvent> Next() {
    bool late = false;
    const auto timer = executor_->PostAt(executor_->clock().Now() + kLongEnough, [this, &late] {
      late = true;
      tree_->StopEvents();
    });
    std::vector<TreeEvent> events = asio::BlockOn(*executor_, tree_->NextEvents());
    executor_->CancelTimer(timer);
    EXPECT_FALSE(late) << "no events came";
    return events;
  }

  // All events up to the creation of `marker`, which the caller makes last.
  std::vector<std::string> LinesUntil(const std::string& marker) {
    std::vector<TreeEvent> events;
    for (bool seen = false; !seen;) {
      std::vector<TreeEvent> more = Next();
      if (more.empty()) break;
      for (TreeEvent& event : more) {
        seen = seen || (event.name == marker && event.kind == Kind::kCreated);
        if (event.name != marker) events.push_back(std::move(event));
      }
    }
    return Lines(events);
  }

  env::Tree& tree() { return *tree_; }
  env::Executor& executor() { return *executor_; }

 private:
  static std::vector<std::string> Lines(std::vector<TreeEvent>& events) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (events[i].cookie != 0 && i + 1 < events.size() &&
          events[i + 1].cookie == events[i].cookie) {
        events[i].kind = Kind::kMoved;
        events[i].to_dir = events[i + 1].dir;
        events[i].to_name = events[i + 1].name;
        lines.push_back(Line(events[i++]));
      } else {
        lines.push_back(Line(events[i]));
      }
    }
    return lines;
  }

  std::unique_ptr<asio::ThreadExecutor> executor_ = asio::StartThread("watched");
  std::unique_ptr<env::Tree> tree_;
};

bool Has(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

std::string All(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

#define EXPECT_LINE(lines, line) \
  EXPECT_TRUE(Has(lines, line)) << "missing: " << line << "\n" << All(lines)
#define EXPECT_NO_LINE(lines, line) EXPECT_FALSE(Has(lines, line)) << All(lines)

class TreeWatch : public testing::TestWithParam<WatchMode> {
 protected:
  void SetUp() override {
    options_.watch = GetParam();
    const Status status = OpenTree(temp_.path(), options_, Logger()).status();
    if (!status.ok()) GTEST_SKIP() << "this mechanism cannot be used here: " << status.ToString();
  }

  TempTree temp_;
  TreeOptions options_;
};

INSTANTIATE_TEST_SUITE_P(Mechanisms, TreeWatch,
                         testing::Values(WatchMode::kFanotify, WatchMode::kInotify),
                         [](const testing::TestParamInfo<WatchMode>& param) {
                           return param.param == WatchMode::kFanotify ? "Fanotify" : "Inotify";
                         });

TEST_P(TreeWatch, EveryKindOfChangeIsSeen) {
  temp_.Write("/old");
  temp_.Write("/doomed");
  temp_.MakeDir("/olddir");
  Watched watched(temp_.path(), options_);
  ASSERT_TRUE(watched.Cover("/", 7).watch_status.ok());
  temp_.Write("/new", "content");
  temp_.Append("/old", "more");
  temp_.Remove("/doomed");
  temp_.MakeDir("/newdir");
  temp_.RemoveDir("/olddir");
  temp_.Symlink("nowhere", "/link");
  temp_.Link("/old", "/hard");
  temp_.SetMode("/newdir", 0700);
  temp_.Write("/marker");
  const std::vector<std::string> lines = watched.LinesUntil("marker");
  for (const char* line : {"created 7/new", "modified 7/new", "closed 7/new", "modified 7/old",
                           "closed 7/old", "removed 7/doomed", "created dir 7/newdir",
                           "removed dir 7/olddir", "created 7/link", "created 7/hard"}) {
    EXPECT_LINE(lines, line);
  }
  EXPECT_NO_LINE(lines, "created 7/old");
  EXPECT_NO_LINE(lines, "overflow 0/");
}

// mkdir -p a/b: b comes while a is about to be watched.
TEST_P(TreeWatch, WhatChangesADirectoryIsInItsAttributesOrAnEvent) {
  constexpr int kRounds = 100;
  Watched watched(temp_.path(), options_);
  watched.Cover("/", 1);
  std::map<std::uint32_t, bool> old;
  for (std::uint32_t key = 2; key < kRounds + 2; ++key) {
    const std::string path = "/d" + std::to_string(key);
    temp_.MakeDir(path);
    std::atomic<bool> go = false;
    // The moment that matters is short; somewhere on the way it is met.
    const auto delay = std::chrono::microseconds(key % 200);
    std::thread maker([&] {
      while (!go) {
      }
      const auto begun = std::chrono::steady_clock::now();
      while (std::chrono::steady_clock::now() - begun < delay) {
      }
      temp_.MakeDir(path + "/b");
    });
    go = true;
    const ListedDir listed = watched.Cover(path, key);
    maker.join();
    ASSERT_TRUE(listed.status.ok()) << listed.status.ToString();
    old[key] = listed.self.nlink == 2;
  }
  temp_.Write("/marker");
  const std::vector<std::string> lines = watched.LinesUntil("marker");
  for (const auto& [key, without] : old) {
    if (without) EXPECT_LINE(lines, "created dir " + std::to_string(key) + "/b");
  }
}

TEST_P(TreeWatch, AttributesOfFilesAndOfTheDirectoryItself) {
  temp_.Write("/file");
  temp_.MakeDir("/sub");
  Watched watched(temp_.path(), options_);
  watched.Cover("/", 1);
  watched.Cover("/sub", 2);
  temp_.SetMode("/file", 0600);
  temp_.SetMode("/sub", 0700);
  temp_.Write("/marker");
  const std::vector<std::string> lines = watched.LinesUntil("marker");
  EXPECT_LINE(lines, "attrs 1/file");
  EXPECT_LINE(lines, "attrs dir 2/");
}

TEST_P(TreeWatch, RenamesInsideAreOneMove) {
  temp_.MakeDir("/a");
  temp_.MakeDir("/b");
  temp_.Write("/a/file");
  temp_.MakeDir("/a/dir");
  Watched watched(temp_.path(), options_);
  watched.Cover("/", 1);
  watched.Cover("/a", 2);
  watched.Cover("/b", 3);
  watched.Cover("/a/dir", 4);
  temp_.Rename("/a/file", "/a/renamed");
  temp_.Rename("/a/renamed", "/b/file");
  temp_.Rename("/a/dir", "/b/dir");
  temp_.Write("/b/dir/inside");  // The directory keeps its key.
  temp_.Write("/marker");
  const std::vector<std::string> lines = watched.LinesUntil("marker");
  EXPECT_LINE(lines, "moved 2/file -> 2/renamed");
  EXPECT_LINE(lines, "moved 2/renamed -> 3/file");
  EXPECT_LINE(lines, "moved dir 2/dir -> 3/dir");
  EXPECT_LINE(lines, "created 4/inside");
  EXPECT_NO_LINE(lines, "gone dir 4/");
}

TEST_P(TreeWatch, RenamesAcrossTheEdgeAreHalves) {
  temp_.MakeDir("/seen");
  temp_.MakeDir("/unseen");
  temp_.Write("/seen/leaves");
  temp_.MakeDir("/seen/leavesdir");
  temp_.Write("/unseen/comes");
  temp_.MakeDir("/unseen/comesdir");
  Watched watched(temp_.path(), options_);
  watched.Cover("/seen", 5);
  temp_.Rename("/seen/leaves", "/unseen/leaves");
  temp_.Rename("/seen/leavesdir", "/unseen/leavesdir");
  temp_.Rename("/unseen/comes", "/seen/comes");
  temp_.Rename("/unseen/comesdir", "/seen/comesdir");
  temp_.Write("/seen/marker");
  const std::vector<std::string> lines = watched.LinesUntil("marker");
  EXPECT_EQ(lines, (std::vector<std::string>{"out 5/leaves", "out dir 5/leavesdir", "in 5/comes",
                                             "in dir 5/comesdir"}))
      << All(lines);
}

TEST_P(TreeWatch, ARemovedDirectoryIsGone) {
  temp_.MakeDir("/dir");
  Watched watched(temp_.path(), options_);
  watched.Cover("/", 1);
  watched.Cover("/dir", 2);
  EXPECT_EQ(watched.tree().info().watches, 2u);
  temp_.RemoveDir("/dir");
  temp_.MakeDir("/dir");  // Perhaps with the same inode number.
  temp_.Write("/dir/stranger");
  temp_.Write("/marker");
  const std::vector<std::string> lines = watched.LinesUntil("marker");
  EXPECT_LINE(lines, "gone dir 2/");
  EXPECT_LINE(lines, "removed dir 1/dir");
  EXPECT_LINE(lines, "created dir 1/dir");
  EXPECT_NO_LINE(lines, "created 2/stranger");
  EXPECT_EQ(watched.tree().info().watches, 1u);
  watched.Cover("/dir", 3);
  temp_.Write("/dir/known");
  temp_.Write("/marker2");
  EXPECT_LINE(watched.LinesUntil("marker2"), "created 3/known");
}

TEST_P(TreeWatch, TheNewestKeyOfADirectoryAndTheNewestDirectoryOfAKeyWin) {
  temp_.MakeDir("/a");
  temp_.MakeDir("/b");
  Watched watched(temp_.path(), options_);
  watched.Cover("/", 1);
  watched.Cover("/a", 2);
  watched.Cover("/a", 3);
  watched.Cover("/a", 3);
  EXPECT_EQ(watched.tree().info().watches, 2u);
  temp_.Write("/a/one");
  temp_.Write("/marker");
  std::vector<std::string> lines = watched.LinesUntil("marker");
  EXPECT_LINE(lines, "created 3/one");
  EXPECT_NO_LINE(lines, "created 2/one");

  watched.Cover("/b", 3);
  EXPECT_EQ(watched.tree().info().watches, 2u);
  temp_.Write("/a/two");
  temp_.Write("/b/two");
  temp_.Write("/a/three");
  temp_.Write("/marker2");
  lines = watched.LinesUntil("marker2");
  EXPECT_EQ(std::count(lines.begin(), lines.end(), "created 3/two"), 1);
  EXPECT_NO_LINE(lines, "created 3/three");
}

TEST_P(TreeWatch, AnEndedWatchIsSilent) {
  temp_.MakeDir("/a");
  Watched watched(temp_.path(), options_);
  watched.Cover("/", 1);
  watched.Cover("/a", 2);
  watched.tree().Unwatch({DirKey{2}, DirKey{99}});
  temp_.Write("/a/unheard");
  temp_.Write("/marker");
  EXPECT_NO_LINE(watched.LinesUntil("marker"), "created 2/unheard");
  EXPECT_EQ(watched.tree().info().watches, 1u);
  watched.Cover("/a", 2);
  temp_.Write("/a/heard");
  temp_.Write("/marker2");
  EXPECT_LINE(watched.LinesUntil("marker2"), "created 2/heard");
}

TEST_P(TreeWatch, NamesAreBytes) {
  Watched watched(temp_.path(), options_);
  watched.Cover("/", 1);
  const std::vector<std::string> names = {"new\nline", "\xff\xfe", std::string(255, 'n'), "..x",
                                          "quote\""};
  for (const std::string& name : names) temp_.Write("/" + name);
  temp_.Write("/marker");
  const std::vector<std::string> lines = watched.LinesUntil("marker");
  for (const std::string& name : names) EXPECT_LINE(lines, "created 1/" + name);
}

// What a scanner relies on: a file made after the listing began is in the listing or in the events.
TEST_P(TreeWatch, NothingFallsBetweenListingAndWatching) {
  temp_.MakeDir("/dir");
  Watched watched(temp_.path(), options_);
  watched.Cover("/", 1);
  constexpr int kRounds = 100;
  for (int round = 0; round < kRounds; ++round) {
    const std::string dir = "/dir/" + std::to_string(round);
    temp_.MakeDir(dir);
    std::thread writer([&] {
      for (int i = 0; i < 20; ++i) temp_.Write(dir + "/f" + std::to_string(i));
    });
    const ListedDir listed = watched.Cover(dir, static_cast<std::uint32_t>(round) + 10);
    writer.join();
    const std::string marker = "marker" + std::to_string(round);
    temp_.Write("/" + marker);
    const std::vector<std::string> lines = watched.LinesUntil(marker);
    for (int i = 0; i < 20; ++i) {
      const std::string name = "f" + std::to_string(i);
      const bool seen = listed.children.FindSorted(name) < listed.children.size();
      EXPECT_TRUE(seen || Has(lines, "created " + std::to_string(round + 10) + "/" + name));
    }
  }
}

// Two names change places through a third; the kernel may have merged records. What the events
// ask to look at must include every name that is not what its last event says.
TEST_P(TreeWatch, ANameThatIsUsedAgainAfterARenameIsAskedForAgain) {
  Watched watched(temp_.path(), options_);
  watched.Cover("/", 1);
  for (int round = 0; round < 200; ++round) {
    temp_.Write("/a");
    temp_.Rename("/a", "/b");
    temp_.Write("/a");
    temp_.Remove("/b");
    const std::string marker = "marker" + std::to_string(round);
    temp_.Write("/" + marker);
    const std::vector<std::string> lines = watched.LinesUntil(marker);
    bool a_is_there = false;
    bool b_is_there = false;
    for (const std::string& line : lines) {
      if (line == "created 1/a") a_is_there = true;
      if (line == "created 1/b") b_is_there = false;  // A look finds nothing.
      if (line == "removed 1/b") b_is_there = false;
      if (line == "moved 1/a -> 1/b") {
        b_is_there = true;
        a_is_there = false;
      }
    }
    EXPECT_TRUE(a_is_there) << All(lines);
    EXPECT_FALSE(b_is_there) << All(lines);
    temp_.Remove("/a");
    const std::string end = "end" + std::to_string(round);
    temp_.Write("/" + end);
    watched.LinesUntil(end);
  }
}

TEST_P(TreeWatch, TooManyWaitingEventsBecomeOneOverflow) {
  options_.events.events_max = 50;
  Watched watched(temp_.path(), options_);
  watched.Cover("/", 1);
  for (int i = 0; i < 1000; ++i) temp_.Write("/f" + std::to_string(i));
  bool overflow = false;
  while (!overflow) {
    const std::vector<TreeEvent> events = watched.Next();
    if (events.empty()) break;
    EXPECT_LE(events.size(), 50u);
    for (const TreeEvent& event : events) overflow = overflow || event.kind == Kind::kOverflow;
  }
  EXPECT_TRUE(overflow);
  EXPECT_GE(watched.tree().info().overflows, 1u);
  // And it goes on.
  temp_.Write("/marker");
  watched.LinesUntil("marker");
}

TEST_P(TreeWatch, StoppingEndsAWait) {
  Watched watched(temp_.path(), options_);
  watched.Cover("/", 1);
  std::thread stopper([&] { watched.tree().StopEvents(); });
  EXPECT_TRUE(asio::BlockOn(watched.executor(), watched.tree().NextEvents()).empty());
  stopper.join();
  temp_.Write("/late");
  EXPECT_TRUE(asio::BlockOn(watched.executor(), watched.tree().NextEvents()).empty());
}

TEST_P(TreeWatch, SaysWhatItIs) {
  Watched watched(temp_.path(), options_);
  watched.Cover("/", 1);
  const env::Tree::Info info = watched.tree().info();
  EXPECT_EQ(info.root, temp_.path());
  EXPECT_EQ(info.watch_mechanism, GetParam() == WatchMode::kFanotify ? "fanotify" : "inotify");
  EXPECT_EQ(info.watch_limits.empty(), GetParam() == WatchMode::kFanotify) << info.watch_limits;
  EXPECT_EQ(info.overflows, 0u);
}

TEST(TreeWatchNone, SaysThatNothingWillBeSeen) {
  const TempTree temp;
  TreeOptions options;
  options.watch = WatchMode::kNone;
  Watched watched(temp.path(), options);
  const ListedDir listed = watched.Cover("/", 1);
  EXPECT_TRUE(listed.status.ok());
  EXPECT_EQ(listed.watch_status.code(), Code::kUnimplemented);
  EXPECT_EQ(watched.tree().info().watch_mechanism, "none");
}

TEST(TreeWatchAuto, WatchesWhateverTheFileSystem) {
  // proc gives no file handles: fanotify cannot watch it, inotify can.
  if (FileSystemTypeName("/proc").value_or("") != "proc") GTEST_SKIP() << "/proc is not mounted";
  const TempTree temp;
  TreeOptions options;
  options.skip_pseudo_file_systems = false;
  Watched watched("/", options);
  EXPECT_TRUE(watched.Cover(temp.path(), 1).watch_status.ok());
  EXPECT_TRUE(watched.Cover("/proc/sys/kernel", 2).watch_status.ok());
  temp.Write("/marker");
  watched.LinesUntil("marker");
  EXPECT_EQ(watched.tree().info().watches, 2u);
}

TEST(TreeWatchInotify, TakesNoMoreWatchesThanItMay) {
  const TempTree temp;
  for (int i = 0; i < 4; ++i) temp.MakeDir("/d" + std::to_string(i));
  TreeOptions options;
  options.watch = WatchMode::kInotify;
  options.watches_max = 2;
  Watched watched(temp.path(), options);
  for (std::uint32_t i = 0; i < 4; ++i) {
    const Status status = watched.Cover("/d" + std::to_string(i), i + 1).watch_status;
    EXPECT_EQ(status.code(), i < 2 ? Code::kOk : Code::kResourceExhausted) << status.ToString();
  }
  EXPECT_TRUE(watched.Cover("/d0", 1).watch_status.ok()) << "it has a watch already";
  EXPECT_EQ(watched.tree().info().watches, 2u);
  EXPECT_THAT(watched.tree().info().watch_limits, testing::HasSubstr("raise max_watches (now 2)"));
  watched.tree().Unwatch({DirKey{1}});
  EXPECT_TRUE(watched.Cover("/d3", 4).watch_status.ok());
  temp.Write("/d2/unseen");
  temp.Write("/d3/marker");
  EXPECT_EQ(watched.tree().info().watches, 2u);
  watched.LinesUntil("marker");
}

// In a user namespace of its own with room for three watches. The answer is the exit status.
int RunOutOfWatches(const TempTree& temp) {
  if (unshare(CLONE_NEWUSER) != 0) return 77;
  std::FILE* limit = std::fopen("/proc/sys/user/max_inotify_watches", "w");
  if (limit == nullptr || std::fputs("3\n", limit) < 0 || std::fclose(limit) != 0) return 77;
  TreeOptions options;
  Watched watched(temp.path(), options);  // kAuto: no privilege for fanotify in here.
  if (watched.tree().info().watch_mechanism != "inotify") return 1;
  for (std::uint32_t i = 0; i < 5; ++i) {
    const ListedDir listed = watched.Cover("/d" + std::to_string(i), i + 1);
    if (!listed.status.ok()) return 2;
    const Code expected = i < 3 ? Code::kOk : Code::kResourceExhausted;
    if (listed.watch_status.code() != expected) return 3;
  }
  const std::string limits = watched.tree().info().watch_limits;
  if (limits.find("max_user_watches") == std::string::npos) return 4;
  if (limits.find("CAP_SYS_ADMIN") == std::string::npos) return 5;
  if (watched.tree().info().watches != 3) return 6;
  watched.tree().Unwatch({DirKey{1}});
  if (!watched.Cover("/d4", 5).watch_status.ok()) return 7;
  temp.Write("/d4/marker");
  watched.LinesUntil("marker");
  return 0;
}

TEST(TreeWatchUnprivileged, WatchesRunOutAndThatIsSaid) {
  const TempTree temp;
  for (int i = 0; i < 5; ++i) temp.MakeDir("/d" + std::to_string(i));
  const pid_t child = fork();
  if (child == 0) _exit(RunOutOfWatches(temp));
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "user namespaces are not allowed here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace fustor::posix
