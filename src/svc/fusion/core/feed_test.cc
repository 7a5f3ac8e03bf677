#include "svc/fusion/core/feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <map>

#include "base/path.h"
#include "base/prng.h"

namespace fustor::fusion {
namespace {

using ::testing::ElementsAre;

// What a reader of the feed can know of a tree.
struct Known {
  EntryAttrs attrs;
  std::uint8_t flags = 0;
  std::string target;
  friend bool operator==(const Known&, const Known&) = default;
};
using Picture = std::map<std::string, Known>;

Picture Draw(tree::Tree* tree) {
  Picture picture;
  const tree::Entry root = tree->GetRoot();
  picture["/"] = {root.attrs, root.flags, root.target};
  const std::function<void(const std::string&, tree::DirId)> walk = [&](const std::string& path,
                                                                        tree::DirId dir) {
    tree->ForEachChild(dir, [&](std::string_view name, const tree::Entry& entry) {
      const std::string child = JoinPath(path, name);
      picture[child] = {entry.attrs, entry.flags, entry.target};
      if (entry.attrs.is_directory()) walk(child, entry.dir);
      return true;
    });
  };
  walk("/", tree::kRoot);
  return picture;
}

// As a reader is told to do it.
void ApplyRow(const RevisionChanges& changes, std::size_t i, Picture* picture) {
  const std::string path(changes.path(i));
  const auto& row = changes.row(i);
  switch (row.kind) {
    case ChangeKind::kRemoved:
      EXPECT_TRUE(picture->contains(path)) << path;
      std::erase_if(*picture, [&](const auto& e) { return IsWithin(e.first, path); });
      return;
    case ChangeKind::kMoved: {
      const std::string from(changes.old_path(i));
      Picture carried;
      for (const auto& [at, known] : *picture) {
        if (IsWithin(at, from)) carried[path + at.substr(from.size())] = known;
      }
      EXPECT_FALSE(carried.empty()) << from;
      EXPECT_FALSE(picture->contains(path)) << path;
      std::erase_if(*picture, [&](const auto& e) { return IsWithin(e.first, from); });
      picture->merge(carried);
      break;
    }
    case ChangeKind::kCreated:
      EXPECT_FALSE(picture->contains(path)) << path;
      break;
    case ChangeKind::kUpdated:
      EXPECT_TRUE(picture->contains(path)) << path;
      EXPECT_NE(row.what, 0) << path;
      break;
  }
  const tree::Entry entry = changes.EntryOf(i);
  (*picture)[path] = {entry.attrs, entry.flags, entry.target};
}

class Player {
 public:
  Player(std::uint64_t seed, Feed::Options options) : random_(seed), feed_(options) {
    feed_.Begin(tree_.revision());
    tree_.Observe(&feed_);
    pictures_[tree_.revision()] = Draw(&tree_);
  }

  void Play(int revisions) {
    for (int r = 0; r < revisions; ++r) {
      for (std::uint64_t i = 1 + random_.Below(8); i > 0; --i) Step();
      Publish();
    }
  }
  void Publish() {
    const tree::Revision revision = tree_.Publish();
    feed_.Publish(revision, {static_cast<std::int64_t>(revision)});
    pictures_[revision] = Draw(&tree_);
  }

  // From every revision there was: the changes lead to the tree of now, or the reader is told that
  // they do not. Returns how many could not resume.
  std::size_t ResumeEverywhere() {
    std::size_t lost = 0;
    const auto& [last, now] = *pictures_.rbegin();
    for (const auto& [revision, then] : pictures_) {
      Picture picture = then;
      tree::Revision at = revision;
      bool is_lost = false;
      for (int pages = 0; at < last && !is_lost && pages < 10'000; ++pages) {
        const Feed::Page page = feed_.Read(at, random_.Below(2000));
        is_lost = page.lost != Feed::Lost::kNo;
        if (is_lost) EXPECT_EQ(page.upto, last);
        for (const auto& changes : page.revisions) {
          EXPECT_GT(changes->revision(), at);
          EXPECT_LE(changes->revision(), page.upto);
          at = changes->revision();
          for (std::size_t i = 0; i < changes->size(); ++i) ApplyRow(*changes, i, &picture);
          EXPECT_TRUE(picture == pictures_.at(at)) << "from " << revision << " at " << at;
        }
        EXPECT_TRUE(is_lost || page.upto > at || !page.revisions.empty());
        at = page.upto;
      }
      if (is_lost) {
        ++lost;
        EXPECT_LT(revision, last) << "whoever knows the present has missed nothing";
      } else {
        EXPECT_TRUE(picture == now) << "from " << revision;
      }
      if (testing::Test::HasFailure()) break;
    }
    return lost;
  }
  std::size_t revisions() const { return pictures_.size(); }
  tree::Tree& tree() { return tree_; }
  Feed& feed() { return feed_; }

