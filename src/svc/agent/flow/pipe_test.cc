#include "svc/agent/flow/pipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <set>

#include "adapters/asio/executor.h"
#include "env/hand_driven_testing.h"
#include "svc/agent/flow/fakes_testing.h"

namespace fustor::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Pipe::Options OptionsOf(std::uint64_t seed) {
  Pipe::Options options;
  options.task_id = "agent:pipe";
  options.agent_id = "agent";
  options.source_uri = "/data";
  options.seed = seed;
  return options;
}

std::vector<std::uint64_t> Sequences(const FakeLink::Wire& wire) {
  std::vector<std::uint64_t> sequences;
  for (const batch::Batch& batch : wire.batches) sequences.push_back(batch.sequence);
  return sequences;
}

bool HasMark(const FakeLink::Wire& wire, batch::ScanMark mark) {
  return std::ranges::any_of(wire.batches, [&](const auto& b) { return b.mark == mark; });
}

bool IsComplete(const FakeLink::Wire& wire) {
  return HasMark(wire, batch::ScanMark::kBegin) && HasMark(wire, batch::ScanMark::kEnd);
}

// The names that realtime changes have reported.
std::vector<std::string> Reported(const FakeLink::Wire& wire) {
  std::vector<std::string> paths;
  for (const batch::Batch& batch : wire.batches) {
    for (const batch::Change& change : batch.changes) {
      if (change.path != "/") paths.push_back(change.path);
    }
  }
  return paths;
}

class PipeTest : public testing::Test {
 protected:
  explicit PipeTest(std::uint64_t seed = 1) {
    tree_.Put("a", 1);
    tree_.Put("b", 2);
    pipe_.emplace(OptionsOf(seed), data_, control_, source_, link_, Logger());
    source_.Start();
  }
  ~PipeTest() override { Stop(); }

  void Start() {
    pipe_->Start();
    Run();
  }
  void Stop() {
    if (!pipe_) return;
    bool stopped = false;
    stoppers_.Spawn(StopAll(&stopped));
    Run();
    for (int i = 0; i < 100 && !stopped; ++i) Advance(Millis(100));
    ASSERT_TRUE(stopped);
    pipe_.reset();
  }
  env::Task<void> StopAll(bool* stopped) {
    co_await pipe_->Stop();
    co_await source_.Stop();
    *stopped = true;
  }

  void Run() {
    while (data_.queued() + control_.queued() != 0) {
      data_.RunOne();
      control_.RunOne();
    }
  }
  void Advance(Nanos time) {
    constexpr Nanos kStep = Millis(50);
    for (Nanos passed{0}; passed < time; passed += kStep) {
      data_.Advance(kStep);
      control_.Advance(kStep);
      Run();
    }
  }
  void AdvanceControlOnly(Nanos time) { control_.Advance(time); }
  FakeLink::Wire& stream() { return *link_.streams.back(); }

  env::HandDrivenExecutor data_;
  env::HandDrivenExecutor control_;
  FakeTree tree_;
  FakeLink link_;
  Source source_{{}, data_, tree_, Logger()};
  env::TaskGroup stoppers_{data_};
  std::optional<Pipe> pipe_;
};

TEST_F(PipeTest, OpensASessionAndSendsASnapshotAndThenChanges) {
  Start();
  ASSERT_THAT(link_.requests, SizeIs(1));
  EXPECT_EQ(link_.requests[0].task_id, "agent:pipe");
  EXPECT_THAT(link_.requests[0].capabilities, ElementsAre("move", "columns", "realtime"));
  ASSERT_THAT(link_.streams, SizeIs(1));
  EXPECT_EQ(stream().session_id, "s1");
  EXPECT_TRUE(IsComplete(stream()));
  EXPECT_THAT(Reported(stream()), IsEmpty());
  EXPECT_TRUE(pipe_->state().connected);
  EXPECT_EQ(pipe_->state().role, batch::Role::kLeader);

  tree_.Put("c", 3);
  Run();
  EXPECT_THAT(Reported(stream()), ElementsAre("/c"));
  EXPECT_EQ(Sequences(stream()).back(), stream().batches.size()) << "1, 2, 3, ...";
  EXPECT_EQ(pipe_->state().unacknowledged_bytes, 0u);
}

