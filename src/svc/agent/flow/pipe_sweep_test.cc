// A leader looks again at what Fusion suspects.
#include <gmock/gmock.h>

#include "svc/agent/flow/pipe_testing.h"

namespace fustor::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

using PipeSweepTest = PipeTest;

// The last changes that have been reported, as path and size; -1: gone.
std::vector<std::pair<std::string, std::int64_t>> Changes(const FakeLink::Wire& wire) {
  std::vector<std::pair<std::string, std::int64_t>> changes;
  for (const batch::Batch& batch : wire.batches) {
    for (const batch::Change& change : batch.changes) {
      const bool gone = change.kind == batch::Change::Kind::kDelete;
      if (change.path != "/")
        changes.emplace_back(change.path, gone ? -1 : change.attrs.size_bytes);
    }
  }
  return changes;
}

TEST_F(PipeSweepTest, ALeaderSweepsWhatFusionSuspects) {
  link_.sentinel_interval = Seconds(60);
  link_.suspects = {"/a", "/b", "/gone", "/no/such/directory"};
  Start();
  EXPECT_THAT(link_.sweeps, IsEmpty());
  Advance(Seconds(61));
  EXPECT_THAT(link_.sweeps, ElementsAre("s1"));
  ASSERT_THAT(link_.sighted, SizeIs(1));
  ASSERT_THAT(link_.sighted[0], SizeIs(2)) << "only what is there";
  EXPECT_EQ(link_.sighted[0][0].path, "/a");
  EXPECT_EQ(link_.sighted[0][0].size_bytes, 1);
  EXPECT_EQ(link_.sighted[0][1].path, "/b");
  EXPECT_EQ(tree_.fresh_stats, 3);
  EXPECT_EQ(pipe_->state().sweeps, 1u);
  Advance(Seconds(5));
  EXPECT_THAT(Changes(stream()), ElementsAre(std::pair("/gone", -1))) << "in its place";

  link_.suspects = {"/a"};
  link_.differing = link_.differing_again = {"/a"};
  tree_.PutUnseen("a", 77);
  Advance(Seconds(61));
  Advance(Seconds(5));
  EXPECT_THAT(Changes(stream()), ElementsAre(std::pair("/gone", -1), std::pair("/a", 77)));
  EXPECT_FALSE(stream().batches.back().changes.back().atomic) << "it may still change";
  EXPECT_EQ(pipe_->state().swept_differing, 1u);
  EXPECT_EQ(pipe_->state().swept_unreported, 1u);
}

TEST_F(PipeSweepTest, ASweepLooksTwiceAtWhatDiffers) {
  link_.sentinel_interval = Seconds(60);
  link_.suspects = link_.differing = {"/a", "/b"};
  Start();
  for (int i = 0; i < 61 && link_.sighted.empty(); ++i) Advance(Seconds(1));
  ASSERT_THAT(link_.sighted, SizeIs(1));
  EXPECT_THAT(link_.sighted_again, IsEmpty()) << "reports may be on their way";
  tree_.PutUnseen("b", 77);
  Advance(Seconds(5));
  ASSERT_THAT(link_.sighted_again, SizeIs(1));
  ASSERT_THAT(link_.sighted_again[0], SizeIs(1)) << "what changes is being written";
  EXPECT_EQ(link_.sighted_again[0][0], link_.sighted[0][0]);
  EXPECT_EQ(pipe_->state().swept_unreported, 0u) << "the report of /a has arrived";
  Advance(Seconds(5));
  EXPECT_THAT(Changes(stream()), ElementsAre(std::pair("/b", 77)));
}

TEST_F(PipeSweepTest, ASweepDoesNotLookTwiceWhileReportsAreOnTheirWay) {
  link_.sentinel_interval = Seconds(100);
  link_.suspects = link_.differing = link_.differing_again = {"/a"};
  Start();
  link_.acks_itself = stream().acks_itself = false;
  Advance(Seconds(85));
  tree_.Put("b", 5);
  Advance(Seconds(15));
  ASSERT_THAT(link_.sighted, SizeIs(1));
  Advance(Seconds(40));
  EXPECT_THAT(link_.sighted_again, IsEmpty());
}

TEST_F(PipeSweepTest, OnlyALeaderSweepsAndOnlyWhereItIsKnown) {
  link_.sentinel_interval = Seconds(10);
  link_.role = batch::Role::kFollower;
  Start();
  Advance(Seconds(60));
  EXPECT_THAT(link_.sweeps, IsEmpty());
  link_.role = batch::Role::kLeader;
  Advance(Seconds(30));
  EXPECT_THAT(link_.sweeps, SizeIs(testing::Ge(1)));
  link_.sweep_status = Status(Code::kUnavailable, "busy");
  Advance(Seconds(30));
  const std::size_t before = link_.sweeps.size();
  EXPECT_GE(before, 3u) << "a failure is no end";
  link_.sweep_status = Status(Code::kUnimplemented, "an old Fusion");
  Advance(Seconds(60));
  EXPECT_EQ(link_.sweeps.size(), before + 1);
}

}  // namespace
}  // namespace fustor::agent