 private:
  std::string Name() { return std::string(1, static_cast<char>('a' + random_.Below(6))); }
  std::string Directory() {
    const Picture now = Draw(&tree_);
    std::vector<std::string> paths;
    for (const auto& [path, known] : now) {
      if (known.attrs.is_directory() && path.size() < 12) paths.push_back(path);
    }
    return paths[random_.Below(paths.size())];
  }
  tree::Entry Something() {
    tree::Entry entry;
    const std::uint64_t kind = random_.Below(6);
    entry.attrs.kind = kind < 2    ? EntryKind::kDirectory
                       : kind == 5 ? EntryKind::kSymlink
                                   : EntryKind::kFile;
    entry.attrs.size_bytes = random_.Between(0, 3);
    entry.attrs.mtime_ns = random_.Between(0, 3);
    entry.attrs.mode = static_cast<std::uint32_t>(random_.Below(2));
    if (random_.Chance(1, 3)) {
      entry.attrs.inode = 1 + random_.Below(3);
      entry.attrs.nlink = 2;
    }
    entry.flags = static_cast<std::uint8_t>(random_.Below(4));
    entry.confirmed_ns = random_.Between(0, 1'000'000);
    if (kind == 5) entry.target = Name();
    return entry;
  }
  void Step() {
    const std::string path = Directory();
    const tree::DirId dir = *tree_.FindDirectory(path);
    const std::string name = Name();
    const std::uint64_t what = random_.Below(100);
    if (what < 50) {
      tree_.Put(dir, name, Something());
    } else if (what < 65) {
      tree::Entry entry;
      if (!tree_.Get(dir, name, &entry)) return;
      entry.confirmed_ns = random_.Between(0, 1'000'000);
      if (random_.Chance(1, 2)) entry.flags ^= 1;
      tree_.Put(dir, name, entry);
    } else if (what < 80) {
      tree_.Erase(dir, name);
    } else if (what < 97) {
      const std::string to = Directory();
      (void)tree_.Move(dir, name, *tree_.FindDirectory(to), Name());
    } else {
      tree::Entry root = tree_.GetRoot();
      root.attrs.mtime_ns = random_.Between(0, 9);
      tree_.PutRoot(root);
    }
  }

