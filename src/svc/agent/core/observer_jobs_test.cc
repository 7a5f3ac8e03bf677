// What on-demand scans look at, what they report, and how they end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/path.h"
#include "svc/agent/core/observer.h"

namespace fustor::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

EntryAttrs Attrs(EntryKind kind, std::uint64_t inode) {
  EntryAttrs attrs;
  attrs.kind = kind;
  attrs.inode = inode;
  attrs.device = 1;
  return attrs;
}

struct Rig {
  explicit Rig(Observer::Options options = {}) : observer(options, bus) {}

  // Directories end with '/', the root is there.
  void Make(const std::string& path) {
    const bool is_directory = path.ends_with('/');
    const std::string clean = is_directory ? path.substr(0, path.size() - 1) : path;
    const auto kind = is_directory ? EntryKind::kDirectory : EntryKind::kFile;
    tree[clean] = Attrs(kind, ++last_inode);
  }
  void Remove(const std::string& path) {
    std::erase_if(tree, [&](const auto& entry) { return IsWithin(entry.first, path); });
  }
  env::ListedDir List(const env::ListRequest& request) {
    env::ListedDir listed;
    listed.dir = request.dir;
    const auto self = tree.find(request.path);
    if (request.path != "/" && (self == tree.end() || !self->second.is_directory())) {
      listed.status = Status(Code::kNotFound, "no such directory");
      return listed;
    }
    listed.self = request.path == "/" ? Attrs(EntryKind::kDirectory, 1) : self->second;
    if (!scarce.empty() && scarce.back() == request.path) {
      listed.watch_status = Status(Code::kResourceExhausted, "no watch is left");
      scarce.pop_back();
    }
    if (request.path == unreadable) listed.status = Status(Code::kPermissionDenied, "no way in");
    if (!listed.status.ok()) return listed;
    for (const auto& [path, attrs] : tree) {
      const auto [parent, name] = SplitPath(path);
      if (parent == request.path) listed.children.Append(name, attrs);
    }
    asked.push_back(request.path);
    return listed;
  }
  // Answers all that is asked, then takes all that is reported: "B job-1 /a", "/a: f g", "E job-1".
  std::vector<std::string> Play() {
    for (std::vector<env::ListRequest> lists = observer.TakeLists(); !lists.empty();
         lists = observer.TakeLists()) {
      for (const env::ListRequest& one : lists) {
        std::vector<env::ListedDir> answer;
        answer.push_back(List(one));
        observer.OnListed(std::move(answer), Instant{1});
      }
    }
    std::vector<std::string> told;
    while (std::optional<batch::Batch> batch = bus.Take(observer.dirs())) Tell(*batch, &told);
    return told;
  }
  static void Tell(const batch::Batch& batch, std::vector<std::string>* told) {
    const std::string prefix = batch.source == batch::Source::kJob ? "" : "other ";
    if (batch.mark == batch::ScanMark::kBegin) {
      told->push_back(prefix + "B " + batch.job_id + " " + batch.scan_path +
                      (batch.shallow ? " alone" : ""));
    }
    for (const batch::DirBlock& block : batch.blocks) {
      std::string text = prefix + block.path + ":";
      for (std::size_t i = 0; i < block.rows.size(); ++i) {
        text += " " + std::string(block.rows.name(i));
      }
      told->push_back(text + (block.complete ? "" : " ..."));
    }
    if (batch.mark == batch::ScanMark::kEnd) {
      std::string text = prefix + "E " + batch.job_id;
      if (!batch.job_error.empty()) text += " " + batch.job_error;
      told->push_back(text);
    }
  }

  std::map<std::string, EntryAttrs> tree;
  std::uint64_t last_inode = 1;
  std::string unreadable;
  std::vector<std::string> scarce;  // Directories that get no watch, from the back, once each.
  std::vector<std::string> asked;
  Bus bus;
  Observer observer;
};

struct Known : Rig {
  explicit Known(Observer::Options options = {}) : Rig(options) {
    for (const char* path : {"/a/", "/a/b/", "/a/b/f", "/a/g", "/c/", "/c/h"}) Make(path);
    observer.StartWatching();
    EXPECT_THAT(Play(), IsEmpty()) << "who only watches reports no listings";
    asked.clear();
  }
};

TEST(Jobs, ADirectoryWithAllBelowItOrAlone) {
  Known rig;
  rig.observer.StartJob("1", "/a", true);
  EXPECT_THAT(rig.Play(), ElementsAre("B 1 /a", "/a: b g", "/a/b: f", "E 1"));
  rig.observer.StartJob("2", "/a", false);
  EXPECT_THAT(rig.Play(), ElementsAre("B 2 /a alone", "/a: b g", "E 2"));
  rig.observer.StartJob("3", "", true);
  EXPECT_THAT(rig.Play(), ElementsAre("B 3 /", "/: a c", "/a: b g", "/c: h", "/a/b: f", "E 3"));
  rig.observer.StartJob("4", "/a/b/f", true);
  EXPECT_THAT(rig.Play(), ElementsAre("B 4 /a/b/f", "/a/b: f", "E 4")) << "the file's directory";
  EXPECT_EQ(rig.observer.counters().jobs, 4u);
  EXPECT_EQ(rig.observer.counters().jobs_failed, 0u);
}

