#include "svc/agent/wire/grpc_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "adapters/zstd/zstd.h"
#include "env/hand_driven_testing.h"
#include "env/signal.h"
#include "env/task_group.h"
#include "lib/batch/methods.h"
#include "lib/loopback/loopback.h"
#include "svc/fusion/wire/agents.h"

namespace fustor::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr char kKey[] = "push-key-17";

template <class T>
env::Task<void> Store(env::Task<T> task, std::optional<T>* out) {
  T value = co_await std::move(task);
  out->emplace(std::move(value));
}

batch::Heartbeat BeatOf(std::string session_id) {
  return {std::move(session_id), /*can_realtime=*/true, "", 0};
}

// A Fusion that knows one key and one session.
class FakeFusion {
 public:
  explicit FakeFusion(env::Executor& executor) : zstd_(zstd::MakeCompressor()) {
    table_.AddUnary(batch::kOpenSessionMethod, executor,
                    [this](env::CallContext context, std::string request) {
                      return Answer(std::move(context), "open", std::move(request));
                    });
    table_.AddUnary(batch::kHeartbeatMethod, executor,
                    [this](env::CallContext context, std::string request) {
                      return Answer(std::move(context), "beat", std::move(request));
                    });
    table_.AddUnary(batch::kCloseSessionMethod, executor,
                    [this](env::CallContext context, std::string request) {
                      return Answer(std::move(context), "close", std::move(request));
                    });
    table_.AddStream(batch::kReportMethod, executor,
                     [this](env::CallContext context, env::Stream& stream) {
                       return Report(std::move(context), stream);
                     });
  }

  const env::MethodTable& table() const { return table_; }
  void Release() { gate_.Set(); }

  // What it has seen.
  std::vector<std::string> calls;
  batch::SessionRequest request;
  batch::Heartbeat beat;
  std::vector<batch::Batch> batches;
  // What it does.
  bool hang = false;
  bool nonsense = false;
  std::optional<std::size_t> end_after;  // Ends the stream with Ok after so many batches.

 private:
  static Status CheckKey(const env::CallContext& context) {
    if (context.Find(batch::kApiKeyMetadata) == kKey) return {};
    return {Code::kUnauthenticated, "Invalid API key"};
  }

  env::Task<Result<std::string>> Answer(env::CallContext context, std::string call,
                                        std::string bytes) {
    calls.push_back(call);
    FUSTOR_CO_TRY(CheckKey(context));
    if (hang) {
      const Status woken = co_await gate_.Wait(Instant::Max(), {});
      EXPECT_TRUE(woken.ok());
    }
    if (nonsense) co_return std::string("\xFF\xFF\xFF");
    if (call == "open") {
      FUSTOR_CO_TRY_ASSIGN(request, fusion::DecodeSessionRequest(bytes));
      batch::SessionGrant grant;
      grant.session_id = "s1";
      grant.role = batch::Role::kLeader;
      grant.timeout = Seconds(30);
      grant.credit_bytes = 1 << 20;
      co_return fusion::EncodeSessionGrant(grant);
    }
    if (call == "beat") {
      FUSTOR_CO_TRY_ASSIGN(beat, fusion::DecodeHeartbeat(bytes));
      if (beat.session_id != "s1") co_return Status(Code::kUnauthenticated, "Session obsoleted");
      batch::HeartbeatAnswer answer;
      answer.role = batch::Role::kLeader;
      answer.commands.push_back({"scan", "/a", true, "j1"});
      co_return fusion::EncodeHeartbeatAnswer(answer);
    }
    FUSTOR_CO_TRY_ASSIGN(const std::string id, fusion::DecodeCloseSession(bytes));
    calls.push_back(id);
    co_return fusion::EncodeCloseAnswer();
  }

  env::Task<Status> Report(env::CallContext context, env::Stream& stream) {
    FUSTOR_CO_TRY(CheckKey(context));
    Result<std::optional<std::string>> first = co_await stream.Receive();
    if (!first.ok() || !*first) co_return Status(Code::kInvalidArgument, "no session named");
    FUSTOR_CO_TRY_ASSIGN(const std::string id, fusion::DecodeReportStart(**first));
    if (id != "s1") co_return Status(Code::kUnauthenticated, "Session obsoleted");
    for (;;) {
      if (end_after && batches.size() >= *end_after) co_return Status();
      Result<std::optional<std::string>> message = co_await stream.Receive();
      if (!message.ok() || !*message) co_return message.status();
      Result<fusion::DecodedBatch> decoded = fusion::DecodeReport(**message, *zstd_, {});
      if (!decoded.ok()) co_return decoded.status();
      batches.push_back(std::move(decoded->batch));
      std::string answer = "\xFF\xFF\xFF";
      if (!nonsense) answer = fusion::EncodeReportAnswer({batches.back().sequence, {}});
      FUSTOR_CO_TRY(co_await stream.Send(std::move(answer)));
    }
  }

