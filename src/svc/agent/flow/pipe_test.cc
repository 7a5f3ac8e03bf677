#include "svc/agent/flow/pipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>
#include <set>

#include "adapters/asio/executor.h"
#include "svc/agent/flow/pipe_testing.h"

namespace fustor::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

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

TEST_F(PipeTest, OpensASessionAndSendsASnapshotAndThenChanges) {
  Start();
  ASSERT_THAT(link_.requests, SizeIs(1));
  EXPECT_EQ(link_.requests[0].task_id, "agent:pipe");
  EXPECT_THAT(link_.requests[0].capabilities,
              ElementsAre("move", "columns", "command-ids", "realtime"));
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

// How far two batches are apart says how much later one of them came.
TEST_F(PipeTest, TheTimeLineGoesOnWhileTheClockIsSetBack) {
  Start();
  const auto index_of_next = [this] {
    tree_.Put("c", stream().batches.size());
    Run();
    return stream().batches.back().index_ms;
  };
  const auto passed_ms = [this] { return data_.Now().ns / 1'000'000; };
  EXPECT_EQ(index_of_next(), passed_ms());
  data_.SetWallAhead(-Seconds(3600));
  for (int i = 0; i < 100; ++i) {
    Advance(Millis(20));
    EXPECT_EQ(index_of_next(), passed_ms());
  }
  data_.SetWallAhead(Seconds(3600));
  EXPECT_EQ(index_of_next(), passed_ms() + 3'600'000);
}

// What it shows is as old as it was.
TEST_F(PipeTest, ABeginThatIsSentAgainSaysHowLongAgoItWas) {
  link_.acks_itself = false;
  Start();
  Run();
  ASSERT_EQ(stream().batches.at(0).mark, batch::ScanMark::kBegin);
  EXPECT_EQ(stream().batches[0].begun_ago_ms, 0);
  Advance(Seconds(20));
  stream().Break(Status(Code::kUnavailable, "connection reset"));
  Advance(Seconds(6));
  ASSERT_THAT(link_.streams, SizeIs(2));
  ASSERT_EQ(stream().batches.at(0).mark, batch::ScanMark::kBegin);
  EXPECT_GT(stream().batches[0].begun_ago_ms, 20'000);
  EXPECT_LE(stream().batches[0].begun_ago_ms, 26'000);
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
  EXPECT_EQ(pipe_->reader().waiting_bytes(), 0u) << "everything has left";
}

// As Fusion sends it until it hears that it has arrived.
TEST_F(PipeTest, ACommandThatComesAgainIsCarriedOutOnce) {
  std::vector<std::string> carried_out;
  bool lost = true;
  Stop();
  Pipe::Options options = OptionsOf(1);
  options.on_command = [&](batch::Command command) { carried_out.push_back(command.command_id); };
  Source source({}, data_, tree_, Logger());
  pipe_.emplace(options, data_, control_, source, link_, Logger());
  pipe_->Start();
  Run();
  batch::Command command{"reload_config", "", true, "", "", "", "c1"};
  link_.commands = {command};
  link_.on_beat = [&] {
    // The beat arrives and its answer does not.
    link_.beat_status = lost ? Status(Code::kDeadlineExceeded, "no answer") : Status();
  };
  Advance(Seconds(21));
  EXPECT_THAT(carried_out, IsEmpty());
  lost = false;
  Advance(Seconds(10));
  EXPECT_THAT(carried_out, ElementsAre("c1"));
  EXPECT_THAT(link_.beats.back().acknowledged_commands, IsEmpty());
  lost = true;
  Advance(Seconds(10));
  lost = false;
  Advance(Seconds(10));
  EXPECT_THAT(link_.beats[link_.beats.size() - 2].acknowledged_commands, ElementsAre("c1"));
  EXPECT_THAT(link_.beats.back().acknowledged_commands, ElementsAre("c1"))
      << "until a beat came through";
  link_.commands.clear();
  Advance(Seconds(20));
  EXPECT_THAT(link_.beats.back().acknowledged_commands, IsEmpty());
  EXPECT_THAT(carried_out, ElementsAre("c1"));
  bool stopped = false;
  stoppers_.Spawn(StopAll(&stopped));
  Run();
  EXPECT_TRUE(stopped);
  pipe_.reset();
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
