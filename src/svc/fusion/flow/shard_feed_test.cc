// Readers of the change feed: a Fusion on one executor that the test drives.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/path.h"
#include "base/prng.h"
#include "svc/fusion/flow/fixtures_testing.h"

namespace fustor::fusion {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Kind = FeedNews::Kind;

class ShardFeed : public testing::Test {
 protected:
  explicit ShardFeed(const FusionConfig& config = OneView())
      : world_(config), ticket_(*world_.Join(world_.OpenSession("a:p1").session_id)) {
    world_.SendSnapshot(ticket_, {"f"});
    sequence_ = 2;
    view_ = world_.fusion.Find("one");
  }
  ~ShardFeed() override {
    readers_.clear();
    world_.hand.RunAll();
  }

  ChangeReader* Follow(std::optional<FeedPosition> since = std::nullopt) {
    auto reader = world_.Await(view_->Follow(since));
    EXPECT_TRUE(reader.ok()) << reader.status().message();
    if (!reader.ok()) return nullptr;
    readers_.push_back(*std::move(reader));
    return readers_.back().get();
  }
  // What is there now.
  FeedNews Next(ChangeReader* reader) {
    std::optional<FeedNews> news;
    env::TaskGroup group(world_.hand);
    group.Spawn(world_.Keep(reader->Next(world_.hand.clock().Now(), {}), &news));
    world_.hand.RunAll();
    world_.hand.Advance(Nanos(0));
    FUSTOR_CHECK(news.has_value(), "the reader still waits");
    return *std::move(news);
  }
  static batch::Change Upsert(const std::string& path, std::int64_t size) {
    batch::Change change;
    change.path = path;
    change.attrs.mode = 0100644;
    change.attrs.size_bytes = size;
    return change;
  }
  static batch::Change Delete(const std::string& path) {
    batch::Change change;
    change.kind = batch::Change::Kind::kDelete;
    change.path = path;
    return change;
  }
  void Send(std::vector<batch::Change> changes) {
    batch::Batch batch;
    batch.sequence = ++sequence_;
    batch.changes = std::move(changes);
    for (const Status& status : world_.Deliver(ticket_, std::move(batch))) {
      EXPECT_TRUE(status.ok()) << status.message();
    }
  }
  static std::vector<std::string> Texts(const FeedNews& news) {
    std::vector<std::string> texts;
    for (const auto& changes : news.revisions) {
      for (std::size_t i = 0; i < changes->size(); ++i) {
        texts.push_back(std::string(NameOf(changes->row(i).kind)) + " " +
                        std::string(changes->path(i)));
      }
    }
    return texts;
  }