  const std::unique_ptr<batch::Compressor> zstd_;
  env::MethodTable table_;
  env::Signal gate_;
};

class GrpcLinkTest : public testing::Test {
 protected:
  ~GrpcLinkTest() override {
    fusion_.Release();
    stream_.reset();
    tasks_.Spawn(loopback_.Stop());
    executor_.RunAll();
  }

  template <class T>
  void Begin(env::Task<T> task, std::optional<T>* out) {
    tasks_.Spawn(Store(std::move(task), out));
    executor_.RunAll();
  }
  template <class T>
  T Await(env::Task<T> task) {
    std::optional<T> out;
    Begin(std::move(task), &out);
    FUSTOR_CHECK(out.has_value(), "it still waits");
    return std::move(*out);
  }
  Status OpenStream(const std::string& session) {
    Result<std::unique_ptr<ReportStream>> stream = Await(link_.Report(session));
    if (stream.ok()) stream_ = std::move(stream).value();
    return stream.status();
  }
  static batch::Batch MakeBatch(std::uint64_t sequence, std::size_t rows) {
    batch::Batch batch;
    batch.sequence = sequence;
    for (std::size_t i = 0; i < rows; ++i) {
      batch::Change change;
      change.kind = batch::Change::Kind::kDelete;
      change.path = "/dir/file" + std::to_string(i);
      batch.changes.push_back(std::move(change));
    }
    return batch;
  }

  env::HandDrivenExecutor executor_;
  env::TaskGroup tasks_{executor_};
  FakeFusion fusion_{executor_};
  loopback::Loopback loopback_{fusion_.table()};
  GrpcLink link_{{.key = kKey}, loopback_, loopback_, zstd::MakeCompressor()};
  std::unique_ptr<ReportStream> stream_;
};

TEST_F(GrpcLinkTest, CarriesASessionFromOpenToClose) {
  batch::SessionRequest request;
  request.task_id = "agent:pipe";
  request.agent_id = "agent";
  request.source_uri = "/data/\xFF";
  request.timeout = Seconds(7);
  request.capabilities = {"move"};
  const Result<batch::SessionGrant> grant = Await(link_.Open(request));
  ASSERT_TRUE(grant.ok()) << grant.status().ToString();
  EXPECT_EQ(fusion_.request, request);
  EXPECT_EQ(grant->session_id, "s1");
  EXPECT_EQ(grant->timeout, Seconds(30));

  const batch::Heartbeat beat{"s1", true, "running", 42};
  const Result<batch::HeartbeatAnswer> answer = Await(link_.Beat(beat));
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(fusion_.beat, beat);
  EXPECT_EQ(answer->role, batch::Role::kLeader);
  EXPECT_EQ(answer->commands.size(), 1u);

  EXPECT_TRUE(Await(link_.Close("s1")).ok());
  EXPECT_THAT(fusion_.calls, ElementsAre("open", "beat", "close", "s1"));
}

TEST_F(GrpcLinkTest, CarriesBatchesAndTheirAcknowledgements) {
  ASSERT_TRUE(OpenStream("s1").ok());
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) {
    const batch::Batch batch = MakeBatch(sequence, sequence * 100);
    const Result<std::uint64_t> sent = Await(stream_->Send(batch));
    ASSERT_TRUE(sent.ok()) << sent.status().ToString();
    EXPECT_GT(*sent, 0u);
    EXPECT_LT(*sent, batch.row_count() * 20) << "names like these compress well";
    const Result<std::uint64_t> acknowledged = Await(stream_->NextAck());
    ASSERT_TRUE(acknowledged.ok()) << acknowledged.status().ToString();
    EXPECT_EQ(*acknowledged, sequence);
  }
  ASSERT_EQ(fusion_.batches.size(), 3u);
  EXPECT_EQ(fusion_.batches[2].changes.size(), 300u);
  EXPECT_EQ(fusion_.batches[2].changes[299].path, "/dir/file299");
}

