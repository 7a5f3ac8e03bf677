#include "svc/fusion/wire/agent_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/zstd/zstd.h"
#include "lib/batch/methods.h"
#include "lib/loopback/loopback.h"
#include "svc/agent/wire/report.h"
#include "svc/fusion/flow/fixtures_testing.h"

namespace fustor::fusion {
namespace {

using batch::ReportAnswer;
using testing::HasSubstr;

// A Fusion with its door for agents, and the way through it.
struct Door {
  Door()
      : service("agents", world.fusion.sessions(), world.hand, world.hand, zstd::MakeCompressor(),
                world.metrics, Logger()),
        methods(Methods(service)),
        channel(methods) {}
  ~Door() { world.Await(channel.Stop()); }

  static env::MethodTable Methods(AgentService& service) {
    env::MethodTable methods;
    service.AddMethods(&methods);
    return methods;
  }
  static env::CallOptions With(const std::string& key) {
    env::CallOptions options;
    if (!key.empty()) options.metadata = {{batch::kApiKeyMetadata, key}};
    return options;
  }

  Result<std::string> Call(const char* method, const std::string& request,
                           const std::string& key = "k1") {
    return world.Await(channel.Call(method, request, With(key)));
  }
  std::string OpenSession() {
    batch::SessionRequest request;
    request.task_id = "a:p1";
    request.source_uri = "/data";
    const Result<std::string> answer =
        Call(batch::kOpenSessionMethod, agent::EncodeSessionRequest(request));
    FUSTOR_CHECK(answer.ok(), answer.status().message());
    return agent::DecodeSessionGrant(*answer)->session_id;
  }
  // A stream that has named its session.
  std::unique_ptr<env::Stream> Report(const std::string& session_id) {
    Result<std::unique_ptr<env::Stream>> stream =
        world.Await(channel.Open(batch::kReportMethod, With("k1")));
    FUSTOR_CHECK(stream.ok());
    const Status sent = world.Await((*stream)->Send(agent::EncodeReportStart(session_id)));
    FUSTOR_CHECK(sent.ok());
    return *std::move(stream);
  }
  Status Send(env::Stream& stream, const batch::Batch& batch) {
    return world.Await(stream.Send(agent::EncodeReport(batch, *compressor)));
  }
  Result<std::optional<std::string>> Receive(env::Stream& stream) {
    return world.Await(stream.Receive());
  }
  std::uint64_t Acknowledged(env::Stream& stream) {
    const Result<std::optional<std::string>> answer = Receive(stream);
    FUSTOR_CHECK(answer.ok() && *answer, answer.status().message());
    return agent::DecodeReportAnswer(**answer)->acknowledged_sequence;
  }

