#include "adapters/inotify/watch_table.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "adapters/inotify/inotify.h"

namespace fustor::inotify {
namespace {

using env::DirKey;
using env::TreeEvent;
using Kind = env::TreeEvent::Kind;

class Records {
 public:
  Records& Add(int wd, std::uint32_t mask, const std::string& name = "", std::uint32_t cookie = 0) {
    inotify_event head{};
    head.wd = wd;
    head.mask = mask;
    head.cookie = cookie;
    head.len = name.empty() ? 0 : static_cast<std::uint32_t>((name.size() + 16) / 16 * 16);
    bytes_.append(reinterpret_cast<const char*>(&head), sizeof head);
    bytes_ += name;
    bytes_.append(head.len - name.size(), '\0');
    return *this;
  }
  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(bytes_)); }

 private:
  std::string bytes_;
};

struct Seen {
  Kind kind;
  std::uint32_t dir;
  std::string name;
  std::uint32_t cookie = 0;
  friend bool operator==(const Seen&, const Seen&) = default;
};

std::vector<Seen> Decode(WatchTable& table, const Records& records) {
  std::vector<TreeEvent> events;
  table.Decode(records.bytes(), &events);
  std::vector<Seen> seen;
  for (const TreeEvent& e : events) seen.push_back({e.kind, e.dir.value, e.name, e.cookie});
  return seen;
}

TEST(WatchTable, RecordsBecomeEvents) {
  WatchTable table;
  EXPECT_EQ(table.Added(3, DirKey{30}), std::nullopt);
  Records records;
  records.Add(3, IN_CREATE, "a").Add(3, IN_MOVED_FROM, "a", 77).Add(3, IN_MOVED_TO, "b", 77);
  records.Add(3, IN_ATTRIB | IN_ISDIR).Add(4, IN_CREATE, "unknown").Add(-1, IN_Q_OVERFLOW);
  EXPECT_EQ(Decode(table, records), (std::vector<Seen>{{Kind::kCreated, 30, "a"},
                                                       {Kind::kMovedOut, 30, "a", 77},
                                                       {Kind::kMovedIn, 30, "b", 77},
                                                       {Kind::kAttributes, 30, ""},
                                                       {Kind::kOverflow, 0, ""}}));
}

TEST(WatchTable, WhatStillComesFromAnEndedWatchIsNotTakenForItsSuccessor) {
  WatchTable table;
  table.Added(3, DirKey{30});
  EXPECT_EQ(table.Remove(DirKey{30}), 3);
  EXPECT_EQ(table.Remove(DirKey{30}), std::nullopt);
  table.Added(3, DirKey{31});  // The kernel gave the number out again.
  Records records;
  records.Add(3, IN_CREATE, "old").Add(3, IN_IGNORED).Add(3, IN_CREATE, "new");
  EXPECT_EQ(Decode(table, records), (std::vector<Seen>{{Kind::kCreated, 31, "new"}}));
  EXPECT_EQ(table.size(), 1u);
}

TEST(WatchTable, ANumberGivenOutAgainAfterTheDirectoryWentAway) {
  WatchTable table;
  table.Added(3, DirKey{30});
  Records gone;
  gone.Add(3, IN_DELETE_SELF);
  EXPECT_EQ(Decode(table, gone), (std::vector<Seen>{{Kind::kDirGone, 30, ""}}));
  table.Added(3, DirKey{31});
  Records rest;
  rest.Add(3, IN_IGNORED).Add(3, IN_CREATE, "new");
  EXPECT_EQ(Decode(table, rest), (std::vector<Seen>{{Kind::kCreated, 31, "new"}}));
}

TEST(WatchTable, ADirectoryGoesAwayOnce) {
  for (const std::uint32_t first : {IN_DELETE_SELF, IN_UNMOUNT, 0}) {
    WatchTable table;
    table.Added(3, DirKey{30});
    Records records;
    if (first != 0) records.Add(3, first);
    records.Add(3, IN_IGNORED);
    EXPECT_EQ(Decode(table, records), (std::vector<Seen>{{Kind::kDirGone, 30, ""}}));
    EXPECT_EQ(table.size(), 0u);
    EXPECT_EQ(table.Remove(DirKey{30}), std::nullopt);
  }
}

TEST(WatchTable, NewestWins) {
  WatchTable table;
  table.Added(3, DirKey{30});
  EXPECT_EQ(table.Added(3, DirKey{31}), std::nullopt);  // The same directory under another key.
  EXPECT_EQ(table.Remove(DirKey{30}), std::nullopt);
  EXPECT_EQ(table.Added(4, DirKey{31}), 3);  // The same key for another directory.
  EXPECT_EQ(table.size(), 1u);
  Records records;
  records.Add(3, IN_CREATE, "stale").Add(4, IN_CREATE, "x").Add(3, IN_IGNORED);
  EXPECT_EQ(Decode(table, records), (std::vector<Seen>{{Kind::kCreated, 31, "x"}}));
}

class Inotifying : public testing::Test {
 protected:
  void SetUp() override {
    const char* parent = std::getenv("TMPDIR");
    path_ = std::string(parent != nullptr ? parent : "/tmp") + "/fustor-fs-XXXXXX";
    ASSERT_NE(mkdtemp(path_.data()), nullptr);
    dir_ = open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  void TearDown() override {
    close(dir_);
    rmdir(path_.c_str());
  }
  std::string path_;
  int dir_ = -1;
};

TEST_F(Inotifying, TheKernelsOwnOverflowIsReported) {
  auto opened = Inotify::Open();
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  Inotify& inotify = **opened;
  ASSERT_TRUE(inotify.Cover(DirKey{1}, dir_).ok());
  EXPECT_EQ(inotify.watches(), 1u);
  std::vector<TreeEvent> events;
  bool overflow = false;
  for (int i = 0; !overflow && i < 1'000'000; ++i) {
    const std::string name = "f" + std::to_string(i % 2);
    close(openat(dir_, name.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    unlinkat(dir_, name.c_str(), 0);
    if (i % 8192 != 8191) continue;
    while (inotify.Read(&events)) {
    }
    overflow = !events.empty() && events.back().kind == Kind::kOverflow;
    events.clear();
  }
  EXPECT_TRUE(overflow);
  EXPECT_GT(Inotify::WatchesMax(), 0u);
}

TEST_F(Inotifying, CoversOnlyDirectories) {
  auto opened = Inotify::Open();
  ASSERT_TRUE(opened.ok());
  const int file = openat(dir_, "file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  EXPECT_EQ((*opened)->Cover(DirKey{1}, file).code(), Code::kUnimplemented);
  EXPECT_EQ((*opened)->Cover(DirKey{1}, -1).code(), Code::kUnimplemented);
  EXPECT_EQ((*opened)->watches(), 0u);
  close(file);
  unlinkat(dir_, "file", 0);
}

}  // namespace
}  // namespace fustor::inotify