  Prng random_;
  Feed feed_;  // Outlives the tree.
  tree::Tree tree_;
  std::map<tree::Revision, Picture> pictures_;
};

std::uint64_t Seeds() {
  const char* const seeds = std::getenv("FUSTOR_SEEDS");
  return seeds != nullptr ? std::strtoull(seeds, nullptr, 10) : 20;
}

TEST(FeedProperty, LeadsFromEveryRevisionToThePresent) {
  for (std::uint64_t seed = 1; seed <= Seeds(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Player player(seed, {});
    player.Play(60);
    EXPECT_EQ(player.ResumeEverywhere(), 0u);
    if (HasFailure()) return;
  }
}

TEST(FeedProperty, InASmallRingThePastIsLostAndSaidSo) {
  std::size_t lost = 0;
  for (std::uint64_t seed = 1; seed <= Seeds(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Feed::Options options{.rows_max = 5 + seed % 40, .bytes_max = 1000 + 500 * (seed % 30)};
    Player player(seed, options);
    player.Play(60);
    lost += player.ResumeEverywhere();
    EXPECT_LE(player.feed().rows(), options.rows_max);
    EXPECT_LE(player.feed().size_bytes(), options.bytes_max);
    if (HasFailure()) return;
  }
  EXPECT_GT(lost, 0u) << "the test tests nothing";
}

TEST(FeedProperty, AClearedTreeLosesAllReaders) {
  Player player(3, {});
  player.Play(10);
  const std::size_t before = player.revisions();
  player.tree().Clear();
  player.Publish();
  player.Play(10);
  EXPECT_EQ(player.ResumeEverywhere(), before);
}

struct Small : ::testing::Test {
  Small() {
    feed_.Begin(tree_.revision());
    tree_.Observe(&feed_);
  }
  void PutFile(const std::string& name, std::int64_t size, std::int64_t confirmed_ns = 0) {
    tree::Entry entry;
    entry.attrs.size_bytes = size;
    entry.confirmed_ns = confirmed_ns;
    tree_.Put(tree::kRoot, name, entry);
  }
  tree::Revision Publish() {
    const tree::Revision revision = tree_.Publish();
    feed_.Publish(revision, {});
    return revision;
  }
  // "created /a 1", ...
  std::vector<std::string> Read(tree::Revision after) {
    std::vector<std::string> texts;
    for (const auto& changes : feed_.Read(after, SIZE_MAX).revisions) {
      for (std::size_t i = 0; i < changes->size(); ++i) {
        texts.push_back(std::string(NameOf(changes->row(i).kind)) + " " +
                        std::string(changes->path(i)) + " " +
                        std::to_string(changes->row(i).attrs.size_bytes));
      }
    }
    return texts;
  }

  Feed feed_{Feed::Options{.rows_max = 4, .bytes_max = 1 << 20}};
  tree::Tree tree_;
};

TEST_F(Small, UpdatesInARowAreOne) {
  PutFile("a", 1);
  PutFile("a", 2);
  PutFile("b", 1);
  PutFile("a", 3);
  PutFile("a", 4);
  Publish();
  EXPECT_THAT(Read(0), ElementsAre("created /a 2", "created /b 1", "updated /a 4"));
}

TEST_F(Small, AConfirmationIsNoChange) {
  PutFile("a", 1);
  const tree::Revision revision = Publish();
  PutFile("a", 1, 5);
  EXPECT_GT(Publish(), revision);
  EXPECT_THAT(Read(revision), ElementsAre());
  EXPECT_EQ(feed_.Read(revision, SIZE_MAX).upto, tree_.revision());
}

TEST_F(Small, ARevisionThatDoesNotFitIsNotKept) {
  PutFile("a", 1);
  const tree::Revision before = Publish();
  for (const char* const name : {"b", "c", "d", "e", "f"}) PutFile(name, 1);
  const tree::Revision large = Publish();
  EXPECT_EQ(feed_.Read(before, SIZE_MAX).lost, Feed::Lost::kFull);
  EXPECT_EQ(feed_.rows(), 0u);
  PutFile("g", 1);
  Publish();
  EXPECT_THAT(Read(large), ElementsAre("created /g 1"));
}

TEST(Feed, ARevisionHasABoundOfItsOwn) {
  Feed feed(Feed::Options{.rows_max = 1000, .bytes_max = 1 << 20, .revision_bytes_max = 2000});
  tree::Tree tree;
  feed.Begin(tree.revision());
  tree.Observe(&feed);
  const auto put = [&](int count, const std::string& prefix) {
    for (int i = 0; i < count; ++i) tree.Put(tree::kRoot, prefix + std::to_string(i), {});
    const tree::Revision revision = tree.Publish();
    feed.Publish(revision, {});
    return revision;
  };
  const tree::Revision first = put(5, "a");
  EXPECT_EQ(feed.Read(0, SIZE_MAX).lost, Feed::Lost::kNo);
  put(50, "b");
  EXPECT_EQ(feed.Read(first, SIZE_MAX).lost, Feed::Lost::kFull);
}

TEST_F(Small, SaysWhyAPlaceIsLost) {
  EXPECT_EQ(feed_.Read(tree_.revision() + 1, 1).lost, Feed::Lost::kUnknown);
  PutFile("a", 1);
  Publish();
  feed_.Begin(tree_.revision());
  EXPECT_EQ(feed_.Read(0, 1).lost, Feed::Lost::kNotRecorded);
  tree_.Clear();
  Publish();
  EXPECT_EQ(feed_.Read(1, 1).lost, Feed::Lost::kCleared);
}

TEST(FeedPosition, IsReadAsItIsWritten) {
  for (const FeedPosition position :
       {FeedPosition{0, std::nullopt}, FeedPosition{17, std::nullopt}, FeedPosition{17, 0x18a3f2c},
        FeedPosition{UINT64_MAX, UINT64_MAX}}) {
    EXPECT_EQ(FeedPosition::Parse(position.Text()), position) << position.Text();
  }
  for (const char* const bad : {"", "x", "-", "1-", "-1", "1-g", "1-1-1", "1 ", " 1",
                                "99999999999999999999", "1-11111111111111111", "1-0x1"}) {
    EXPECT_EQ(FeedPosition::Parse(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace fustor::fusion