TEST_F(PipeTest, ClosesTheSessionWhenItStops) {
  Start();
  Stop();
  EXPECT_THAT(link_.closed, ElementsAre("s1"));
}

TEST_F(PipeTest, StopsInTimeWhenFusionHangs) {
  Start();
  link_.hang = true;
  bool stopped = false;
  stoppers_.Spawn(StopAll(&stopped));
  Run();
  EXPECT_FALSE(stopped) << "the session is being closed";
  link_.CancelCalls();  // As the link itself does at the deadline of Close.
  Run();
  EXPECT_TRUE(stopped);
  pipe_.reset();
}

TEST_F(PipeTest, StopsWhileItOpensASession) {
  link_.hang = true;
  Start();
  EXPECT_THAT(link_.streams, IsEmpty());
  Stop();
  EXPECT_THAT(link_.closed, IsEmpty()) << "there was none";
}

TEST_F(PipeTest, BeatsThriceInTheSessionsTime) {
  Start();
  Advance(Seconds(9));
  EXPECT_THAT(link_.beats, IsEmpty());
  Advance(Seconds(51));
  EXPECT_THAT(link_.beats, SizeIs(6));
  EXPECT_EQ(link_.beats.back().session_id, "s1");
  EXPECT_EQ(link_.beats.back().rows_sent, pipe_->state().rows_sent);
  EXPECT_GT(link_.beats.back().rows_sent, 2u);
  EXPECT_TRUE(link_.beats.back().can_realtime);
}

TEST_F(PipeTest, BeatsGoOnWhileTheDataExecutorIsStuck) {
  Start();
  tree_.Put("c", 3);  // Work that the data executor does not get to.
  AdvanceControlOnly(Seconds(300));
  EXPECT_THAT(link_.beats, SizeIs(30));
  EXPECT_LT(data_.queued(), 10u) << "answers without news do not pile up";
  link_.role = batch::Role::kFollower;
  link_.beat_status = Status(Code::kUnavailable, "down");
  AdvanceControlOnly(Seconds(300));
  EXPECT_LT(data_.queued(), 10u);
}

TEST_F(PipeTest, ABeatWithoutAnswerIsGivenUpWhenTheNextIsDue) {
  Start();
  link_.hang = true;
  Advance(Seconds(60));
  EXPECT_THAT(link_.beats, SizeIs(testing::Ge(3)));
  EXPECT_NE(pipe_->state().heartbeat_error, "");
  link_.hang = false;
  Advance(Seconds(30));
  EXPECT_EQ(pipe_->state().heartbeat_error, "");
  EXPECT_EQ(pipe_->state().session_id, "s1");
}

TEST_F(PipeTest, AFollowerWatchesAndSendsNoSnapshotUntilPromoted) {
  link_.role = batch::Role::kFollower;
  Start();
  EXPECT_EQ(pipe_->state().role, batch::Role::kFollower);
  EXPECT_THAT(stream().batches, IsEmpty());
  EXPECT_GE(tree_.lists, 1) << "it watches";
  tree_.Put("c", 3);
  Run();
  EXPECT_THAT(Reported(stream()), ElementsAre("/c"));
  EXPECT_FALSE(HasMark(stream(), batch::ScanMark::kBegin));

  link_.role = batch::Role::kLeader;
  Advance(Seconds(11));
  EXPECT_EQ(pipe_->state().role, batch::Role::kLeader);
  EXPECT_TRUE(IsComplete(stream()));
  const std::size_t count = stream().batches.size();
  Advance(Seconds(60));
  EXPECT_EQ(stream().batches.size(), count) << "once";
}