TEST(Jobs, WhatIsNotKnownIsLookedForOnTheWay) {
  Known rig;
  for (const char* path : {"/a/new/", "/a/new/er/", "/a/new/er/f", "/a/new/other/"}) rig.Make(path);
  rig.observer.StartJob("1", "/a/new/er", false);
  const std::vector<std::string> told = rig.Play();
  EXPECT_THAT(told, testing::IsSupersetOf({"B 1 /a/new/er alone", "/a: b g new", "/a/new: er",
                                           "/a/new/er: f", "E 1"}));
  EXPECT_THAT(told, testing::Contains("other /a/new/other:"))
      << "a directory that shows itself has appeared, and is watched";
  EXPECT_EQ(rig.observer.dirs().size(), 7u);
}

TEST(Jobs, WhatCannotBeLookedAtSaysWhy) {
  Observer::Options options;
  options.selection = Selection({"x", "/c/y"}, "*");
  struct Case {
    const char* path;
    const char* why;
  };
  const Case cases[] = {{"/nowhere", "is not there"},
                        {"/a/nowhere/else", "is not there"},
                        {"/a/g/f", "a file is on the way"},
                        {"/x", "excludes"},
                        {"/a/x/z", "excludes"},
                        {"/c/y", "excludes"},
                        {"a", "no path"},
                        {"/a/../b", "no path"},
                        {"/a//b", "no path"}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.path);
    Known rig(options);
    rig.observer.StartJob("1", c.path, true);
    const std::vector<std::string> told = rig.Play();
    ASSERT_FALSE(told.empty());
    EXPECT_THAT(told.back(), HasSubstr("E 1 "));
    EXPECT_THAT(told.back(), HasSubstr(c.why));
    EXPECT_EQ(rig.observer.counters().jobs_failed, 1u);
    EXPECT_EQ(rig.observer.job_count(), 0u);
  }
}

TEST(Jobs, AWatchThatIsTakenForADirectoryCostsOneMoreListing) {
  Known rig;
  for (const char* path : {"/a", "/c", "/a/b"}) {
    rig.tree[path].mtime_ns = rig.tree[path].ctime_ns = 1'000;  // Later than the others.
  }
  rig.scarce = {"/c"};
  rig.observer.StartJob("1", "/c", false);
  EXPECT_THAT(rig.Play(), ElementsAre("B 1 /c alone", "/c: h", "E 1"));
  rig.scarce = {"/a/b"};
  rig.observer.StartJob("2", "/a/b/f", true);
  EXPECT_THAT(rig.Play(), ElementsAre("B 2 /a/b/f", "/a/b: f", "E 2"));
  EXPECT_EQ(rig.observer.counters().displaced, 2u);
}

TEST(Jobs, UnreadableAndVanishedDirectories) {
  Known rig;
  rig.unreadable = "/a/b";
  rig.observer.StartJob("1", "/a", true);
  EXPECT_THAT(rig.Play(), ElementsAre("B 1 /a", "/a: b g", "/a/b: ...", "E 1"))
      << "what is below it may fail";
  rig.observer.StartJob("2", "/a/b", true);
  EXPECT_THAT(rig.Play(), ElementsAre("B 2 /a/b", "/a/b: ...", "E 2 no way in"));
  rig.Remove("/a/b");
  rig.observer.StartJob("3", "/a/b", true);
  EXPECT_THAT(rig.Play(), ElementsAre("B 3 /a/b", HasSubstr("E 3 /a/b is not there")));
}

TEST(Jobs, ARootThatIsNotMountedDeletesNothing) {
  Known rig;
  rig.tree.clear();
  rig.observer.StartJob("1", "/", true);
  EXPECT_THAT(rig.Play(), ElementsAre("B 1 /", HasSubstr("the root is empty")));
  EXPECT_EQ(rig.observer.dirs().size(), 4u) << "what is known stays known";
}

TEST(Jobs, BesideAScanAndOneAfterTheOther) {
  Rig rig;
  for (const char* path : {"/a/", "/a/b/", "/c/"}) rig.Make(path);
  rig.observer.StartScan();
  rig.observer.StartJob("1", "/a", true);
  rig.observer.StartJob("1", "/a", true);
  rig.observer.StartJob("2", "/c", false);
  EXPECT_EQ(rig.observer.job_count(), 2u) << "a job that comes twice is one";
  const std::vector<std::string> told = rig.Play();
  EXPECT_THAT(
      told, testing::IsSupersetOf({"other B  /", "other /a: b", "other /a/b:", "other E ", "B 1 /a",
                                   "/a: b", "/a/b:", "E 1", "B 2 /c alone", "/c:", "E 2"}));
  EXPECT_LT(std::ranges::find(told, "E 1"), std::ranges::find(told, "B 2 /c alone"));
}

TEST(Jobs, TooManyAndForgotten) {
  Known rig;
  for (std::size_t i = 0; i < Observer::kJobsMax; ++i) {
    rig.observer.StartJob("j" + std::to_string(i), "/a", false);
  }
  rig.observer.StartJob("late", "/a", false);
  EXPECT_EQ(rig.observer.job_count(), Observer::kJobsMax);
  const std::vector<env::ListRequest> asked = rig.observer.TakeLists();
  EXPECT_EQ(asked.size(), 1u);
  rig.observer.Pause(Observer::kFirst);
  std::vector<env::ListedDir> answer;
  answer.push_back(rig.List(asked[0]));
  rig.observer.OnListed(std::move(answer), Instant{1});
  EXPECT_EQ(rig.observer.lists_in_flight(), 0u);
  EXPECT_THAT(rig.Play(), testing::Contains(HasSubstr("E late the agent has 64 scans")));
  rig.observer.StartJob("j1", "/c", false);
  EXPECT_THAT(rig.Play(), ElementsAre("B j1 /c alone", "/c: h", "E j1")) << "a new session";
}

}  // namespace
}  // namespace fustor::agent
