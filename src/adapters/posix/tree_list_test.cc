#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <thread>

#include "adapters/asio/executor.h"
#include "adapters/posix/directory.h"
#include "adapters/posix/op_limiter.h"
#include "adapters/posix/temp_tree.h"
#include "adapters/posix/tree.h"

namespace fustor::posix {
namespace {

using env::DirKey;
using env::ListedDir;
using env::ListRequest;
using env::StatRequest;
using env::StattedEntry;

ListRequest Request(std::string path, std::uint32_t key = 1) {
  ListRequest request;
  request.dir = DirKey{key};
  request.path = std::move(path);
  request.watch = false;
  return request;
}

StatRequest Look(std::string dir, std::string name) {
  StatRequest request;
  request.dir = DirKey{1};
  request.dir_path = std::move(dir);
  request.name = std::move(name);
  return request;
}

class Lists {
 public:
  explicit Lists(const std::string& root, TreeOptions options = {}) {
    options.watch = WatchMode::kNone;
    auto opened = OpenTree(root, options, Logger());
    FUSTOR_CHECK(opened.ok(), opened.status().message());
    tree_ = std::move(opened).value();
  }
  std::vector<ListedDir> List(std::vector<ListRequest> requests) {
    return asio::BlockOn(*executor_, tree_->List(std::move(requests)));
  }
  ListedDir List(const std::string& path) { return List(std::vector{Request(path)}).at(0); }
  ListedDir ListExpecting(const std::string& path, std::uint64_t inode) {
    ListRequest request = Request(path);
    request.expected_inode = inode;
    return List(std::vector{std::move(request)}).at(0);
  }
  std::vector<StattedEntry> Stat(std::vector<StatRequest> requests) {
    return asio::BlockOn(*executor_, tree_->Stat(std::move(requests)));
  }
  env::Tree& tree() { return *tree_; }
  void CloseTree() { tree_.reset(); }
  env::Executor& executor() { return *executor_; }

 private:
  std::unique_ptr<asio::ThreadExecutor> executor_ = asio::StartThread("lists");
  std::unique_ptr<env::Tree> tree_;
};

void ExpectSameAsLstat(const EntryAttrs& attrs, const std::string& path) {
  struct stat st{};
  ASSERT_EQ(lstat(path.c_str(), &st), 0) << path;
  EXPECT_EQ(attrs.mode, st.st_mode);
  EXPECT_EQ(attrs.uid, st.st_uid);
  EXPECT_EQ(attrs.gid, st.st_gid);
  EXPECT_EQ(attrs.nlink, st.st_nlink);
  EXPECT_EQ(attrs.inode, st.st_ino);
  EXPECT_EQ(attrs.device, st.st_dev);
  EXPECT_EQ(attrs.size_bytes, st.st_size);
  EXPECT_EQ(attrs.allocated_bytes, st.st_blocks * 512);
  EXPECT_EQ(attrs.mtime_ns, st.st_mtim.tv_sec * 1'000'000'000 + st.st_mtim.tv_nsec);
  EXPECT_EQ(attrs.ctime_ns, st.st_ctim.tv_sec * 1'000'000'000 + st.st_ctim.tv_nsec);
}

std::vector<std::string> Names(const EntryList& list) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < list.size(); ++i) names.emplace_back(list.name(i));
  return names;
}

// Of the threads of this process that are called so.
std::set<int> PrioritiesOf(std::string_view name) {
  std::set<int> priorities;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string comm;
    std::getline(std::ifstream(task.path() / "comm"), comm);
    const auto id = static_cast<id_t>(std::stoul(task.path().filename()));
    if (comm == name) priorities.insert(getpriority(PRIO_PROCESS, id));
  }
  return priorities;
}

TEST(TreeList, AuditsHaveThreadsOfTheirOwnThatYield) {
  const TempTree temp;
  temp.MakeDir("/dir");
  temp.Write("/dir/file");
  Lists lists(temp.path());
  const int usual = getpriority(PRIO_PROCESS, 0);
  std::vector<ListRequest> requests = {Request("/", 1), Request("/dir", 2)};
  requests[0].background = true;
  EXPECT_EQ(lists.List(requests).size(), 2u) << "somebody waits for one of them";
  EXPECT_EQ(PrioritiesOf("tree-audit"), std::set<int>());
  requests[1].background = true;
  const std::vector<ListedDir> listed = lists.List(requests);
  EXPECT_EQ(Names(listed.at(0).children), std::vector<std::string>{"dir"});
  EXPECT_EQ(Names(listed.at(1).children), std::vector<std::string>{"file"});
  EXPECT_EQ(PrioritiesOf("tree-audit"), std::set<int>{std::min(usual + 10, 19)});
  EXPECT_EQ(PrioritiesOf("tree-list"), std::set<int>{usual});
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), usual);
}