  World world;
  AgentService service;
  env::MethodTable methods;
  loopback::Loopback channel;
  std::unique_ptr<batch::Compressor> compressor = zstd::MakeCompressor();
};

TEST(AgentService, AReportedSnapshotMakesTheViewReady) {
  Door door;
  const auto stream = door.Report(door.OpenSession());
  ASSERT_TRUE(door.Send(*stream, WholeSnapshot(1, {"f", "g"}, batch::ScanMark::kBegin)).ok());
  EXPECT_EQ(door.Acknowledged(*stream), 1u);
  EXPECT_TRUE(door.world.Has("one", "/g"));
  ASSERT_TRUE(door.Send(*stream, WholeSnapshot(2, {}, batch::ScanMark::kEnd)).ok());
  EXPECT_EQ(door.Acknowledged(*stream), 2u);
  EXPECT_TRUE(door.world.status("one")->ready);
}

TEST(AgentService, WhatWasSentIsAnsweredBeforeTheStreamEnds) {
  Door door;
  const auto stream = door.Report(door.OpenSession());
  ASSERT_TRUE(door.Send(*stream, WholeSnapshot(1, {"f"}, batch::ScanMark::kBegin)).ok());
  ASSERT_TRUE(door.world.Await(stream->CloseSend()).ok());
  EXPECT_EQ(door.Acknowledged(*stream), 1u);
  const Result<std::optional<std::string>> end = door.Receive(*stream);
  ASSERT_TRUE(end.ok()) << end.status().ToString();
  EXPECT_FALSE(end->has_value());
}

TEST(AgentService, EveryCallNeedsTheKeyOfAPipe) {
  for (const std::string key : {"", "k2", "q1"}) {
    Door door;
    batch::SessionRequest request;
    request.task_id = "a:p1";
    EXPECT_EQ(door.Call(batch::kOpenSessionMethod, agent::EncodeSessionRequest(request), key)
                  .status()
                  .code(),
              Code::kUnauthenticated);
    const std::string id = door.OpenSession();
    batch::Heartbeat beat;
    beat.session_id = id;
    EXPECT_EQ(door.Call(batch::kHeartbeatMethod, agent::EncodeHeartbeat(beat), key).status().code(),
              Code::kUnauthenticated);
    EXPECT_EQ(
        door.Call(batch::kCloseSessionMethod, agent::EncodeCloseSession(id), key).status().code(),
        Code::kUnauthenticated);
  }
}

TEST(AgentService, ASweepSettlesWhatIsStableAndNamesWhatDiffers) {
  Door door;
  const std::string id = door.OpenSession();
  const auto stream = door.Report(id);
  batch::Batch half_written;
  half_written.sequence = 1;
  batch::Change& change = half_written.changes.emplace_back();
  change.path = "/f";
  change.atomic = false;
  change.attrs.size_bytes = 5;
  // So old that the clock of the changes does not count it as hot.
  change.attrs.mtime_ns = change.attrs.ctime_ns = 1'000'000'000;
  ASSERT_TRUE(door.Send(*stream, half_written).ok());
  EXPECT_EQ(door.Acknowledged(*stream), 1u);
  batch::Batch clock;
  clock.sequence = 2;
  clock.changes.resize(2);
  for (int i = 0; i < 2; ++i) {
    clock.changes[i].path = "/clock" + std::to_string(i);
    clock.changes[i].attrs.mtime_ns = clock.changes[i].attrs.ctime_ns = 900'000'000'000;
  }
  ASSERT_TRUE(door.Send(*stream, clock).ok());
  EXPECT_EQ(door.Acknowledged(*stream), 2u);

  const auto suspects = [&] {
    const Result<std::string> answer =
        door.Call(batch::kListSuspectsMethod, agent::EncodeListSuspects(id));
    FUSTOR_CHECK(answer.ok(), answer.status().message());
    return *agent::DecodeSuspects(*answer);
  };
  const auto sweep = [&](std::vector<batch::Sighting> seen) {
    const Result<std::string> answer = door.Call(batch::kSweepMethod, agent::EncodeSweep(id, seen));
    FUSTOR_CHECK(answer.ok(), answer.status().message());
    return *agent::DecodeSweepAnswer(*answer);
  };
  EXPECT_THAT(suspects(), testing::ElementsAre("/f"));
  EXPECT_THAT(sweep({{"/f", 1'000'000'000, 6, 1'000'000'000}, {"/new", 0, 0, 0}}),
              testing::ElementsAre("/f", "/new"));
  EXPECT_THAT(suspects(), testing::ElementsAre("/f"));
  EXPECT_THAT(sweep({{"/f", 1'000'000'000, 5, 1'000'000'000}}), testing::IsEmpty());
  EXPECT_THAT(suspects(), testing::IsEmpty());

  for (const char* method : {batch::kListSuspectsMethod, batch::kSweepMethod}) {
    EXPECT_EQ(door.Call(method, agent::EncodeSweep(id, {}), "k2").status().code(),
              Code::kUnauthenticated);
    EXPECT_EQ(door.Call(method, agent::EncodeSweep("unknown", {})).status().code(),
              Code::kUnauthenticated);
    EXPECT_EQ(door.Call(method, "").status().code(), Code::kInvalidArgument);
  }
}

TEST(AgentService, ASessionThatEndsEndsItsStream) {
  Door door;
  const std::string id = door.OpenSession();
  const auto stream = door.Report(id);
  ASSERT_TRUE(door.Send(*stream, WholeSnapshot(1, {"f"}, batch::ScanMark::kBegin)).ok());
  EXPECT_EQ(door.Acknowledged(*stream), 1u);
  ASSERT_TRUE(door.Call(batch::kCloseSessionMethod, agent::EncodeCloseSession(id)).ok());
  EXPECT_FALSE(door.Receive(*stream).ok());
  const auto again = door.Report(id);
  EXPECT_EQ(door.Receive(*again).status().code(), Code::kUnauthenticated);
  batch::Heartbeat beat;
  beat.session_id = id;
  EXPECT_EQ(door.Call(batch::kHeartbeatMethod, agent::EncodeHeartbeat(beat)).status().code(),
            Code::kUnauthenticated);
  EXPECT_TRUE(door.Call(batch::kCloseSessionMethod, agent::EncodeCloseSession(id)).ok())
      << "ending an unknown session is success";
}

TEST(AgentService, WhatMakesNoSenseEndsTheStreamAndSaysWhy) {
  Door door;
  const auto stream = door.Report(door.OpenSession());
  ASSERT_TRUE(door.world.Await(stream->Send("\xFF\xFF nonsense")).ok());
  const Status status = door.Receive(*stream).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument) << status.ToString();
}

TEST(AgentService, AMissingBatchEndsTheStreamThoughNothingFollows) {
  Door door;
  const auto stream = door.Report(door.OpenSession());
  ASSERT_TRUE(door.Send(*stream, WholeSnapshot(7, {"f"}, batch::ScanMark::kBegin)).ok());
  EXPECT_FALSE(door.Receive(*stream).ok());
  EXPECT_FALSE(door.world.Has("one", "/f"));
}

TEST(AgentService, AStreamThatNamesNoSessionIsRefused) {
  Door door;
  Result<std::unique_ptr<env::Stream>> stream =
      door.world.Await(door.channel.Open(batch::kReportMethod, Door::With("k1")));
  ASSERT_TRUE(stream.ok());
  ASSERT_TRUE(door.world.Await((*stream)->CloseSend()).ok());
  const Status status = door.Receive(**stream).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("names no session"));
}