TEST_F(PipeTest, AFollowerThatLosesEventsSendsNoSnapshotEither) {
  link_.role = batch::Role::kFollower;
  Start();
  tree_.Lose();
  Run();
  ASSERT_THAT(stream().batches, SizeIs(1));
  EXPECT_TRUE(stream().batches[0].lost_events);
  EXPECT_FALSE(HasMark(stream(), batch::ScanMark::kBegin));
}

TEST_F(PipeTest, AnObsoleteSessionIsReplacedAtOnceWithANewSnapshot) {
  Start();
  tree_.Put("c", 3);
  Run();
  link_.beat_status = Status(Code::kUnauthenticated, "Session obsoleted");
  Advance(Seconds(10));
  ASSERT_THAT(link_.requests, SizeIs(2)) << "at the beat, without waiting";
  EXPECT_EQ(pipe_->state().session_id, "s2");
  ASSERT_THAT(link_.streams, SizeIs(2));
  EXPECT_EQ(stream().session_id, "s2");
  EXPECT_TRUE(IsComplete(stream()));
  EXPECT_EQ(Sequences(stream()).front(), 1u);
  EXPECT_THAT(link_.closed, IsEmpty()) << "Fusion does not know it";
  link_.beat_status = Status();
}

TEST_F(PipeTest, AStreamThatIsRefusedAsObsoleteDoesTheSame) {
  Start();
  Advance(Seconds(6));
  stream().Break(Status(Code::kUnauthenticated, "Session obsoleted"));
  Run();
  ASSERT_THAT(link_.streams, SizeIs(2));
  EXPECT_EQ(stream().session_id, "s2");
  EXPECT_TRUE(IsComplete(stream()));
}

TEST_F(PipeTest, ABatchThatFusionCannotTakeBeginsANewSessionAfterABackOff) {
  Start();
  for (const Code code : {Code::kInvalidArgument, Code::kFailedPrecondition}) {
    const std::string session = pipe_->state().session_id;
    const std::size_t streams = link_.streams.size();
    link_.closed.clear();
    stream().Break(Status(code, "sequence: a gap"));
    Run();
    EXPECT_THAT(link_.closed, ElementsAre(session));
    EXPECT_EQ(link_.streams.size(), streams) << "not at once";
    Advance(Seconds(11));
    EXPECT_NE(pipe_->state().session_id, session);
    EXPECT_TRUE(IsComplete(stream()));
  }
}

TEST_F(PipeTest, ObsoletenessEndsABackOff) {
  Start();
  link_.report_status = Status(Code::kUnavailable, "connection refused");
  stream().Break(Status(Code::kUnavailable, "reset"));
  Advance(Seconds(200));
  EXPECT_FALSE(pipe_->state().connected);
  EXPECT_EQ(pipe_->state().session_id, "s1");
  // Fusion is back and has forgotten us; the back-off is a minute by now.
  link_.report_status = Status();
  link_.beat_status = Status(Code::kUnauthenticated, "Session obsoleted");
  Advance(Seconds(10));
  link_.beat_status = Status();
  EXPECT_EQ(pipe_->state().session_id, "s2");
  EXPECT_TRUE(IsComplete(stream()));
}

TEST_F(PipeTest, TwoThatPushEachOtherOutDoNotSpin) {
  Start();
  for (int i = 0; i < 50; ++i) {
    if (!link_.streams.empty()) {
      stream().Break(Status(Code::kUnauthenticated, "Session obsoleted"));
    }
    Advance(Millis(100));
  }
  EXPECT_LE(link_.requests.size(), 5u) << "in five seconds";
}

