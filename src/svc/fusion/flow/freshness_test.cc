// Whether a view answers, and what it says of how fresh the answer is.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "svc/fusion/flow/fixtures_testing.h"

namespace fustor::fusion {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Freshness, APipeThatIsAddedLeavesAViewStaleAndNotEmpty) {
  World world;
  world.SendSnapshot(*world.Join(world.OpenSession("a:p1").session_id), {"f"});
  ASSERT_TRUE(world.status("one")->ready);
  FusionConfig config = OneView();
  config.receivers["agents"].api_keys.push_back({"k2", "p2"});
  config.pipes["p2"].receiver = "agents";
  config.pipes["p2"].views = {"one"};
  world.hand.Advance(Seconds(5));
  ASSERT_TRUE(world.fusion.Configure(config).ok());
  world.hand.RunAll();
  std::shared_ptr<const ViewStatus> status = world.status("one");
  EXPECT_FALSE(status->ready);
  EXPECT_TRUE(status->was_ready_once);
  EXPECT_EQ(status->unready_since, world.hand.clock().WallNow());
  EXPECT_THAT(status->not_ready_reason, HasSubstr("(Pipe 'p2'.)"));
  EXPECT_TRUE(world.Has("one", "/f"));
  // It goes again before it has told anything, and then the first one.
  ASSERT_TRUE(world.fusion.Configure(OneView()).ok());
  world.hand.RunAll();
  EXPECT_TRUE(world.status("one")->ready);
  EXPECT_FALSE(world.status("one")->unready_since.has_value());
  config = OneView();
  config.pipes.clear();
  ASSERT_TRUE(world.fusion.Configure(config).ok());
  world.hand.RunAll();
  status = world.status("one");
  EXPECT_FALSE(status->ready);
  EXPECT_TRUE(status->was_ready_once);
  EXPECT_THAT(status->not_ready_reason, HasSubstr("No pipe"));
  EXPECT_TRUE(world.Has("one", "/f"));
}

class Alarmed : public World {
 public:
  explicit Alarmed(bool alarm = true) : World(Config(alarm)) {
    session_ = OpenSession("a:p1").session_id;
    ticket_ = *Join(session_);
    SendSnapshot(*ticket_, {"f"});
  }
  std::vector<std::string> Sweep(std::int64_t mtime_ns, bool again) {
    return Await(ticket_->shards.at(0)->Settle({{"/f", mtime_ns, 0, 0}}, again));
  }
  void Scan(batch::Source source, std::uint64_t scan_id, std::uint64_t sequence,
            batch::ScanMark mark) {
    batch::Batch batch = WholeSnapshot(sequence, {"f"}, mark);
    batch.source = source;
    batch.scan_id = scan_id;
    Deliver(*ticket_, std::move(batch));
  }

 private:
  static FusionConfig Config(bool alarm) {
    FusionConfig config = OneView();
    config.views["one"].consistency_alarm = alarm;
    return config;
  }
  std::string session_;
  std::optional<SessionHost::Ticket> ticket_;
};

TEST(ConsistencyAlarm, IsRaisedByASecondLookOnly) {
  Alarmed world;
  EXPECT_THAT(world.Sweep(77, false), ElementsAre("/f"));
  EXPECT_TRUE(world.status("one")->ready) << "its report may be on its way";
  EXPECT_THAT(world.Sweep(1, true), IsEmpty());
  EXPECT_TRUE(world.status("one")->ready) << "it has arrived";
  EXPECT_THAT(world.Sweep(77, true), ElementsAre("/f"));
  const std::shared_ptr<const ViewStatus> status = world.status("one");
  EXPECT_FALSE(status->ready);
  EXPECT_TRUE(status->was_ready_once);
  EXPECT_THAT(status->not_ready_reason, HasSubstr("Consistency alarm"));
  EXPECT_THAT(status->not_ready_reason, HasSubstr("'/f'"));
  EXPECT_EQ(status->retry_after_s, 30);
}

TEST(ConsistencyAlarm, IsOffByDefault) {
  EXPECT_FALSE(ViewConfig().consistency_alarm);
  Alarmed world(false);
  EXPECT_THAT(world.Sweep(77, true), ElementsAre("/f"));
  EXPECT_TRUE(world.status("one")->ready);
}

TEST(ConsistencyAlarm, EndsWithAScanThatBeganLater) {
  for (const batch::Source source : {batch::Source::kAudit, batch::Source::kSnapshot}) {
    Alarmed world;
    world.Scan(source, 7, 3, batch::ScanMark::kBegin);
    (void)world.Sweep(77, true);
    world.Scan(source, 7, 4, batch::ScanMark::kEnd);
    EXPECT_FALSE(world.status("one")->ready) << "it may have passed the file before";
    world.Scan(source, 8, 5, batch::ScanMark::kBegin);
    EXPECT_FALSE(world.status("one")->ready);
    world.Scan(source, 8, 6, batch::ScanMark::kEnd);
    EXPECT_TRUE(world.status("one")->ready);
  }
}

TEST(ConsistencyAlarm, EndsWithAReset) {
  Alarmed world;
  (void)world.Sweep(77, true);
  EXPECT_TRUE(world.Await(world.fusion.Find("one")->Reset()).ok());
  EXPECT_THAT(world.status("one")->not_ready_reason, HasSubstr("No active leader session"));
}

}  // namespace
}  // namespace fustor::fusion