// The shard does nothing: how much is taken in?
TEST(AgentService, ABusyViewHoldsTheAgentBack) {
  env::HandDrivenExecutor busy;
  env::HandDrivenExecutor hand;
  CountingRandom random;
  UnreadMetrics metrics;
  Fusion fusion({hand, [&](const std::string&) -> env::Executor& { return busy; }, random, metrics,
                 Logger()});
  ASSERT_TRUE(fusion.Configure(OneView()).ok());
  AgentService service("agents", fusion.sessions(), hand, hand, zstd::MakeCompressor(), metrics,
                       Logger());
  env::MethodTable methods = Door::Methods(service);
  loopback::Options options;
  options.unread_bytes_max = 1;  // One message waits in the transport.
  loopback::Loopback channel(methods, options);
  batch::SessionRequest request;
  request.task_id = "a:p1";
  const std::string id = fusion.sessions().Open({"agents", "k1", ""}, request)->session_id;

  struct Agent {
    std::size_t sent = 0;
    static env::Task<void> Run(env::Channel& to, std::string session, Agent* self) {
      Result<std::unique_ptr<env::Stream>> stream =
          co_await to.Open(batch::kReportMethod, Door::With("k1"));
      (void)co_await (*stream)->Send(agent::EncodeReportStart(session));
      const auto compressor = zstd::MakeCompressor();
      for (std::uint64_t n = 1; n <= 20; ++n) {
        const batch::Batch batch =
            WholeSnapshot(n, {"f"}, n == 1 ? batch::ScanMark::kBegin : batch::ScanMark::kNone);
        const Status sent = co_await (*stream)->Send(agent::EncodeReport(batch, *compressor));
        if (!sent.ok()) co_return;
        ++self->sent;
      }
      std::uint64_t acknowledged = 0;
      while (acknowledged < 20) {
        const Result<std::optional<std::string>> answer = co_await (*stream)->Receive();
        if (!answer.ok() || !*answer) co_return;
        acknowledged = agent::DecodeReportAnswer(**answer)->acknowledged_sequence;
      }
      self->sent = 100;
    }
  };
  Agent agent;
  env::TaskGroup tasks(hand);
  tasks.Spawn(Agent::Run(channel, id, &agent));
  hand.RunAll();
  EXPECT_GE(agent.sent, AgentService::kBatchesInFlight);
  EXPECT_LE(agent.sent, AgentService::kBatchesInFlight + 2);
  for (int i = 0; i < 100; ++i) {
    busy.RunAll();
    hand.RunAll();
  }
  EXPECT_EQ(agent.sent, 100u) << "everything was taken and answered in the end";
  tasks.Spawn(fusion.Stop());
  tasks.Spawn(channel.Stop());
  for (int i = 0; i < 10; ++i) {
    busy.RunAll();
    hand.RunAll();
  }
}

}  // namespace
}  // namespace fustor::fusion