TEST(TreeList, GivesEveryKindOfEntryWithWhatLstatTells) {
  const TempTree temp;
  temp.Write("/file", "12345");
  temp.Link("/file", "/again");
  temp.MakeDir("/dir");
  temp.Symlink("no/such/place", "/link");
  temp.Symlink("dir", "/dirlink");
  ASSERT_EQ(mkfifo(temp.At("/fifo").c_str(), 0600), 0);
  Lists lists(temp.path());
  const ListedDir listed = lists.List("/");
  ASSERT_TRUE(listed.status.ok()) << listed.status.ToString();
  EXPECT_EQ(listed.dir, DirKey{1});
  EXPECT_EQ(Names(listed.children),
            (std::vector<std::string>{"again", "dir", "dirlink", "fifo", "file", "link"}));
  constexpr EntryKind kKinds[] = {EntryKind::kFile,  EntryKind::kDirectory, EntryKind::kSymlink,
                                  EntryKind::kOther, EntryKind::kFile,      EntryKind::kSymlink};
  for (std::size_t i = 0; i < listed.children.size(); ++i) {
    EXPECT_EQ(listed.children.attrs(i).kind, kKinds[i]);
    ExpectSameAsLstat(listed.children.attrs(i),
                      temp.At("/" + std::string(listed.children.name(i))));
  }
  EXPECT_EQ(listed.children.target(2), "dir");
  EXPECT_EQ(listed.children.target(5), "no/such/place");
  EXPECT_EQ(listed.children.target(4), "");
  ExpectSameAsLstat(listed.self, temp.path());
  EXPECT_GT(listed.started_at.ns, 1'500'000'000'000'000'000);
}

TEST(TreeList, NamesAreBytes) {
  const TempTree temp;
  std::vector<std::string> names = {"new\nline", "quote\"'`", "bad \xff\xfe\x80 utf8",
                                    " ",         "-rf",       std::string(255, 'n'),
                                    "\\",        "*?[",       "\x01\x7f",
                                    "...",       "naïve"};
  for (const std::string& name : names) temp.Write("/" + name);
  std::sort(names.begin(), names.end());
  Lists lists(temp.path());
  EXPECT_EQ(Names(lists.List("/").children), names);
  for (const std::string& name : names) {
    EXPECT_TRUE(lists.Stat({Look("/", name)}).at(0).status.ok());
  }
}

