#include "svc/fusion/flow/fusion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "svc/fusion/flow/fixtures_testing.h"

namespace fustor::fusion {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Code CodeOf(const Status& status) { return status.code(); }

TEST(Fusion, AViewIsReadyWhenItsSnapshotHasEnded) {
  World world;
  EXPECT_THAT(world.status("one")->not_ready_reason, HasSubstr("No active leader session"));
  const batch::SessionGrant grant = world.OpenSession("a:p1");
  EXPECT_EQ(grant.role, batch::Role::kLeader);
  EXPECT_THAT(grant.view_ids, ElementsAre("one"));
  EXPECT_THAT(world.status("one")->not_ready_reason, HasSubstr("Initial snapshot"));
  const SessionHost::Ticket ticket = *world.Join(grant.session_id);
  world.Deliver(ticket, WholeSnapshot(1, {"f", "g"}, batch::ScanMark::kBegin));
  EXPECT_FALSE(world.status("one")->ready);
  EXPECT_TRUE(world.Has("one", "/g")) << "what is there is shown while the rest is on its way";
  world.Deliver(ticket, WholeSnapshot(2, {}, batch::ScanMark::kEnd));
  EXPECT_TRUE(world.status("one")->ready);
  EXPECT_THAT(world.fusion.Find("one")->source_uris(), ElementsAre("/data"));
  EXPECT_EQ(world.status("one")->reporters.at(1).agent_id, "a:p1");
}

TEST(Fusion, AnAnswerMeansThatReadersSeeIt) {
  World world;
  const SessionHost::Ticket ticket = *world.Join(world.OpenSession("a:p1").session_id);
  bool seen_when_answered = false;
  const auto batch =
      std::make_shared<const batch::Batch>(WholeSnapshot(1, {"f"}, batch::ScanMark::kBegin));
  ticket.shards[0]->Deliver(ticket.session, batch, [&](const Status& status) {
    seen_when_answered = status.ok() && world.Has("one", "/f");
  });
  EXPECT_FALSE(world.Has("one", "/f"));
  world.hand.RunAll();
  EXPECT_TRUE(seen_when_answered);
}

TEST(Fusion, ABurstIsPublishedOnce) {
  World world;
  const SessionHost::Ticket ticket = *world.Join(world.OpenSession("a:p1").session_id);
  const tree::Revision before = world.fusion.Find("one")->Pin()->revision();
  for (std::uint64_t n = 1; n <= 5; ++n) {
    batch::Batch batch;
    batch.sequence = n;
    batch::Change& change = batch.changes.emplace_back();
    change.path = "/f" + std::to_string(n);
    change.attrs.mode = 0100644;
    ticket.shards[0]->Deliver(ticket.session,
                              std::make_shared<const batch::Batch>(std::move(batch)),
                              [](const Status&) {});
  }
  world.hand.RunAll();
  EXPECT_EQ(world.fusion.Find("one")->Pin()->revision(), before + 1);
  EXPECT_TRUE(world.Has("one", "/f5"));
}

// B's caches show what was before A told; that its audit had begun some seconds before it came
// through is what the time line of B's batches says, or B: it had to wait before it could leave.
TEST(Fusion, AScanIsAsOldAsItsBeginHoweverLateThatArrives) {
  const std::pair<std::int64_t, std::int64_t> cases[] = {{0, 0}, {8'000, 0}, {0, 8'000}};
  for (const auto& [late_ms, waited_ms] : cases) {
    SCOPED_TRACE(late_ms);
    SCOPED_TRACE(waited_ms);
    FusionConfig config = OneView();
    config.views.at("one").hot_file_threshold = Seconds(10);
    World world(config);
    const SessionHost::Ticket a = *world.Join(world.OpenSession("a:p1").session_id);
    const SessionHost::Ticket b = *world.Join(world.OpenSession("b:p1").session_id);
    const auto index_ms = [&world] { return world.hand.Now().ns / 1'000'000 + 5'000'000; };
    batch::Batch hello;
    hello.sequence = 1;
    hello.index_ms = index_ms();
    world.Deliver(b, std::move(hello));
    batch::Batch told;
    told.sequence = 1;
    batch::Change& change = told.changes.emplace_back();
    change.path = "/f";
    change.attrs.mode = 0100644;
    change.attrs.mtime_ns = 5;
    world.Deliver(a, std::move(told));

    world.hand.Advance(Seconds(15));
    batch::Batch audit = WholeSnapshot(2, {}, batch::ScanMark::kBegin);
    audit.source = batch::Source::kAudit;
    audit.blocks.front().self.mtime_ns = 1;
    audit.index_ms = index_ms() - late_ms;
    audit.begun_ago_ms = waited_ms;
    world.Deliver(b, std::move(audit));
    batch::Batch end = WholeSnapshot(3, {}, batch::ScanMark::kEnd);
    end.source = batch::Source::kAudit;
    world.Deliver(b, std::move(end));

    EXPECT_EQ(world.fusion.Find("one")->Pin()->Find("/f").has_value(), late_ms + waited_ms != 0);
  }
}

TEST(Fusion, BatchesAreAppliedOnceAndInOrder) {
  World world;
  const SessionHost::Ticket ticket = *world.Join(world.OpenSession("a:p1").session_id);
  world.SendSnapshot(ticket, {"f"});
  // After a cut the agent sends again what it has no answer for.
  EXPECT_TRUE(world.Deliver(ticket, WholeSnapshot(1, {}, batch::ScanMark::kBegin)).at(0).ok());
  EXPECT_TRUE(world.Has("one", "/f")) << "the first batch was not applied a second time";
  const Status gap = world.Deliver(ticket, WholeSnapshot(4, {}, batch::ScanMark::kBegin)).at(0);
  EXPECT_EQ(gap.code(), Code::kFailedPrecondition);
  EXPECT_THAT(gap.message(), HasSubstr("batch 4 came after batch 2"));
}

TEST(Fusion, NothingOfAnEndedSessionIsApplied) {
  World world;
  const batch::SessionGrant grant = world.OpenSession("a:p1");
  const SessionHost::Ticket ticket = *world.Join(grant.session_id);
  world.SendSnapshot(ticket, {"f"});
  EXPECT_FALSE(ticket.ended.stop_requested());
  EXPECT_TRUE(world.fusion.sessions().Close({"agents", "k1", ""}, grant.session_id).ok());
  EXPECT_TRUE(ticket.ended.stop_requested());
  EXPECT_EQ(CodeOf(world.Deliver(ticket, WholeSnapshot(3, {}, batch::ScanMark::kBegin)).at(0)),
            Code::kUnauthenticated);
  EXPECT_TRUE(world.Has("one", "/f")) << "the picture stays, it is only no longer current";
  EXPECT_FALSE(world.status("one")->ready);
  EXPECT_TRUE(world.status("one")->was_ready_once);
  EXPECT_FALSE(world.Join(grant.session_id).ok());
}

TEST(Fusion, ASessionWithoutHeartbeatsEndsInTime) {
  World world;
  const batch::SessionGrant grant = world.OpenSession("a:p1");
  const SessionHost::Ticket ticket = *world.Join(grant.session_id);
  world.SendSnapshot(ticket, {"f"});
  batch::Heartbeat beat;
  beat.session_id = grant.session_id;
  for (int i = 0; i < 5; ++i) {
    world.hand.Advance(grant.timeout / 3);
    ASSERT_TRUE(world.fusion.sessions().Beat({"agents", "k1", ""}, beat).ok());
  }
  world.hand.Advance(grant.timeout - Millis(1));
  EXPECT_TRUE(world.status("one")->ready);
  world.hand.Advance(Millis(2));
  EXPECT_FALSE(world.status("one")->ready);
  EXPECT_EQ(CodeOf(world.fusion.sessions().Beat({"agents", "k1", ""}, beat).status()),
            Code::kUnauthenticated);
}

TEST(Fusion, ALaterStreamOfASessionEndsTheEarlierOne) {
  World world;
  const std::string id = world.OpenSession("a:p1").session_id;
  const SessionHost::Ticket first = *world.Join(id);
  const SessionHost::Ticket second = *world.Join(id);
  EXPECT_TRUE(first.ended.stop_requested());
  EXPECT_FALSE(second.ended.stop_requested());
}

TEST(Fusion, KeysOpenWhatTheyAreFor) {
  World world(TwoViews());
  batch::SessionRequest request;
  request.task_id = "a:p1";
  EXPECT_EQ(CodeOf(world.fusion.sessions().Open({"agents", "k3", ""}, request).status()),
            Code::kUnauthenticated);
  EXPECT_EQ(CodeOf(world.fusion.sessions().Open({"others", "k1", ""}, request).status()),
            Code::kUnauthenticated);
  const std::string id = world.OpenSession("a:p1").session_id;
  EXPECT_EQ(CodeOf(world.Join(id, "k2").status()), Code::kUnauthenticated)
      << "a session belongs to its pipe";
  EXPECT_FALSE(world.fusion.Check("nothing").known);
  EXPECT_THAT(world.fusion.Check("q1").views, ElementsAre("one", "two"));
  EXPECT_THAT(world.fusion.Check("q2").views, ElementsAre("two"));
  EXPECT_THAT(world.fusion.Check("k2").views, ElementsAre("one", "two"));
  EXPECT_EQ(world.fusion.Check("k2").pipe, "p2");
  EXPECT_EQ(world.fusion.Find("three"), nullptr);
  EXPECT_EQ(world.fusion.All().size(), 2u);
}

TEST(Fusion, AViewOfTwoPipesIsReadyWhenBothAre) {
  World world(TwoViews());
  const SessionHost::Ticket first = *world.Join(world.OpenSession("a:p1").session_id);
  world.SendSnapshot(first, {"f"});
  EXPECT_FALSE(world.status("one")->ready);
  EXPECT_THAT(world.status("one")->not_ready_reason, HasSubstr("(Pipe 'p2'.)"));
  const SessionHost::Ticket second = *world.Join(world.OpenSession("b:p2", "k2").session_id, "k2");
  ASSERT_EQ(second.shards.size(), 2u);
  world.SendSnapshot(second, {"f"});
  EXPECT_TRUE(world.status("one")->ready);
  EXPECT_TRUE(world.status("two")->ready);
  EXPECT_EQ(world.Await(world.fusion.Find("one")->ListSessions()).size(), 2u);
  EXPECT_EQ(world.Await(world.fusion.Find("two")->ListSessions()).size(), 1u);
}

TEST(Fusion, AResetForgetsAllAndAsksForANewSnapshot) {
  World world;
  const SessionHost::Ticket ticket = *world.Join(world.OpenSession("a:p1").session_id);
  world.SendSnapshot(ticket, {"f"});
  EXPECT_TRUE(world.Await(world.fusion.Find("one")->Reset()).ok());
  EXPECT_TRUE(ticket.ended.stop_requested());
  EXPECT_FALSE(world.Has("one", "/f"));
  EXPECT_FALSE(world.status("one")->ready);
  EXPECT_FALSE(world.status("one")->was_ready_once) << "there is nothing stale to show";
  const SessionHost::Ticket again = *world.Join(world.OpenSession("a:p1").session_id);
  world.SendSnapshot(again, {"g"});
  EXPECT_TRUE(world.status("one")->ready);
  EXPECT_TRUE(world.Has("one", "/g"));
}

TEST(Fusion, ALiveViewDropsItsTreeWithItsLastSession) {
  FusionConfig config = OneView();
  config.views["one"].live_mode = true;
  World world(config);
  const batch::SessionGrant grant = world.OpenSession("a:p1");
  world.SendSnapshot(*world.Join(grant.session_id), {"f"});
  ASSERT_TRUE(world.Has("one", "/f"));
  EXPECT_TRUE(world.fusion.sessions().Close({"agents", "k1", ""}, grant.session_id).ok());
  world.hand.RunAll();
  EXPECT_FALSE(world.Has("one", "/f"));
}

TEST(Fusion, ANewConfigurationKeepsWhatStaysTheSame) {
  World world(TwoViews());
  const SessionHost::Ticket ticket = *world.Join(world.OpenSession("a:p1").session_id);
  world.SendSnapshot(ticket, {"f"});
  const std::shared_ptr<View> one = world.fusion.Find("one");

  FusionConfig config = TwoViews();
  config.views.erase("two");
  config.pipes["p2"].views = {"one"};
  config.receivers["agents"].api_keys.push_back({"k9", "p2"});
  ASSERT_TRUE(world.fusion.Configure(config).ok());
  world.hand.RunAll();
  EXPECT_EQ(world.fusion.Find("one"), one);
  EXPECT_TRUE(world.Has("one", "/f"));
  EXPECT_FALSE(ticket.ended.stop_requested()) << "pipe p1 is the same";
  EXPECT_EQ(world.fusion.Find("two"), nullptr);
  EXPECT_FALSE(world.fusion.Check("q2").known);
  EXPECT_TRUE(world.fusion.Check("k9").known);

  config.views["one"].tree_items_max = 10;
  ASSERT_TRUE(world.fusion.Configure(config).ok());
  world.hand.RunAll();
  EXPECT_NE(world.fusion.Find("one"), one) << "another limit is another view";
  EXPECT_TRUE(ticket.ended.stop_requested());
}

TEST(Fusion, AForestHasATreeForEachPipe) {
  World world;
  FusionConfig config = OneView();
  config.views["one"].driver = ViewConfig::Driver::kForestFs;
  ASSERT_TRUE(world.fusion.Configure(config).ok());
  world.hand.RunAll();
  EXPECT_EQ(world.fusion.Find("one"), nullptr) << "it has no tree of its own";
  const auto members = world.fusion.Members("one");
  ASSERT_TRUE(members.has_value());
  ASSERT_EQ(members->size(), config.pipes.size());
  EXPECT_EQ(members->front()->id(), "one:p1");
  EXPECT_EQ(world.fusion.Find("one:p1"), members->front());
  EXPECT_FALSE(world.fusion.Members("two").has_value());
  EXPECT_THAT(world.fusion.Check("k1").views, testing::ElementsAre("one:p1"));
  EXPECT_THAT(world.fusion.Check("q1").views, testing::Contains("one"));
  EXPECT_THAT(world.fusion.Check("q1").views, testing::Contains("one:p1"));

  const SessionHost::Ticket ticket = *world.Join(world.OpenSession("a:p1").session_id);
  batch::Batch batch;
  batch.sequence = 1;
  batch::Change& change = batch.changes.emplace_back();
  change.path = "/f";
  change.attrs.mode = 0100644;
  world.Deliver(ticket, std::move(batch));
  EXPECT_TRUE(members->front()->Pin()->Find("/f").has_value());

  // The same again keeps trees and sessions.
  ASSERT_TRUE(world.fusion.Configure(config).ok());
  EXPECT_EQ(world.fusion.Find("one:p1"), members->front());
  EXPECT_FALSE(ticket.ended.stop_requested());
  config.pipes.at("p1").disabled = true;
  ASSERT_TRUE(world.fusion.Configure(config).ok());
  EXPECT_EQ(world.fusion.Find("one:p1"), nullptr);
}

TEST(Fusion, AScanOfAMemberAsksTheAgentsOfItsPipeAlone) {
  FusionConfig config = TwoViews();
  config.views["one"].driver = ViewConfig::Driver::kForestFs;
  World world(config);
  world.OpenSession("a:p1");
  world.OpenSession("b:p1");
  world.OpenSession("c:p2", "k2");
  const auto member = world.fusion.Find("one:p1");
  const Result<Jobs::Job> job = world.Await(member->StartScan("/d", true));
  ASSERT_TRUE(job.ok()) << job.status().message();
  EXPECT_EQ(job->view_id, "one:p1");
  std::vector<std::string> asked;
  for (const auto& [task, part] : job->parts) asked.push_back(part.task_id);
  EXPECT_THAT(asked, testing::UnorderedElementsAre("a:p1", "b:p1"));
  EXPECT_TRUE(world.Await(member->FindJob(job->id)).has_value());

  const auto other = world.fusion.Find("one:p2");
  EXPECT_FALSE(world.Await(other->FindJob(job->id)).has_value()) << "another tree's";
  EXPECT_TRUE(world.Await(other->ListJobs()).empty());
  EXPECT_NE(world.Await(other->StartScan("/d", true))->id, job->id) << "not joined";
  EXPECT_EQ(world.Await(member->ListJobs()).size(), 1u);
}

TEST(Fusion, YoungFilesStopBeingSuspectInTime) {
  World world;
  const SessionHost::Ticket ticket = *world.Join(world.OpenSession("a:p1").session_id);
  batch::Batch batch;
  batch.sequence = 1;
  batch::Change& change = batch.changes.emplace_back();
  change.path = "/f";
  change.attrs.mode = 0100644;
  change.atomic = false;
  world.Deliver(ticket, std::move(batch));
  EXPECT_EQ(world.status("one")->suspect_count, 1u);
  EXPECT_EQ(world.Await(world.fusion.Find("one")->ListSuspects()).size(), 1u);
  batch::Heartbeat beat;
  beat.session_id = ticket.session_id;
  for (int i = 0; i < 61; ++i) {
    world.hand.Advance(Seconds(1));
    (void)world.fusion.sessions().Beat({"agents", "k1", ""}, beat);
  }
  EXPECT_EQ(world.status("one")->suspect_count, 0u);
}

}  // namespace
}  // namespace fustor::fusion
