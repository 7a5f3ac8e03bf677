#include "svc/fusion/flow/checkpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "svc/fusion/flow/fixtures_testing.h"

namespace fustor::fusion {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kFirst[] = "/home/checkpoints/one/000000000001.checkpoint";

FusionConfig Config(std::size_t kept = 1) {
  FusionConfig config = OneView();
  config.views["one"].availability = ViewConfig::Availability::kStaleOk;
  config.views["one"].checkpoints_kept = kept;
  config.pipes["p1"].session_timeout = Seconds(3600);  // Nobody beats here.
  return config;
}

// The checkpoints, without what else lies there.
std::map<std::string, std::string> Written(const FakeDisk& disk) {
  std::map<std::string, std::string> files = disk.files;
  std::erase_if(files, [](const auto& file) { return !file.first.ends_with(".checkpoint"); });
  return files;
}

// Somebody reports these files, and a checkpoint of them is written.
void Fill(FakeDisk* disk, const std::vector<std::string>& names, FusionConfig config = Config()) {
  World world(std::move(config), disk);
  world.stops = false;
  const auto ticket = *world.Join(world.OpenSession("a:p1").session_id);
  world.SendSnapshot(ticket, names);
  world.hand.Advance(Seconds(301));
}

TEST(Checkpoints, AViewIsBackBeforeItsAgents) {
  FakeDisk disk;
  Fill(&disk, {"f", "g"});
  ASSERT_TRUE(disk.files.contains(kFirst));
  EXPECT_EQ(disk.modes[kFirst], 0600u);
  EXPECT_EQ(disk.modes["/home/checkpoints/one"], 0700u);
  World world(Config(), &disk);
  const auto status = world.status("one");
  EXPECT_TRUE(world.Has("one", "/f") && world.Has("one", "/g"));
  EXPECT_FALSE(status->ready);
  EXPECT_TRUE(status->was_ready_once);
  ASSERT_TRUE(status->restored_from.has_value());
  EXPECT_EQ(status->unready_since, status->restored_from);
  EXPECT_THAT(status->not_ready_reason, HasSubstr("No active leader session"));
  ASSERT_THAT(status->uncertain, SizeIs(1));
  EXPECT_EQ(status->uncertain[0].path, "/");
  ASSERT_THAT(status->reporters, SizeIs(2));
  EXPECT_EQ(status->reporters[1].source_uri, "/data");
  EXPECT_GE(world.fusion.Find("one")->Pin()->revision(), std::uint64_t{1} << 32);

  // Back with another truth: "g" has gone, "h" has come.
  const auto ticket = *world.Join(world.OpenSession("a:p1").session_id);
  world.Deliver(ticket, WholeSnapshot(1, {"f", "h"}, batch::ScanMark::kBegin));
  EXPECT_TRUE(world.status("one")->restored_from.has_value());
  world.Deliver(ticket, WholeSnapshot(2, {}, batch::ScanMark::kEnd));
  const auto after = world.status("one");
  EXPECT_TRUE(after->ready);
  EXPECT_FALSE(after->restored_from.has_value());
  EXPECT_THAT(after->uncertain, IsEmpty());
  EXPECT_FALSE(world.Has("one", "/g"));
  EXPECT_TRUE(world.Has("one", "/h"));
  ASSERT_THAT(after->reporters, SizeIs(2)) << "the same agent is the same reporter";
}

TEST(Checkpoints, OnlyWhatPeopleMayRelyOnIsWritten) {
  FakeDisk disk;
  World world(Config(), &disk);
  const auto ticket = *world.Join(world.OpenSession("a:p1").session_id);
  world.Deliver(ticket, WholeSnapshot(1, {"f"}, batch::ScanMark::kBegin));
  world.hand.Advance(Seconds(1000));
  EXPECT_THAT(Written(disk), IsEmpty()) << "half a snapshot";
}

TEST(Checkpoints, NothingNewIsNotWrittenAgain) {
  FakeDisk disk;
  World world(Config(3), &disk);
  const auto ticket = *world.Join(world.OpenSession("a:p1").session_id);
  world.SendSnapshot(ticket, {"f"});
  world.hand.Advance(Seconds(3000));
  EXPECT_THAT(Written(disk), SizeIs(1));
  EXPECT_EQ(world.fusion.Find("one")->checkpoints()->written, 1u);
}

TEST(Checkpoints, TheLastOneAtAStopInOrder) {
  FakeDisk disk;
  {
    World world(Config(), &disk);
    const auto ticket = *world.Join(world.OpenSession("a:p1").session_id);
    world.SendSnapshot(ticket, {"f"});
  }
  EXPECT_TRUE(disk.files.contains(kFirst));
  {
    World world(Config(), &disk);
    EXPECT_TRUE(world.Has("one", "/f"));
  }
  EXPECT_TRUE(disk.files.contains(kFirst)) << "what was restored is not written again";
}

TEST(Checkpoints, ADamagedOneIsAColdStart) {
  FakeDisk disk;
  Fill(&disk, {"f"});
  const std::string whole = disk.files[kFirst];
  for (std::size_t i = 0; i <= whole.size(); i += 7) {
    std::string damaged = whole;
    if (i < whole.size()) {
      damaged[i] = static_cast<char>(damaged[i] ^ 16);
    } else {
      damaged.resize(i / 2);
    }
    disk.files[kFirst] = damaged;
    World world(Config(), &disk);
    world.stops = false;
    const auto status = world.status("one");
    EXPECT_FALSE(world.Has("one", "/f")) << i;
    EXPECT_FALSE(status->was_ready_once) << i;
    EXPECT_EQ(status->memory.entries, 1u) << i;
    EXPECT_THAT(world.fusion.Find("one")->checkpoints()->restore_error, HasSubstr(kFirst)) << i;
    // And works as if there had been none.
    const auto ticket = *world.Join(world.OpenSession("a:p1").session_id);
    world.SendSnapshot(ticket, {"x"});
    EXPECT_TRUE(world.status("one")->ready) << i;
  }
}

TEST(Checkpoints, AnOlderOneServesWhenTheNewestIsDamaged) {
  FakeDisk disk;
  {
    World world(Config(2), &disk);
    world.stops = false;
    const auto ticket = *world.Join(world.OpenSession("a:p1").session_id);
    world.SendSnapshot(ticket, {"f"});
    world.hand.Advance(Seconds(301));
    world.Deliver(ticket, WholeSnapshot(3, {"f", "g"}, batch::ScanMark::kBegin));
    world.hand.Advance(Seconds(301));
  }
  ASSERT_THAT(Written(disk), SizeIs(2));
  std::string& newest = disk.files["/home/checkpoints/one/000000000002.checkpoint"];
  newest.pop_back();
  World world(Config(2), &disk);
  EXPECT_TRUE(world.Has("one", "/f"));
  EXPECT_FALSE(world.Has("one", "/g"));
  EXPECT_TRUE(world.status("one")->was_ready_once);
}

TEST(Checkpoints, OfAnotherViewOrSourceIsNotLoaded) {
  FakeDisk disk;
  Fill(&disk, {"f"});
  FusionConfig config = Config();
  config.views["one"].source = "/elsewhere";
  World other(config, &disk);
  other.stops = false;
  EXPECT_FALSE(other.Has("one", "/f"));
  EXPECT_THAT(other.fusion.Find("one")->checkpoints()->restore_error, HasSubstr("it is of ''"));
  FusionConfig small = Config();
  small.views["one"].tree_items_max = 1;
  World full(small, &disk);
  full.stops = false;
  EXPECT_FALSE(full.Has("one", "/f"));
  EXPECT_THAT(full.fusion.Find("one")->checkpoints()->restore_error, HasSubstr("only 1 may be"));
}

TEST(Checkpoints, AFullDiskLeavesTheOldOneAndShows) {
  FakeDisk disk;
  Fill(&disk, {"f"});
  const auto before = Written(disk);
  World world(Config(), &disk);
  const auto ticket = *world.Join(world.OpenSession("a:p1").session_id);
  world.SendSnapshot(ticket, {"x"});
  disk.room = 50;
  world.hand.Advance(Seconds(301));
  EXPECT_EQ(Written(disk), before);
  auto status = world.fusion.Find("one")->checkpoints();
  EXPECT_EQ(status->failures, 1u);
  EXPECT_THAT(status->error, HasSubstr("no space left"));
  disk.room = SIZE_MAX;
  disk.broken = true;
  world.hand.Advance(Seconds(301));
  EXPECT_EQ(Written(disk), before);
  disk.broken = false;
  world.hand.Advance(Seconds(301));
  status = world.fusion.Find("one")->checkpoints();
  EXPECT_EQ(status->error, "");
  EXPECT_EQ(status->failures, 2u);
  EXPECT_THAT(Written(disk), SizeIs(1));
  EXPECT_NE(Written(disk), before);
}

TEST(Checkpoints, AResetRemovesThem) {
  FakeDisk disk;
  Fill(&disk, {"f"});
  {
    World world(Config(), &disk);
    world.stops = false;
    ASSERT_TRUE(world.Has("one", "/f"));
    EXPECT_EQ(world.Await(world.fusion.Find("one")->Reset()), Status());
    EXPECT_THAT(Written(disk), IsEmpty());
    EXPECT_FALSE(world.status("one")->was_ready_once);
    world.hand.Advance(Seconds(1000));
    EXPECT_THAT(Written(disk), IsEmpty());
  }
  World world(Config(), &disk);
  EXPECT_FALSE(world.Has("one", "/f"));
}

TEST(Checkpoints, OfALiveViewOrWithoutAnIntervalThereAreNone) {
  FusionConfig live = Config();
  live.views["one"].live_mode = true;
  FusionConfig off = Config();
  off.views["one"].checkpoint_interval = Nanos(0);
  for (const FusionConfig& config : {live, off}) {
    FakeDisk disk;
    Fill(&disk, {"f"}, config);
    EXPECT_THAT(Written(disk), IsEmpty());
    World world(config, &disk);
    EXPECT_EQ(world.fusion.Find("one")->checkpoints(), nullptr);
    EXPECT_EQ(world.Await(world.fusion.Find("one")->ListCheckpoints()).status().code(),
              Code::kUnimplemented);
  }
}

TEST(Checkpoints, WhatComesWhileOneIsLoadedWaitsInOrder) {
  FakeDisk disk;
  Fill(&disk, {"f", "g"});
  World world(OneView(), nullptr);
  const std::shared_ptr<const ViewStatus> cold = world.status("one");
  EXPECT_FALSE(cold->restoring);
  // A shard of its own, so that the load can be stopped in the middle.
  Shard::Options options;
  options.view_id = "one";
  const auto shard = std::make_shared<Shard>(options, world.hand, Logger());
  shard->BeginRestore("", 5);
  shard->AddPipe(7, "p1", SessionPolicy::kShared);
  world.hand.RunAll();
  EXPECT_TRUE(shard->status()->restoring);
  Sessions::Effect started;
  started.kind = Sessions::Effect::Kind::kStarted;
  started.session = SessionKey{9};
  Sessions::Effect leads = started;
  leads.kind = Sessions::Effect::Kind::kLeaderChanged;
  shard->Tell(7, started, {"a", "/data"});
  shard->Tell(7, leads, {});
  std::vector<Status> answers;
  const auto deliver = [&](std::uint64_t sequence, std::vector<std::string> names,
                           batch::ScanMark mark) {
    shard->Deliver(SessionKey{9},
                   std::make_shared<const batch::Batch>(WholeSnapshot(sequence, names, mark)),
                   [&](Status s) { answers.push_back(std::move(s)); });
    world.hand.RunAll();
  };
  EXPECT_EQ(shard->missing(), (Missing{.snapshot_end = true, .leader = true}));
  deliver(1, {"f"}, batch::ScanMark::kBegin);
  EXPECT_EQ(shard->missing(), (Missing{.snapshot_end = true, .queued = true, .leader = true}));
  deliver(2, {}, batch::ScanMark::kEnd);
  EXPECT_EQ(shard->missing(), (Missing{.queued = true, .leader = true}));
  EXPECT_THAT(answers, IsEmpty());
  checkpoint::FrameReader reader;
  reader.Take(disk.files[kFirst]);
  for (;;) {
    const auto frame = reader.Next().value();
    if (!frame) break;
    Status applied(Code::kUnknown, "not yet");
    shard->Restore(*frame, [&](Status s) { applied = std::move(s); });
    world.hand.RunAll();
    ASSERT_EQ(applied, Status());
  }
  EXPECT_FALSE(shard->status()->was_ready_once) << "nothing is shown before all of it is there";
  shard->EndRestore();
  world.hand.RunAll();
  EXPECT_THAT(answers, ElementsAre(Status(), Status()));
  EXPECT_TRUE(shard->status()->ready);
  EXPECT_FALSE(shard->missing().any());
  EXPECT_TRUE(shard->Pin()->Find("/f").has_value());
  EXPECT_FALSE(shard->Pin()->Find("/g").has_value());
  shard->Stop();
  world.hand.RunAll();
}

TEST(Checkpoints, AFeedFromBeforeHasLostItsPlace) {
  FakeDisk disk;
  FeedPosition position;
  {
    World world(Config(), &disk);
    world.stops = false;
    const auto ticket = *world.Join(world.OpenSession("a:p1").session_id);
    world.SendSnapshot(ticket, {"f"});
    world.hand.Advance(Seconds(301));
    auto reader = *world.Await(world.fusion.Find("one")->Follow(std::nullopt));
    // Newer than the checkpoint.
    world.Deliver(ticket, WholeSnapshot(3, {"f", "g"}, batch::ScanMark::kBegin));
    position = world.Await(reader->Next(world.hand.Now(), {})).position;
    reader.reset();
    world.hand.RunAll();
  }
  World world(Config(), &disk);
  world.hand.Advance(Seconds(400));
  EXPECT_GT(world.fusion.Find("one")->Pin()->revision(), position.revision);
  for (const auto& since : {position, FeedPosition{position.revision, std::nullopt}}) {
    auto reader = *world.Await(world.fusion.Find("one")->Follow(since));
    const FeedNews news = world.Await(reader->Next(world.hand.Now(), {}));
    EXPECT_EQ(news.kind, FeedNews::Kind::kReset) << news.reason;
    reader.reset();
    world.hand.RunAll();
  }
}

// Of any number of lives, whether they find a checkpoint, an old one or a damaged one.
TEST(Checkpoints, RevisionsNeverGoBack) {
  FakeDisk disk;
  tree::Revision last = 0;
  for (int life = 0; life < 6; ++life) {
    World world(Config(), &disk);
    world.stops = false;
    const tree::Revision first = world.fusion.Find("one")->Pin()->revision();
    if (life > 0) EXPECT_GT(first, last) << life;
    const auto ticket = *world.Join(world.OpenSession("a:p1").session_id);
    world.SendSnapshot(ticket, {"f" + std::to_string(life)});
    if (life % 3 == 0) world.hand.Advance(Seconds(301));
    world.Deliver(ticket, WholeSnapshot(3, {"g"}, batch::ScanMark::kBegin));
    last = world.fusion.Find("one")->Pin()->revision();
    EXPECT_GT(last, first);
    if (life == 4) disk.files.begin()->second.pop_back();
  }
}

TEST(Checkpoints, OldOnesCanBeLoadedBesideTheView) {
  FakeDisk disk;
  World world(Config(3), &disk);
  const auto ticket = *world.Join(world.OpenSession("a:p1").session_id);
  world.SendSnapshot(ticket, {"f"});
  world.hand.Advance(Seconds(301));
  world.Deliver(ticket, WholeSnapshot(3, {"f", "g"}, batch::ScanMark::kBegin));
  world.hand.Advance(Seconds(301));
  const std::shared_ptr<View> view = world.fusion.Find("one");
  const auto files = world.Await(view->ListCheckpoints()).value();
  ASSERT_THAT(files, SizeIs(2));
  EXPECT_EQ(files[0].entries, 3u);
  EXPECT_GT(files[0].written_at, files[1].written_at);
  const auto old = world.Await(view->LoadCheckpoint(files[1].number)).value();
  EXPECT_TRUE(old->tree.Pin()->Find("/f").has_value());
  EXPECT_FALSE(old->tree.Pin()->Find("/g").has_value());
  EXPECT_EQ(old->header.view_id, "one");
  EXPECT_EQ(world.Await(view->LoadCheckpoint(99)).status().code(), Code::kNotFound);
  disk.files[kFirst].resize(100);
  EXPECT_EQ(world.Await(view->LoadCheckpoint(1)).status().code(), Code::kDataLoss);
}

TEST(Checkpoints, AgesGrowByAFactor) {
  constexpr std::size_t kKept = 6;
  std::vector<Nanos> written;  // The newest first.
  for (int i = 0; i < 5'000; ++i) {
    const Nanos now = Seconds(300) * i;
    written.insert(written.begin(), now);
    if (written.size() <= kKept) continue;
    std::vector<Nanos> ages;
    for (const Nanos at : written) ages.push_back(now - at);
    const std::size_t goes = Checkpoints::Superfluous(ages, Seconds(300), Seconds(300) * (1 << 12));
    ASSERT_GT(goes, 0u);
    ASSERT_LT(goes, ages.size());
    written.erase(written.begin() + static_cast<std::ptrdiff_t>(goes));
    if (i < 100) continue;
    const auto age = [&](std::size_t k) { return Seconds(300) * i - written[k]; };
    EXPECT_LE(age(1), Seconds(7200)) << i;
    EXPECT_GE(age(kKept - 1), Seconds(300) * std::min(i, 4096) / 16) << i;
    for (std::size_t k = 2; k < kKept; ++k)
      EXPECT_LE(age(k), 16 * (age(k - 1) + Seconds(300))) << i;
  }
}

}  // namespace
}  // namespace fustor::fusion