TEST_F(PipeTest, RetriesForEverWithGrowingIntervals) {
  link_.open_status = Status(Code::kUnavailable, "connection refused");
  Start();
  std::vector<Nanos> waits;
  Instant last = data_.Now();
  for (std::size_t tries = 1; tries < 9; ++tries) {
    while (link_.requests.size() == tries) Advance(Millis(50));
    waits.push_back(data_.Now() - last);
    last = data_.Now();
  }
  Nanos step = Seconds(5);
  for (const Nanos wait : waits) {
    EXPECT_GE(wait, step / 2 - Millis(50));
    EXPECT_LE(wait, step + Millis(50));
    step = std::min<Nanos>(step * 2, Seconds(60));
  }
  EXPECT_FALSE(pipe_->state().connected);
  EXPECT_EQ(pipe_->state().last_error, "connection refused");
  EXPECT_EQ(pipe_->state().failures_in_a_row, 9u);

  link_.open_status = Status();
  Advance(Seconds(61));
  EXPECT_TRUE(pipe_->state().connected);
  EXPECT_EQ(pipe_->state().failures_in_a_row, 0u);
  EXPECT_TRUE(IsComplete(stream()));
}

class SeededPipeTest : public PipeTest, public testing::WithParamInterface<std::uint64_t> {
 protected:
  SeededPipeTest() : PipeTest(GetParam()) {}
  static std::set<std::int64_t>& first_waits() {
    static std::set<std::int64_t> waits;
    return waits;
  }
};