TEST(TreeList, ADirectoryMayHoldMoreThanABufferfulOfEntries) {
  constexpr std::size_t kEntries = 20'000;
  const TempTree temp;
  temp.MakeDir("/many");
  const Fd dir(open(temp.At("/many").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (std::size_t i = 0; i < kEntries; ++i) {
    const std::string name = "entry-" + std::to_string(i * 7919 % kEntries);
    ASSERT_EQ(mknodat(dir.get(), name.c_str(), S_IFREG | 0600, 0), 0);
  }
  Lists lists(temp.path());
  const ListedDir listed = lists.List("/many");
  ASSERT_TRUE(listed.status.ok());
  const std::vector<std::string> names = Names(listed.children);
  ASSERT_EQ(names.size(), kEntries);
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST(TreeList, EachWayToFailHasItsCode) {
  const TempTree temp;
  temp.MakeDir("/dir");
  temp.Write("/dir/file");
  temp.Symlink("dir", "/link");
  temp.Symlink("/etc", "/outside");
  struct Case {
    const char* path;
    Code code;
  };
  const Case cases[] = {
      {"/none", Code::kNotFound},
      {"/dir/none/deeper", Code::kNotFound},
      {"/dir/file", Code::kFailedPrecondition},
      {"/link", Code::kFailedPrecondition},
      {"/outside", Code::kFailedPrecondition},
      {"/link/below", Code::kFailedPrecondition},
      {"/dir/../dir", Code::kInvalidArgument},
      {"dir", Code::kInvalidArgument},
      {"", Code::kInvalidArgument},
      {"/dir", Code::kOk},
  };
  Lists lists(temp.path());
  for (const Case& c : cases) {
    SCOPED_TRACE(c.path);
    const ListedDir listed = lists.List(c.path);
    EXPECT_EQ(listed.status.code(), c.code) << listed.status.ToString();
    EXPECT_EQ(listed.children.size(), c.code == Code::kOk ? 1u : 0u);
  }
}

// An older kernel, or a seccomp filter: no openat2.
TEST(Root, WalksComponentByComponentWhereOpenat2IsMissing) {
  const TempTree temp;
  temp.MakeDir("/a");
  temp.MakeDir("/a/b");
  temp.Write("/a/file");
  temp.Symlink("a", "/link");
  for (const bool component_walk : {false, true}) {
    SCOPED_TRACE(component_walk);
    auto root = Root::Open(temp.path(), component_walk);
    ASSERT_TRUE(root.ok());
    for (const OpenFor purpose : {OpenFor::kListing, OpenFor::kLooking}) {
      const auto code = [&](const char* path) {
        return (*root)->OpenDirectory(path, purpose).status().code();
      };
      EXPECT_EQ(code("/"), Code::kOk);
      EXPECT_EQ(code("/a/b"), Code::kOk);
      EXPECT_EQ(code("/a/file"), Code::kFailedPrecondition);
      EXPECT_EQ(code("/a/file/x"), Code::kFailedPrecondition);
      EXPECT_EQ(code("/link"), Code::kFailedPrecondition);
      EXPECT_EQ(code("/link/b"), Code::kFailedPrecondition);
      EXPECT_EQ(code("/a/none"), Code::kNotFound);
    }
  }
}

TEST(Root, SeesWhatWasPutInItsPlace) {
  const TempTree temp;
  temp.MakeDir("/root");
  Lists lists(temp.At("/root"));
  const std::uint64_t inode = lists.List("/").self.inode;
  temp.Rename("/root", "/old");
  EXPECT_EQ(lists.List("/").status.code(), Code::kNotFound);
  temp.MakeDir("/root");
  temp.Write("/root/new");
  EXPECT_EQ(lists.ListExpecting("/", inode).status.code(), Code::kAborted);
  EXPECT_EQ(Names(lists.List("/").children), std::vector<std::string>{"new"});
}

TEST(TreeList, PathsMayBeLongerThanTheKernelTakes) {
  const TempTree temp;
  std::string path;
  Fd at(open(temp.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string name(200, 'd');
  for (int depth = 0; depth < 60; ++depth) {
    ASSERT_EQ(mkdirat(at.get(), name.c_str(), 0755), 0);
    at = Fd(openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    path += "/" + name;
  }
  ASSERT_EQ(mkdirat(at.get(), "bottom", 0755), 0);
  ASSERT_GT(path.size(), 12'000u);
  Lists lists(temp.path());
  EXPECT_EQ(Names(lists.List(path).children), std::vector<std::string>{"bottom"});
  EXPECT_TRUE(lists.Stat({Look(path, "bottom")}).at(0).status.ok());
  EXPECT_EQ(lists.List(path + "/none").status.code(), Code::kNotFound);
  auto walking = Root::Open(temp.path(), true);
  EXPECT_TRUE((*walking)->OpenDirectory(path + "/bottom", OpenFor::kListing).ok());
}

TEST(TreeList, AReplacedDirectoryIsNotTakenForTheOldOne) {
  const TempTree temp;
  temp.MakeDir("/dir");
  Lists lists(temp.path());
  const std::uint64_t inode = lists.List("/dir").self.inode;
  EXPECT_TRUE(lists.ListExpecting("/dir", inode).status.ok());
  temp.Rename("/dir", "/moved");
  temp.MakeDir("/dir");
  temp.Write("/dir/stranger");
  const ListedDir listed = lists.ListExpecting("/dir", inode);
  EXPECT_EQ(listed.status.code(), Code::kAborted);
  EXPECT_TRUE(listed.children.empty());
  StatRequest request = Look("/dir", "stranger");
  request.expected_inode = inode;
  EXPECT_EQ(lists.Stat({request}).at(0).status.code(), Code::kAborted);
}

TEST(TreeList, KeepsTimesFarFromToday) {
  const TempTree temp;
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  struct Case {
    std::int64_t seconds;
    std::int64_t ns;
  };
  const Case cases[] = {
      {-2'147'483'648, -2'147'483'648'000'000'000},  // 1901, the end of old ext4 times.
      {0, 0},
      {-1, -1'000'000'000},
      {4'294'967'296, 4'294'967'296'000'000'000},  // 2106
      {9'999'999'999, kMax},                       // 2286: past what nanoseconds hold.
  };
  Lists lists(temp.path());
  for (const Case& c : cases) {
    temp.Write("/file");
    const timespec times[2] = {{0, UTIME_OMIT}, {c.seconds, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, temp.At("/file").c_str(), times, 0), 0);
    struct stat st{};
    ASSERT_EQ(lstat(temp.At("/file").c_str(), &st), 0);
    if (st.st_mtim.tv_sec != c.seconds) continue;  // This file system cannot keep it.
    EXPECT_EQ(lists.List("/").children.attrs(0).mtime_ns, c.ns) << c.seconds;
  }
}

TEST(TreeList, LeavesAccessTimesAlone) {
  const TempTree temp;
  temp.MakeDir("/dir");
  temp.Write("/dir/file");
  temp.Symlink("file", "/dir/link");
  // Older than a day and than the change: relatime would update it.
  const timespec old[2] = {{1'000'000'000, 0}, {1'600'000'000, 0}};
  ASSERT_EQ(utimensat(AT_FDCWD, temp.At("/dir").c_str(), old, 0), 0);
  Lists lists(temp.path());
  EXPECT_EQ(lists.List("/dir").self.atime_ns, 1'000'000'000'000'000'000);
  EXPECT_EQ(lists.List("/dir").self.atime_ns, 1'000'000'000'000'000'000);
  struct stat st{};
  ASSERT_EQ(stat(temp.At("/dir").c_str(), &st), 0);
  EXPECT_EQ(st.st_atim.tv_sec, 1'000'000'000);
}

TEST(TreeList, PseudoFileSystemsAreEntriesWithoutContent) {
  if (FileSystemTypeName("/proc").value_or("") != "proc") GTEST_SKIP() << "/proc is not mounted";
  Lists skipping("/");
  const ListedDir proc = skipping.List("/proc");
  EXPECT_TRUE(proc.status.ok());
  EXPECT_TRUE(proc.children.empty());
  EXPECT_LT(skipping.List("/").children.FindSorted("proc"), skipping.List("/").children.size());
  TreeOptions all;
  all.skip_pseudo_file_systems = false;
  EXPECT_FALSE(Lists("/", all).List("/proc").children.empty());
  all.one_file_system = true;
  EXPECT_TRUE(Lists("/", all).List("/proc").children.empty());
  EXPECT_TRUE(Lists("/", all).List("/proc").status.ok());
  EXPECT_FALSE(Lists("/proc").List("/").children.empty());
}

TEST(TreeList, ManyRequestsAreAnsweredInTheirOrder) {
  const TempTree temp;
  for (int d = 0; d < 50; ++d) {
    const std::string dir = "/d" + std::to_string(d);
    temp.MakeDir(dir);
    for (int f = 0; f < d; ++f) temp.Write(dir + "/f" + std::to_string(f));
  }
  for (const unsigned threads : {1u, 4u}) {
    TreeOptions options;
    options.threads = threads;
    Lists lists(temp.path(), options);
    std::vector<ListRequest> requests;
    for (std::uint32_t i = 0; i < 500; ++i) {
      requests.push_back(Request("/d" + std::to_string(i % 51), i + 1));
    }
    const std::vector<ListedDir> answers = lists.List(std::move(requests));
    ASSERT_EQ(answers.size(), 500u);
    for (std::uint32_t i = 0; i < 500; ++i) {
      EXPECT_EQ(answers[i].dir.value, i + 1);
      EXPECT_EQ(answers[i].status.code(), i % 51 == 50 ? Code::kNotFound : Code::kOk);
      EXPECT_EQ(answers[i].children.size(), i % 51 == 50 ? 0 : i % 51);
    }
  }
  Lists lists(temp.path());
  EXPECT_TRUE(lists.List(std::vector<ListRequest>()).empty());
  EXPECT_TRUE(lists.Stat({}).empty());
}

TEST(TreeList, EntriesThatVanishMeanwhileAreLeftOut) {
  const TempTree temp;
  for (int i = 0; i < 200; ++i) temp.Write("/stays" + std::to_string(i));
  std::atomic<bool> stop{false};
  std::thread churn([&] {
    for (int i = 0; !stop; ++i) {
      const std::string name = "/comes-and-goes" + std::to_string(i % 50);
      temp.Write(name);
      temp.Rename(name, "/renamed");
      temp.Remove("/renamed");
    }
  });
  Lists lists(temp.path());
  for (int i = 0; i < 300; ++i) {
    const ListedDir listed = lists.List("/");
    EXPECT_TRUE(listed.status.ok()) << listed.status.ToString();
    const std::vector<std::string> names = Names(listed.children);
    EXPECT_EQ(std::count_if(names.begin(), names.end(),
                            [](const std::string& n) { return n.starts_with("stays"); }),
              200);
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  }
  stop = true;
  churn.join();
}

TEST(TreeList, DirectoriesThatVanishMeanwhileAreNotFound) {
  const TempTree temp;
  std::atomic<bool> stop{false};
  std::thread churn([&] {
    while (!stop) {
      temp.MakeDir("/flicker");
      temp.Write("/flicker/file");
      temp.Remove("/flicker/file");
      temp.RemoveDir("/flicker");
    }
  });
  Lists lists(temp.path());
  int found = 0;
  int missed = 0;
  while (found < 100 || missed < 100) {
    const ListedDir listed = lists.List("/flicker");
    ++(listed.status.ok() ? found : missed);
    if (listed.status.ok()) continue;
    ASSERT_EQ(listed.status.code(), Code::kNotFound) << listed.status.ToString();
  }
  stop = true;
  churn.join();
}

// Runs `body` as the user nobody; its answer is the exit status.
int AsNobody(int (*body)(const std::string&), const std::string& path) {
  const pid_t child = fork();
  if (child == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(99);
    _exit(body(path));
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

int ListForbidden(const std::string& path) {
  Lists lists(path);
  if (lists.List("/closed").status.code() != Code::kPermissionDenied) return 1;
  const ListedDir readable = lists.List("/readable");
  if (readable.status.code() != Code::kPermissionDenied) return 2;
  if (!readable.children.empty()) return 3;
  const std::vector<StattedEntry> looked =
      lists.Stat({Look("/closed", "file"), Look("/readable", "file"), Look("/", "closed")});
  if (looked[0].status.code() != Code::kPermissionDenied) return 4;
  if (looked[1].status.code() != Code::kPermissionDenied) return 5;
  if (!looked[2].status.ok()) return 6;
  if (lists.List("/").children.size() != 3) return 7;  // Without O_NOATIME: not the owner.
  return 0;
}

TEST(TreeList, WhatMayNotBeReadSaysSo) {
  const TempTree temp;
  for (const char* dir : {"/closed", "/readable", "/open"}) {
    temp.MakeDir(dir);
    temp.Write(std::string(dir) + "/file");
  }
  temp.SetMode("", 0755);
  temp.SetMode("/closed", 0700);
  temp.SetMode("/readable", 0744);  // Names can be read, nothing can be looked at.
  if (geteuid() != 0) {
    temp.SetMode("/closed", 0);
    temp.SetMode("/readable", 0444);
    EXPECT_EQ(ListForbidden(temp.path()), 0);
    return;
  }
  EXPECT_EQ(AsNobody(&ListForbidden, temp.path()), 0);
}

TEST(TreeStat, AnswersInOrderAcrossDirectories) {
  const TempTree temp;
  temp.MakeDir("/a");
  temp.Write("/a/one", "1");
  temp.Symlink("one", "/a/link");
  temp.Write("/top", "22");
  Lists lists(temp.path());
  std::vector<StatRequest> requests = {Look("/a", "one"),
                                       Look("/a", "none"),
                                       Look("/", "top"),
                                       Look("/a", "link"),
                                       Look("/a", ""),
                                       Look("/gone", "x"),
                                       Look("/top", "x"),
                                       Look("/a", "../top"),
                                       Look("/a", ".."),
                                       Look("/", "a"),
                                       Look("/a", std::string(300, 'x'))};
  const Code codes[] = {Code::kOk,
                        Code::kNotFound,
                        Code::kOk,
                        Code::kOk,
                        Code::kOk,
                        Code::kAborted,
                        Code::kAborted,
                        Code::kInvalidArgument,
                        Code::kInvalidArgument,
                        Code::kOk,
                        Code::kNotFound};
  const std::vector<StattedEntry> answers = lists.Stat(requests);
  ASSERT_EQ(answers.size(), requests.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    SCOPED_TRACE(requests[i].dir_path + " " + requests[i].name);
    EXPECT_EQ(answers[i].status.code(), codes[i]) << answers[i].status.ToString();
    EXPECT_EQ(answers[i].name, requests[i].name);
  }
  ExpectSameAsLstat(answers[0].attrs, temp.At("/a/one"));
  EXPECT_EQ(answers[3].target, "one");
  ExpectSameAsLstat(answers[4].attrs, temp.At("/a"));
}

TEST(TreeStat, ThousandsOfNamesOfOneDirectoryAreFine) {
  const TempTree temp;
  std::vector<StatRequest> requests;
  for (int i = 0; i < 3000; ++i) {
    const std::string name = "f" + std::to_string(i);
    if (i % 3 == 0) temp.Write("/" + name);
    requests.push_back(Look("/", name));
  }
  const std::vector<StattedEntry> answers = Lists(temp.path()).Stat(requests);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    EXPECT_EQ(answers[i].name, requests[i].name);
    EXPECT_EQ(answers[i].status.ok(), i % 3 == 0);
  }
}

env::Task<void> CollectStatuses(env::Tree* tree, int* unavailable) {
  std::vector<ListRequest> requests(50, Request("/"));
  const std::vector<ListedDir> answers = co_await tree->List(std::move(requests));
  for (const ListedDir& answer : answers) {
    if (answer.status.code() == Code::kUnavailable) ++*unavailable;
  }
}

TEST(Tree, ClosingItEndsTheCallsThatWait) {
  const TempTree temp;
  TreeOptions options;
  options.threads = 1;
  options.metadata_ops_per_second = 1;
  Lists lists(temp.path(), options);
  int unavailable = 0;
  env::TaskGroup group(lists.executor());
  std::promise<void> started;
  lists.executor().Post([&] {
    group.Spawn(CollectStatuses(&lists.tree(), &unavailable));
    lists.executor().Post([&] { started.set_value(); });
  });
  started.get_future().get();
  lists.CloseTree();
  asio::BlockOn(lists.executor(), group.Join());
  EXPECT_GT(unavailable, 40);
}

TEST(Tree, OpeningSaysWhyNot) {
  const TempTree temp;
  temp.Write("/file");
  const auto code = [](const std::string& path) {
    return OpenTree(path, {.watch = WatchMode::kNone}, Logger()).status().code();
  };
  EXPECT_EQ(code(temp.At("/none")), Code::kNotFound);
  EXPECT_EQ(code(temp.At("/file")), Code::kFailedPrecondition);
  EXPECT_EQ(code(temp.path()), Code::kOk);
}

TEST(OpLimiter, SpreadsWhatIsTaken) {
  OpLimiter limiter(1000);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 30; ++i) limiter.Take(10);
  // 300 operations, 100 of them at once.
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(190));
  OpLimiter stopped(1);
  stopped.Stop();
  stopped.Take(1'000'000);
}

TEST(FileSystems, HaveNames) {
  EXPECT_EQ(FileSystemTypeName("/none/such").status().code(), Code::kNotFound);
  const Result<std::string> type = FileSystemTypeName("/tmp");
  ASSERT_TRUE(type.ok());
  EXPECT_FALSE(type->empty());
}

}  // namespace
}  // namespace fustor::posix
