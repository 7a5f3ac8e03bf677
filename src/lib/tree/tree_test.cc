#include "lib/tree/tree.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "base/path.h"
#include "base/prng.h"

namespace fustor::tree {
namespace {

Entry File(std::int64_t size_bytes, std::int64_t mtime_ns = 5) {
  Entry e;
  e.attrs.mode = 0100644;
  e.attrs.size_bytes = size_bytes;
  e.attrs.allocated_bytes = (size_bytes + 4095) / 4096 * 4096;
  e.attrs.mtime_ns = mtime_ns;
  return e;
}
Entry Link(std::uint64_t inode, std::int64_t size_bytes) {
  Entry e = File(size_bytes);
  e.attrs.inode = inode;
  e.attrs.nlink = 2;
  return e;
}
Entry Directory(std::int64_t mtime_ns = 1) {
  Entry e;
  e.attrs.kind = EntryKind::kDirectory;
  e.attrs.mtime_ns = mtime_ns;
  return e;
}

// link(2) is told of for the new name only.
TEST(Tree, OtherNamesOfANewLinkAreFound) {
  for (const bool published : {true, false}) {
    Tree tree;
    const auto single = [](std::uint64_t inode, std::int64_t size) {
      Entry e = File(size);
      e.attrs.inode = inode;
      e.attrs.nlink = 1;
      e.attrs.ctime_ns = 10;
      return e;
    };
    for (int d = 0; d < 50; ++d) {
      const DirId dir = tree.EnsureDirectory("/d" + std::to_string(d));
      for (int f = 0; f < 300; ++f) {
        tree.Put(dir, "f" + std::to_string(f), single(1000u + 300u * d + f, 10));
      }
    }
    if (published) tree.Publish();
    EXPECT_FALSE(tree.wants_links());
    Entry link = single(1000 + 300 * 20 + 7, 10);
    link.attrs.nlink = 3;
    link.attrs.ctime_ns = 99;
    Entry elsewhere = link;
    elsewhere.attrs.inode = 77;
    Entry stale = link;
    stale.attrs.inode = 1000;
    stale.attrs.ctime_ns = 5;
    for (const auto& [name, entry] : {std::pair{"l", link}, {"m", elsewhere}, {"s", stale}}) {
      tree.Put(kRoot, name, entry);
      tree.WantLinks(entry.attrs);
    }
    EXPECT_EQ(tree.AggregatesOf(kRoot).bytes, 50u * 300 * 10 + 30);
    std::uint64_t slices = 0;
    std::uint64_t changed = 0;
    for (; tree.wants_links(); ++slices) changed += tree.SeekLinks(1000);
    EXPECT_EQ(changed, 1u);
    EXPECT_GE(slices, 10u);
    Entry found;
    ASSERT_TRUE(tree.Get(*tree.FindDirectory("/d20"), "f7", &found));
    EXPECT_EQ(found.attrs, link.attrs);
    ASSERT_TRUE(tree.Get(*tree.FindDirectory("/d0"), "f0", &found));
    EXPECT_EQ(found.attrs.nlink, 1u) << "it is single again, and the link is gone";
    EXPECT_EQ(tree.AggregatesOf(kRoot).bytes, 50u * 300 * 10 + 20) << "counted once";
    EXPECT_TRUE(tree.CheckInvariants().ok());
    tree.WantLinks(link.attrs);
    EXPECT_TRUE(tree.wants_links()) << "one name is still unknown";
    tree.Clear();
    EXPECT_FALSE(tree.wants_links());
  }
}

TEST(Tree, RevisionZeroHoldsOnlyTheRoot) {
  Tree tree;
  EXPECT_EQ(tree.revision(), 0u);
  EXPECT_EQ(tree.Publish(), 0u);  // Nothing was edited.
  const auto snapshot = tree.Pin();
  ASSERT_TRUE(snapshot.ok());
  EXPECT_EQ(snapshot->Root().dir, kRoot);
  EXPECT_EQ(snapshot->ChildCount(kRoot), 0u);
  EXPECT_EQ(snapshot->PathOf(kRoot), "/");
  EXPECT_EQ(snapshot->AggregatesOf(kRoot).directories, 1u);
  EXPECT_EQ(snapshot->Find("/")->dir, kRoot);
  EXPECT_FALSE(snapshot->Find("/a").has_value());
  EXPECT_EQ(tree.memory().entries, 1u);
  EXPECT_EQ(tree.FindDirectory("/"), kRoot);
  EXPECT_EQ(tree.EnsureDirectory("/"), kRoot);
}

TEST(Tree, UnchangedRowsPublishNothing) {
  Tree tree;
  const DirId dir = tree.EnsureDirectory("/a");
  tree.Put(dir, "f", File(3));
  const Revision revision = tree.Publish();
  tree.Put(dir, "f", File(3));
  EXPECT_EQ(tree.EnsureDirectory("/a"), dir);
  EXPECT_EQ(tree.Erase(dir, "absent"), 0u);
  EXPECT_TRUE(tree.Move(dir, "f", dir, "f").ok());
  EXPECT_EQ(tree.Publish(), revision);
}

TEST(Tree, LatestMtimeFallsWhenTheLatestGoes) {
  Tree tree;
  const DirId a = tree.EnsureDirectory("/a");
  const DirId b = tree.EnsureDirectory("/a/b");
  tree.Put(b, "old", File(1, 10));
  tree.Put(b, "new", File(1, 20));
  EXPECT_EQ(tree.AggregatesOf(kRoot).latest_mtime_ns, 20);
  tree.Put(b, "new", File(1, 3));
  EXPECT_EQ(tree.AggregatesOf(kRoot).latest_mtime_ns, 10);
  tree.Put(a, "b", Directory(99));
  EXPECT_EQ(tree.AggregatesOf(b).latest_mtime_ns, 99);
  tree.Publish();
  EXPECT_EQ(tree.Erase(a, "b"), 3u);
  EXPECT_EQ(tree.AggregatesOf(kRoot).latest_mtime_ns, 0);
}

TEST(Tree, LinksAreCountedOnceInEveryDirectory) {
  Tree tree;
  const DirId a = tree.EnsureDirectory("/top/a");
  const DirId b = tree.EnsureDirectory("/top/b");
  const DirId top = *tree.FindDirectory("/top");
  tree.Put(a, "x", Link(7, 100));
  tree.Put(a, "y", Link(7, 100));
  tree.Put(b, "z", Link(7, 100));
  for (const DirId dir : {a, b, top, kRoot}) EXPECT_EQ(tree.AggregatesOf(dir).bytes, 100u);
  EXPECT_EQ(tree.AggregatesOf(top).files, 3u);
  // One grows: it is the same inode.
  tree.Put(b, "z", Link(7, 5000));
  for (const DirId dir : {a, b, top, kRoot}) EXPECT_EQ(tree.AggregatesOf(dir).bytes, 5000u);
  Entry x;
  ASSERT_TRUE(tree.Get(a, "x", &x));
  EXPECT_EQ(x.attrs.size_bytes, 5000);
  ASSERT_TRUE(tree.Move(top, "b", kRoot, "b").ok());
  EXPECT_EQ(tree.AggregatesOf(top).bytes, 5000u);
  EXPECT_EQ(tree.AggregatesOf(b).bytes, 5000u);
  EXPECT_EQ(tree.AggregatesOf(kRoot).bytes, 5000u);
  tree.Erase(kRoot, "top");
  EXPECT_EQ(tree.AggregatesOf(kRoot).bytes, 5000u);
  Entry alone = Link(7, 5000);
  alone.attrs.nlink = 1;
  tree.Put(b, "z", alone);
  EXPECT_TRUE(tree.CheckInvariants().ok());
}

TEST(Tree, AnInodeWithVeryManyLinksStaysCheap) {
  Tree tree;
  constexpr int kDirs = 200;
  for (int d = 0; d < kDirs; ++d) {
    const DirId dir = tree.EnsureDirectory("/d" + std::to_string(d % 10) + "/" + std::to_string(d));
    for (int i = 0; i < 100; ++i) tree.Put(dir, "l" + std::to_string(i), Link(1, 10));
  }
  EXPECT_EQ(tree.AggregatesOf(kRoot).files, kDirs * 100u);
  EXPECT_EQ(tree.AggregatesOf(kRoot).bytes, 10u);
  tree.Put(*tree.FindDirectory("/d3/3"), "l5", Link(1, 11));
  EXPECT_EQ(tree.AggregatesOf(*tree.FindDirectory("/d4")).bytes, 11u);
  EXPECT_TRUE(tree.CheckInvariants().ok());
  ASSERT_TRUE(tree.Move(kRoot, "d1", *tree.FindDirectory("/d2"), "in").ok());
  EXPECT_EQ(tree.Erase(kRoot, "d5"), 20u * 101 + 1);
  const auto check = tree.CheckInvariants();
  EXPECT_TRUE(check.ok()) << check.status().ToString();
  tree.Clear();
  EXPECT_TRUE(tree.CheckInvariants().ok());
}

TEST(Tree, MovesThatCannotBeAreRefused) {
  Tree tree;
  const DirId a = tree.EnsureDirectory("/a");
  const DirId c = tree.EnsureDirectory("/a/b/c");
  EXPECT_EQ(tree.Move(a, "nothing", kRoot, "x").status().code(), Code::kNotFound);
  EXPECT_EQ(tree.Move(kRoot, "a", c, "x").status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(tree.Move(kRoot, "a", a, "x").status().code(), Code::kFailedPrecondition);
  // The target would go, and the source with it.
  EXPECT_EQ(tree.Move(*tree.FindDirectory("/a/b"), "c", kRoot, "a").status().code(),
            Code::kFailedPrecondition);
  EXPECT_EQ(tree.PathOf(c), "/a/b/c");
}

// Insertions at every place of a full chunk, and a directory of many chunks.
TEST(Tree, ChunksSplitAnywhere) {
  for (int place = 0; place <= 128; ++place) {
    Tree tree;
    std::set<std::string> names;
    for (int i = 0; i < 128; ++i) names.insert(std::to_string(1000 + 2 * i));
    for (const std::string& name : names) tree.Put(kRoot, name, File(1));
    if (place % 2 == 0) tree.Publish();
    names.insert(std::to_string(999 + 2 * place));
    tree.Put(kRoot, std::to_string(999 + 2 * place), File(1));
    tree.Publish();
    auto want = names.begin();
    tree.ForEachChild(kRoot, [&](std::string_view name, const Entry&) {
      EXPECT_EQ(name, *want++);
      return true;
    });
    ASSERT_TRUE(want == names.end()) << place;
    ASSERT_TRUE(tree.CheckInvariants().ok());
  }
}

TEST(Tree, AHugeDirectoryFillsAndEmptiesInAnyOrder) {
  constexpr std::uint64_t kRows = 50'000;
  for (const int order : {0, 1, 2}) {
    SCOPED_TRACE(order);
    Prng random(9);
    std::vector<std::uint64_t> keys(kRows);
    for (std::uint64_t i = 0; i < kRows; ++i) keys[i] = order == 1 ? kRows - i : i;
    if (order == 2) {
      for (std::uint64_t i = kRows - 1; i > 0; --i) std::swap(keys[i], keys[random.Below(i + 1)]);
    }
    Tree tree;
    const auto name = [](std::uint64_t key) { return "file-" + std::to_string(1'000'000 + key); };
    for (std::uint64_t i = 0; i < kRows; ++i) {
      tree.Put(kRoot, name(keys[i]), File(static_cast<std::int64_t>(keys[i])));
      if (i % 5000 == 0) tree.Publish();
    }
    tree.Publish();
    ASSERT_EQ(tree.ChildCount(kRoot), kRows);
    ASSERT_TRUE(tree.CheckInvariants().ok());
    const auto full = tree.Pin();
    for (std::uint64_t i = 0; i < kRows; ++i) {
      ASSERT_EQ(tree.Erase(kRoot, name(keys[i])), 1u);
      if (i % 5000 == 0) tree.Publish();
    }
    tree.Publish();
    ASSERT_EQ(tree.ChildCount(kRoot), 0u);
    ASSERT_TRUE(tree.CheckInvariants().ok());
    std::uint64_t seen = 0;
    full->ForEachChild(kRoot, "", [&](const Snapshot::Row&) { return ++seen > 0; });
    ASSERT_EQ(seen, kRows);
  }
}

TEST(Tree, ANameIsAnyBytes) {
  Tree tree;
  for (int c = 1; c < 256; ++c) {
    if (c == '/') continue;
    const std::string name = std::string(1, static_cast<char>(c)) + "x";
    tree.Put(tree.Put(kRoot, name, Directory()), std::string(255, static_cast<char>(c)), File(c));
  }
  tree.Publish();
  const auto snapshot = tree.Pin();
  for (int c = 1; c < 256; ++c) {
    if (c == '/') continue;
    const std::string path =
        "/" + std::string(1, static_cast<char>(c)) + "x/" + std::string(255, static_cast<char>(c));
    const auto found = snapshot->Find(path);
    ASSERT_TRUE(found.has_value()) << c;
    ASSERT_EQ(found->attrs.size_bytes, c);
  }
}

TEST(Tree, PinsRunOutAndComeBack) {
  Tree tree(Tree::Options{.pins_max = 3});
  std::vector<Snapshot> held;
  for (int i = 0; i < 3; ++i) held.push_back(*tree.Pin());
  EXPECT_EQ(tree.Pin().status().code(), Code::kResourceExhausted);
  Snapshot moved = std::move(held.back());
  held.pop_back();
  EXPECT_EQ(tree.Pin().status().code(), Code::kResourceExhausted);
  held[0] = std::move(moved);  // Lets go of what it held.
  EXPECT_TRUE(tree.Pin().ok());
}

TEST(Tree, NumbersAreReusedOnlyWhenNoReaderSeesThem) {
  Tree tree;
  const DirId old = tree.EnsureDirectory("/a/b");
  tree.Publish();
  auto pin = tree.Pin();
  tree.Erase(kRoot, "a");
  tree.Publish();
  std::set<DirId> used;
  for (int i = 0; i < 10; ++i) used.insert(tree.EnsureDirectory("/x" + std::to_string(i)));
  EXPECT_FALSE(used.contains(old));
  EXPECT_EQ(pin->PathOf(old), "/a/b");
  {
    const Snapshot gone = *std::move(pin);
  }
  tree.Publish();
  for (int i = 0; i < 3; ++i) used.insert(tree.EnsureDirectory("/y" + std::to_string(i)));
  EXPECT_TRUE(used.contains(old));
  EXPECT_TRUE(tree.CheckInvariants().ok());
}

TEST(Tree, AnOldPinKeepsOnlyWhatItSees) {
  Tree tree;
  for (int i = 0; i < 100; ++i) tree.Put(kRoot, "f" + std::to_string(i), File(i));
  tree.Publish();
  const std::uint64_t live = tree.memory().bytes;
  {
    const auto old = tree.Pin();
    for (int i = 0; i < 1000; ++i) {
      tree.Put(kRoot, "f7", File(1000 + i));
      tree.Publish();
    }
    EXPECT_GT(tree.memory().retired_bytes, 0u);
    // The chunks in between are gone; only small version records wait.
    EXPECT_LT(tree.memory().retired_bytes, 1000u * 200);
    EXPECT_EQ(old->Find("/f7")->attrs.size_bytes, 7);
  }
  tree.Publish();
  EXPECT_EQ(tree.memory().retired_bytes, 0u);
  EXPECT_LT(tree.memory().bytes, live + 65'536);
}

// Its number waits for the reader longer than what it contained last, which the reader cannot see.
// What Foresee reads is freed then: the address sanitizer tells.
TEST(Tree, ADirectoryThatIsGoneCanBeForeseen) {
  Tree tree;
  for (const int files : {3, 1000}) {  // One chunk, and a list of them.
    const DirId dir = tree.EnsureDirectory("/gone");
    tree.Put(dir, "first", File(1));
    tree.Publish();
    const auto pin = tree.Pin();
    for (int i = 0; i < files; ++i) tree.Put(dir, "f" + std::to_string(i), File(i));
    tree.Publish();
    tree.EnsureDirectory("/other");
    ASSERT_EQ(tree.FindDirectory("/gone"), dir);  // Is what the next guess will be.
    EXPECT_EQ(tree.Erase(kRoot, "gone"), files + 2u);
    for (const bool published : {false, true}) {
      if (published) tree.Publish();
      for (std::uint32_t i = 0; i < 2 * Tree::kForesight; ++i) tree.Foresee("/gone/f7");
    }
    EXPECT_EQ(tree.FindDirectory("/gone"), std::nullopt);
  }
}

TEST(Tree, AnEntryThatComesAndGoesLeavesTheRowsAsTheyWere) {
  Tree tree;
  const auto name_of = [](int i) { return "f" + std::to_string(i) + std::string(60, 'n'); };
  for (int i = 0; i < 100; ++i) tree.Put(kRoot, name_of(i), File(i));
  tree.Publish();
  const auto there = [&](const std::string& name) {
    Entry entry;
    return tree.Get(kRoot, name, &entry);
  };
  for (const std::string name : {"a", "f50x", "z"}) {
    tree.Put(kRoot, name, File(1));
    EXPECT_TRUE(there(name));
    tree.Erase(kRoot, name);
    EXPECT_FALSE(there(name));
    // Another row comes in between: the first one is not the only edit.
    tree.Put(kRoot, name, File(1));
    tree.Put(kRoot, name + "-2", File(2));
    tree.Erase(kRoot, name);
    tree.Erase(kRoot, name + "-2");
  }
  tree.Publish();
  ASSERT_TRUE(tree.CheckInvariants().ok());
  EXPECT_EQ(tree.Pin()->ChildCount(kRoot), 100u);

  const auto pin = tree.Pin();
  tree.Put(kRoot, "z", File(1));
  tree.Erase(kRoot, "z");
  const std::uint64_t retired = tree.memory().retired_bytes;
  tree.Publish();
  // The chunk is not replaced: all that waits for the pin are records of the directory.
  EXPECT_LT(tree.memory().retired_bytes, retired + 512);
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(there(name_of(i))) << i;
  }
}

// Readers pin at random while the writer edits; each revision must agree with itself.
class Consistency {
 public:
  static void Check(const Snapshot& snapshot, DirId dir, int depth) {
    const Aggregates all = snapshot.AggregatesOf(dir);
    Aggregates sum;
    std::uint64_t rows = 0;
    snapshot.ForEachChild(dir, "", [&](const Snapshot::Row& row) {
      ++rows;
      const Entry entry = row.Load();
      if (row.dir().value == 0) {
        ++sum.files;
        sum.bytes += static_cast<std::uint64_t>(entry.attrs.size_bytes);
        return true;
      }
      const Aggregates below = snapshot.AggregatesOf(row.dir());
      sum.files += below.files;
      sum.directories += below.directories;
      sum.bytes += below.bytes;
      EXPECT_LE(below.latest_mtime_ns, all.latest_mtime_ns);
      if (depth < 3) Check(snapshot, row.dir(), depth + 1);
      return !testing::Test::HasFailure();
    });
    EXPECT_EQ(rows, snapshot.ChildCount(dir));
    EXPECT_EQ(sum.files, all.files);
    EXPECT_EQ(sum.directories + 1, all.directories);
    EXPECT_EQ(sum.bytes, all.bytes);
  }
};

TEST(Tree, ReadersSeeConsistentRevisionsWhileTheWriterEdits) {
  Tree tree;
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> checked{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 3; ++t) {
    readers.emplace_back([&tree, &done, &checked] {
      Revision last = 0;
      while (!done.load()) {
        const auto snapshot = tree.Pin();
        ASSERT_TRUE(snapshot.ok());
        ASSERT_GE(snapshot->revision(), last);
        last = snapshot->revision();
        Consistency::Check(*snapshot, kRoot, 0);
        tree.memory();
        ++checked;
      }
    });
  }
  Prng random(11);
  for (int i = 0; i < 20'000 || (checked.load() < 30 && i < 2'000'000); ++i) {
    const std::string a = std::to_string(random.Below(6));
    const std::string b = std::to_string(random.Below(6));
    const DirId dir = tree.EnsureDirectory("/" + a + "/" + b);
    const std::string name = "f" + std::to_string(random.Below(300));
    const std::uint64_t what = random.Below(100);
    if (what < 70) {
      tree.Put(dir, name, File(random.Between(0, 99), random.Between(0, 99)));
    } else if (what < 90) {
      tree.Erase(dir, name);
    } else if (what < 95) {
      static_cast<void>(tree.Move(kRoot, a, dir, b).ok());
    } else if (what < 96) {
      tree.Erase(kRoot, b);
    }
    if (random.Chance(1, 20)) tree.Publish();
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_TRUE(tree.CheckInvariants().ok());
  tree.Publish();
  EXPECT_EQ(tree.memory().retired_bytes, 0u);
}

}  // namespace
}  // namespace fustor::tree