  World world_;
  const SessionHost::Ticket ticket_;
  std::uint64_t sequence_ = 0;
  std::shared_ptr<View> view_;
  std::vector<std::unique_ptr<ChangeReader>> readers_;
};

TEST_F(ShardFeed, TellsWhatChangesAfterItBegan) {
  ChangeReader* const reader = Follow();
  EXPECT_EQ(Next(reader).kind, Kind::kQuiet);
  Send({Upsert("/d/a", 1), Upsert("/b", 2)});
  Send({Delete("/b")});
  const FeedNews news = Next(reader);
  EXPECT_EQ(news.kind, Kind::kChanges);
  EXPECT_THAT(Texts(news), ElementsAre("created /d", "created /d/a", "created /b", "removed /b"));
  EXPECT_EQ(news.revisions.size(), 2u);
  EXPECT_EQ(news.position.revision, view_->Pin()->revision());
  EXPECT_EQ(Next(reader).kind, Kind::kQuiet);
}

TEST_F(ShardFeed, WakesAReaderThatWaits) {
  ChangeReader* const reader = Follow();
  std::optional<FeedNews> news;
  env::TaskGroup group(world_.hand);
  group.Spawn(world_.Keep(reader->Next(Instant::Max(), {}), &news));
  world_.hand.RunAll();
  EXPECT_FALSE(news.has_value());
  Send({Upsert("/a", 1)});
  ASSERT_TRUE(news.has_value());
  EXPECT_THAT(Texts(*news), ElementsAre("created /a"));
}

TEST_F(ShardFeed, AReaderResumesWhereItWas) {
  ChangeReader* const first = Follow();
  Send({Upsert("/a", 1)});
  const FeedPosition position = Next(first).position;
  readers_.clear();
  Send({Upsert("/b", 1)});
  ChangeReader* const second = Follow(position);
  EXPECT_THAT(Texts(Next(second)), ElementsAre("created /b"));
  EXPECT_EQ(world_.status("one")->feed_resets, 0u);
}

TEST_F(ShardFeed, RecordsNothingWhileNobodyListens) {
  Send({Upsert("/a", 1)});
  EXPECT_EQ(world_.status("one")->feed_rows, 0u);
  ChangeReader* const reader = Follow();
  Send({Upsert("/b", 1)});
  EXPECT_EQ(world_.status("one")->feed_rows, 1u);
  EXPECT_EQ(world_.status("one")->feed_readers, 1u);
  EXPECT_THAT(Texts(Next(reader)), ElementsAre("created /b"));
  readers_.clear();
  world_.hand.RunAll();
  Send({Upsert("/c", 1)});
  EXPECT_EQ(world_.status("one")->feed_rows, 2u) << "it may come back";
  batch::Heartbeat beat;
  world_.hand.Advance(Seconds(301));
  // The session has timed out; another one goes on.
  const SessionHost::Ticket ticket = *world_.Join(world_.OpenSession("b:p1").session_id);
  world_.SendSnapshot(ticket, {"f"});
  EXPECT_EQ(world_.status("one")->feed_rows, 0u);
}

TEST_F(ShardFeed, SaysSoWhenItCannotResume) {
  Send({Upsert("/a", 1)});
  const tree::Revision now = view_->Pin()->revision();
  FeedNews news = Next(Follow(FeedPosition{now - 1, std::nullopt}));
  EXPECT_EQ(news.kind, Kind::kReset);
  EXPECT_THAT(news.reason, HasSubstr("not recorded"));
  EXPECT_EQ(news.position.revision, now);
  news = Next(Follow(FeedPosition{now + 1, std::nullopt}));
  EXPECT_THAT(news.reason, HasSubstr("no such revision"));
  news = Next(Follow(FeedPosition{now, 77}));
  EXPECT_EQ(news.kind, Kind::kReset) << "a number of another life means nothing";
  EXPECT_EQ(Next(Follow(FeedPosition{now, std::nullopt})).kind, Kind::kQuiet)
      << "nothing was missed";
  EXPECT_EQ(Next(Follow(FeedPosition{now, news.position.incarnation})).kind, Kind::kQuiet);
}

TEST_F(ShardFeed, WhatIsEditedAndNotYetPublishedIsNotMissed) {
  const tree::Revision before = view_->Pin()->revision();
  batch::Batch batch;
  batch.sequence = ++sequence_;
  batch.changes = {Upsert("/a", 1)};
  // Applied in one turn, published in the turn after the next: between them somebody comes.
  ticket_.shards[0]->Deliver(ticket_.session,
                             std::make_shared<const batch::Batch>(std::move(batch)),
                             [](const Status&) {});
  ChangeReader* const reader = Follow(FeedPosition{before, std::nullopt});
  const FeedNews news = Next(reader);
  EXPECT_EQ(news.kind, Kind::kReset) << "the change was not recorded";
  EXPECT_EQ(news.position.revision, before + 1);
}

TEST_F(ShardFeed, AResetOfTheViewIsToldToItsReaders) {
  ChangeReader* const reader = Follow();
  Send({Upsert("/a", 1)});
  EXPECT_TRUE(world_.Await(view_->Reset()).ok());
  const FeedNews news = Next(reader);
  EXPECT_EQ(news.kind, Kind::kReset);
  EXPECT_THAT(news.reason, HasSubstr("emptied"));
  EXPECT_EQ(news.position.revision, view_->Pin()->revision());
}

TEST_F(ShardFeed, ASlowReaderLosesItsPlaceAndNobodyElseDoes) {
  ChangeReader* const slow = Follow();
  ChangeReader* const fast = Follow();
  EXPECT_EQ(Next(slow).kind, Kind::kQuiet);
  constexpr std::size_t kBatch = 20'000;
  std::size_t seen = 0;
  for (std::size_t round = 0; round < 15; ++round) {
    std::vector<batch::Change> changes;
    for (std::size_t i = 0; i < kBatch; ++i) {
      changes.push_back(Upsert("/n" + std::to_string(i), static_cast<std::int64_t>(round + 1)));
    }
    Send(std::move(changes));
    for (FeedNews news = Next(fast); news.kind == Kind::kChanges; news = Next(fast)) {
      seen += Texts(news).size();
    }
  }
  EXPECT_EQ(seen, 15 * kBatch);
  EXPECT_LE(world_.status("one")->feed_rows, Feed::Options().rows_max);
  EXPECT_LE(world_.status("one")->feed_bytes, Feed::Options().bytes_max);
  const FeedNews news = Next(slow);
  EXPECT_EQ(news.kind, Kind::kReset);
  EXPECT_THAT(news.reason, HasSubstr("too slow"));
  EXPECT_EQ(world_.status("one")->feed_resets, 0u) << "shown with the next revision";
  Send({Upsert("/z", 1)});
  EXPECT_EQ(world_.status("one")->feed_resets, 1u);
  EXPECT_THAT(Texts(Next(slow)), ElementsAre("created /z"));
}

FusionConfig WithASmallFeed() {
  FusionConfig config = OneView();
  config.views["one"].feed.readers_max = 2;
  config.views["one"].feed.changes_max = 3;
  config.views["one"].feed.linger = Seconds(7);
  return config;
}

class SmallShardFeed : public ShardFeed {
 protected:
  SmallShardFeed() : ShardFeed(WithASmallFeed()) {}
};

TEST_F(SmallShardFeed, ItsLimitsAreThoseOfTheConfiguration) {
  ChangeReader* const slow = Follow();
  ChangeReader* const fast = Follow();
  EXPECT_EQ(world_.Await(view_->Follow(std::nullopt)).status().code(), Code::kResourceExhausted);
  EXPECT_EQ(Next(slow).kind, Kind::kQuiet);
  for (const char* path : {"/a", "/b"}) {
    Send({Upsert(path, 1)});
    EXPECT_EQ(Next(fast).kind, Kind::kChanges);
  }
  EXPECT_EQ(Texts(Next(slow)).size(), 2u);
  for (const char* path : {"/c", "/d", "/e", "/f"}) {
    Send({Upsert(path, 1)});
    EXPECT_EQ(Next(fast).kind, Kind::kChanges);
  }
  EXPECT_EQ(Next(slow).kind, Kind::kReset) << "one more than is kept";
  readers_.clear();
  world_.hand.RunAll();
  world_.hand.Advance(Seconds(6));
  Send({Upsert("/g", 1)});
  EXPECT_NE(world_.status("one")->feed_rows, 0u);
  world_.hand.Advance(Seconds(2));
  Send({Upsert("/h", 1)});
  Send({Upsert("/i", 1)});
  EXPECT_EQ(world_.status("one")->feed_rows, 0u) << "nobody has come back";
}

TEST_F(ShardFeed, TakesOnlySoManyReaders) {
  const std::size_t max = Shard::Options().feed_readers_max;
  for (std::size_t i = 0; i < max; ++i) Follow();
  const auto refused = world_.Await(view_->Follow(std::nullopt));
  EXPECT_EQ(refused.status().code(), Code::kResourceExhausted);
  readers_.pop_back();
  world_.hand.RunAll();
  Follow();
}

TEST_F(ShardFeed, EndsWithTheViewAndWhenAsked) {
  std::stop_source stop;
  ChangeReader* const reader = Follow();
  std::optional<FeedNews> stopped;
  std::optional<FeedNews> ended;
  env::TaskGroup group(world_.hand);
  group.Spawn(world_.Keep(reader->Next(Instant::Max(), stop.get_token()), &stopped));
  group.Spawn(world_.Keep(Follow()->Next(Instant::Max(), {}), &ended));
  world_.hand.RunAll();
  stop.request_stop();
  world_.hand.RunAll();
  ASSERT_TRUE(stopped.has_value());
  EXPECT_EQ(stopped->kind, Kind::kEnded);
  EXPECT_FALSE(ended.has_value());
  world_.Await(world_.fusion.Stop());
  world_.hand.RunAll();
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->kind, Kind::kEnded);
  EXPECT_EQ(world_.Await(view_->Follow(std::nullopt)).status().code(), Code::kUnavailable);
}