TEST_F(GrpcLinkTest, AWrongKeyIsRefusedEverywhereAndNotTold) {
  GrpcLink link({.key = "wrong-key"}, loopback_, loopback_, zstd::MakeCompressor());
  const Status failures[] = {Await(link.Open({})).status(), Await(link.Beat(BeatOf("s1"))).status(),
                             Await(link.Close("s1"))};
  for (const Status& failure : failures) {
    EXPECT_EQ(failure.code(), Code::kUnauthenticated);
    EXPECT_THAT(failure.ToString(), Not(HasSubstr("wrong-key")));
  }
  Result<std::unique_ptr<ReportStream>> stream = Await(link.Report("s1"));
  Status refused = stream.status();
  if (stream.ok()) refused = Await((*stream)->NextAck()).status();
  EXPECT_EQ(refused.code(), Code::kUnauthenticated) << refused.ToString();
}

TEST_F(GrpcLinkTest, AnObsoleteSessionIsUnauthenticated) {
  EXPECT_EQ(Await(link_.Beat(BeatOf("gone"))).status().code(), Code::kUnauthenticated);
  Status status = OpenStream("gone");
  if (status.ok()) status = Await(stream_->NextAck()).status();
  EXPECT_EQ(status.code(), Code::kUnauthenticated) << status.ToString();
  if (stream_) {
    const batch::Batch batch = MakeBatch(1, 1);
    EXPECT_EQ(Await(stream_->Send(batch)).status().code(), Code::kUnauthenticated);
  }
}

TEST_F(GrpcLinkTest, CallsThatHangEndAtTheirDeadline) {
  fusion_.hang = true;
  std::optional<Result<batch::SessionGrant>> grant;
  Begin(link_.Open({}), &grant);
  executor_.Advance(Millis(9'999));
  EXPECT_FALSE(grant.has_value());
  executor_.Advance(Millis(1));
  ASSERT_TRUE(grant.has_value());
  EXPECT_EQ(grant->status().code(), Code::kDeadlineExceeded);
  fusion_.Release();
  executor_.RunAll();

  std::optional<Status> closed;
  Begin(link_.Close("s1"), &closed);
  executor_.Advance(Seconds(3));
  ASSERT_TRUE(closed.has_value()) << "who leaves does not wait for long";
  EXPECT_EQ(closed->code(), Code::kDeadlineExceeded);
}

TEST_F(GrpcLinkTest, CancelCallsEndsThoseUnderWayAndNoLaterOnes) {
  fusion_.hang = true;
  std::optional<Result<batch::HeartbeatAnswer>> answer;
  Begin(link_.Beat(BeatOf("s1")), &answer);
  link_.CancelCalls();
  executor_.RunAll();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status().code(), Code::kCancelled);
  fusion_.Release();
  executor_.RunAll();
  fusion_.hang = false;
  EXPECT_TRUE(Await(link_.Close("s1")).ok());
}

TEST_F(GrpcLinkTest, AStreamThatFusionEndsIsUnavailable) {
  fusion_.end_after = 1;
  ASSERT_TRUE(OpenStream("s1").ok());
  const batch::Batch batch = MakeBatch(1, 1);
  ASSERT_TRUE(Await(stream_->Send(batch)).ok());
  ASSERT_TRUE(Await(stream_->NextAck()).ok());
  EXPECT_EQ(Await(stream_->NextAck()).status().code(), Code::kUnavailable);
}

TEST_F(GrpcLinkTest, CancelEndsWaiting) {
  ASSERT_TRUE(OpenStream("s1").ok());
  std::optional<Result<std::uint64_t>> acknowledged;
  Begin(stream_->NextAck(), &acknowledged);
  EXPECT_FALSE(acknowledged.has_value());
  stream_->Cancel();
  executor_.RunAll();
  ASSERT_TRUE(acknowledged.has_value());
  EXPECT_EQ(acknowledged->status().code(), Code::kCancelled);
}

TEST_F(GrpcLinkTest, CancelReportEndsTheLastStreamAndNoLaterOne) {
  ASSERT_TRUE(OpenStream("s1").ok());
  link_.CancelReport();
  EXPECT_EQ(Await(stream_->NextAck()).status().code(), Code::kCancelled);
  ASSERT_TRUE(OpenStream("s1").ok());
  const batch::Batch batch = MakeBatch(1, 1);
  EXPECT_TRUE(Await(stream_->Send(batch)).ok());
}

TEST_F(GrpcLinkTest, NonsenseFromFusionIsRefused) {
  fusion_.nonsense = true;
  EXPECT_EQ(Await(link_.Open({})).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Await(link_.Beat(BeatOf("s1"))).status().code(), Code::kInvalidArgument);
  ASSERT_TRUE(OpenStream("s1").ok());
  const batch::Batch batch = MakeBatch(1, 1);
  ASSERT_TRUE(Await(stream_->Send(batch)).ok());
  EXPECT_EQ(Await(stream_->NextAck()).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace fustor::agent