TEST_P(SeededPipeTest, AgentsDoNotRetryInStep) {
  link_.open_status = Status(Code::kUnavailable, "connection refused");
  Start();
  const Instant began = data_.Now();
  while (link_.requests.size() == 1) Advance(Millis(50));
  first_waits().insert((data_.Now() - began).count());
  if (GetParam() == 8) EXPECT_GE(first_waits().size(), 4u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, SeededPipeTest, testing::Range<std::uint64_t>(1, 9));

TEST_F(PipeTest, WhatWasNotAcknowledgedIsSentAgainOnTheNextStream) {
  link_.acks_itself = false;
  Start();
  tree_.Put("c", 3);
  Run();
  tree_.Put("d", 4);
  Run();
  const std::vector<std::uint64_t> sent = Sequences(stream());
  ASSERT_GE(sent.size(), 4u);
  stream().Ack(2);
  Run();
  const std::shared_ptr<FakeLink::Wire> first = link_.streams[0];
  first->Break(Status(Code::kUnavailable, "connection reset"));
  Run();
  tree_.Put("e", 5);  // While there is no stream.
  Advance(Seconds(6));
  ASSERT_THAT(link_.streams, SizeIs(2));
  EXPECT_EQ(stream().session_id, "s1");
  std::vector<std::uint64_t> expected(sent.begin() + 2, sent.end());
  expected.push_back(sent.back() + 1);
  EXPECT_EQ(Sequences(stream()), expected);
  for (std::size_t i = 2; i < sent.size(); ++i) {
    EXPECT_EQ(stream().batches[i - 2].index_ms, first->batches[i].index_ms);
    EXPECT_EQ(stream().batches[i - 2].changes.size(), first->batches[i].changes.size());
  }
  EXPECT_EQ(pipe_->state().unacknowledged_bytes, expected.size() * 100);
  stream().Ack(expected.back());
  Run();
  EXPECT_EQ(pipe_->state().unacknowledged_bytes, 0u);
}

// Acknowledgements that come while the same batches are being sent again take nothing away.
TEST_F(PipeTest, AcknowledgementsOfTheOldStreamMayComeOnTheNewOne) {
  link_.acks_itself = false;
  Start();
  for (int i = 0; i < 20; ++i) {
    tree_.Put("n" + std::to_string(i), i);
    Run();
  }
  const std::uint64_t last = Sequences(stream()).back();
  link_.acks_itself = true;
  stream().Break(Status(Code::kUnavailable, "connection reset"));
  Advance(Seconds(6));
  const std::vector<std::uint64_t> again = Sequences(stream());
  ASSERT_EQ(again.size(), last);
  for (std::size_t i = 0; i < again.size(); ++i) EXPECT_EQ(again[i], i + 1);
  EXPECT_EQ(pipe_->state().unacknowledged_bytes, 0u);
}

TEST_F(PipeTest, CreditLimitsWhatIsUnderWay) {
  link_.acks_itself = false;
  link_.credit_bytes = 300;  // Three batches of the fake link.
  Start();
  for (int i = 0; i < 20; ++i) {
    tree_.Put("n" + std::to_string(i), i);
    Run();
  }
  EXPECT_THAT(Sequences(stream()), ElementsAre(1, 2, 3));
  stream().Ack(1);
  Run();
  EXPECT_THAT(Sequences(stream()), ElementsAre(1, 2, 3, 4));
  link_.streams[0]->acks_itself = true;
  stream().Ack(4);
  Run();
  EXPECT_EQ(pipe_->state().unacknowledged_bytes, 0u);
  EXPECT_FALSE(source_.Take().has_value()) << "everything has left";
}

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

TEST_F(PipeTest, ALeaderSweepsWhatFusionSuspects) {
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

TEST_F(PipeTest, ASweepLooksTwiceAtWhatDiffers) {
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

TEST_F(PipeTest, ASweepDoesNotLookTwiceWhileReportsAreOnTheirWay) {
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

TEST_F(PipeTest, OnlyALeaderSweepsAndOnlyWhereItIsKnown) {
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

env::Task<int> StartBoth(Source* source, Pipe* pipe) {
  source->Start();
  pipe->Start();
  co_return 0;
}
env::Task<int> StopBoth(Source* source, Pipe* pipe) {
  co_await pipe->Stop();
  co_await source->Stop();
  co_return 0;
}

TEST(PipeOnThreads, BeatsWhileTheDataThreadIsBlocked) {
  const auto data = asio::StartThread("data");
  const auto control = asio::StartThread("control");
  FakeTree tree;
  FakeLink link;
  std::latch first(1);
  std::latch more(3);
  int beats = 0;
  link.timeout = Millis(30);  // The lane's lower bound makes it a beat each 100 ms.
  link.on_beat = [&] {
    ++beats;
    if (beats == 1) {
      data->Post([&] { more.wait(); });  // Would never end if beats needed that thread.
      first.count_down();
    } else if (beats <= 4) {
      more.count_down();
    }
  };
  Source source({}, *data, tree, Logger());
  Pipe pipe(OptionsOf(1), *data, *control, source, link, Logger());
  asio::BlockOn(*data, StartBoth(&source, &pipe));
  first.wait();
  asio::BlockOn(*data, StopBoth(&source, &pipe));
  control->Stop();
  data->Stop();
  EXPECT_GE(beats, 4);
  EXPECT_EQ(link.closed.size(), 1u);
}

// A power cut at any moment, also while a beat, a batch or an opening is under way.
TEST(PipeCrash, LeavesNothingBehindWhereverItHappens) {
  for (const bool hang : {false, true}) {
    for (int steps = 0; steps < 120; ++steps) {
      SCOPED_TRACE(steps);
      env::HandDrivenExecutor executor;
      FakeTree tree;
      auto link = std::make_unique<FakeLink>();
      auto source = std::make_unique<Source>(Source::Options{}, executor, tree, Logger());
      auto pipe =
          std::make_unique<Pipe>(OptionsOf(1), executor, executor, *source, *link, Logger());
      source->Start();
      pipe->Start();
      for (int i = 0; i < steps; ++i) {
        if (i == 40) link->hang = hang;
        if (i % 3 == 0) tree.Put("n" + std::to_string(i % 10), i);
        if (i == 60) link->streams.back()->Break(Status(Code::kUnavailable, "reset"));
        if (!executor.RunOne()) executor.Advance(Millis(400));
      }
      pipe->Abandon();
      source->Abandon();
      pipe.reset();
      source.reset();
      link.reset();
      executor.Advance(Seconds(100));
    }
  }
}

}  // namespace
}  // namespace fustor::agent