// Random realtime evidence through the arbiter; a copy that began at any moment and follows the
// feed is the tree at the end.
TEST_F(ShardFeed, CopiesThatFollowAreTheTree) {
  struct Copy {
    ChangeReader* reader;
    std::map<std::string, std::int64_t> sizes;  // -1: a directory.
  };
  const auto draw = [&] {
    std::map<std::string, std::int64_t> sizes;
    const tree::Snapshot snapshot = *view_->Pin();
    std::vector<std::pair<std::string, tree::DirId>> stack = {{"/", tree::kRoot}};
    while (!stack.empty()) {
      const auto [path, dir] = stack.back();
      stack.pop_back();
      snapshot.ForEachChild(dir, "", [&](const tree::Snapshot::Row& row) {
        const std::string child = JoinPath(path, row.name());
        const bool directory = row.dir().value != 0;
        sizes[child] = directory ? -1 : row.size_bytes();
        if (directory) stack.emplace_back(child, row.dir());
        return true;
      });
    }
    return sizes;
  };
  const auto catch_up = [&](Copy* copy) {
    for (FeedNews news = Next(copy->reader); news.kind != Kind::kQuiet; news = Next(copy->reader)) {
      ASSERT_EQ(news.kind, Kind::kChanges);
      for (const auto& changes : news.revisions) {
        for (std::size_t i = 0; i < changes->size(); ++i) {
          const std::string path(changes->path(i));
          const std::string from(changes->old_path(i));
          const auto& row = changes->row(i);
          if (path == "/") continue;
          std::map<std::string, std::int64_t> carried;
          for (const auto& [at, size] : copy->sizes) {
            if (row.kind == ChangeKind::kMoved && IsWithin(at, from)) {
              carried[path + at.substr(from.size())] = size;
            }
          }
          std::erase_if(copy->sizes, [&](const auto& e) {
            return (row.kind == ChangeKind::kMoved && IsWithin(e.first, from)) ||
                   (row.kind == ChangeKind::kRemoved && IsWithin(e.first, path));
          });
          copy->sizes.merge(carried);
          if (row.kind == ChangeKind::kRemoved) continue;
          copy->sizes[path] = row.attrs.is_directory() ? -1 : row.attrs.size_bytes;
        }
      }
    }
  };
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Prng random(seed);
    std::vector<Copy> copies;
    const auto any = [&] {
      std::string path;
      for (std::uint64_t i = 1 + random.Below(3); i > 0; --i) {
        path += std::string("/") + static_cast<char>('a' + random.Below(4));
      }
      return path;
    };
    for (int step = 0; step < 150; ++step) {
      std::vector<batch::Change> changes;
      for (std::uint64_t i = random.Below(4); i > 0; --i) {
        batch::Change change = Upsert(any(), random.Between(0, 5));
        const std::uint64_t what = random.Below(10);
        if (what < 2) change.attrs.kind = EntryKind::kDirectory;
        if (what == 2) change.atomic = false;
        if (what == 3 || what == 4) change = Delete(any());
        if (what >= 8) {
          change.kind = batch::Change::Kind::kMove;
          change.old_path = any();
        }
        changes.push_back(std::move(change));
      }
      Send(std::move(changes));
      if (random.Chance(1, 15)) copies.push_back({Follow(), draw()});
      if (!copies.empty() && random.Chance(1, 3)) {
        catch_up(&copies[random.Below(copies.size())]);
      }
      if (HasFatalFailure()) return;
    }
    for (Copy& copy : copies) {
      catch_up(&copy);
      EXPECT_EQ(copy.sizes, draw());
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace fustor::fusion
