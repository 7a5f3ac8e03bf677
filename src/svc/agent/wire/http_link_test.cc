#include "svc/agent/wire/http_link.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "adapters/json/tape.h"
#include "env/hand_driven_testing.h"
#include "env/task_group.h"

namespace fustor::agent {
namespace {

using testing::HasSubstr;

// Answers as it was told, in order; then it waits until the call is given up.
struct Script {
  std::deque<Result<HttpReply>> replies;
  std::vector<HttpCall> calls;
};

class FakePort final : public HttpPort {
 public:
  explicit FakePort(Script& script) : script_(script) {}
  env::Task<Result<HttpReply>> Call(HttpCall call) override {
    script_.calls.push_back(call);
    if (!script_.replies.empty()) {
      Result<HttpReply> reply = std::move(script_.replies.front());
      script_.replies.pop_front();
      co_return reply;
    }
    co_return co_await env::SleepUntil(Instant::Max(), call.stop);
  }

 private:
  Script& script_;
};

class HttpLinkTest : public ::testing::Test {
 protected:
  HttpLinkTest()
      : link_({.key = "secret"}, std::make_unique<FakePort>(data_),
              std::make_unique<FakePort>(control_), json::MakeTapeParser(),
              json::MakeTapeParser()) {}

  template <class T>
  env::Task<void> Keep(env::Task<T> task, std::optional<T>* out) {
    out->emplace(co_await std::move(task));
  }
  template <class T>
  T Await(env::Task<T> task) {
    std::optional<T> result;
    env::TaskGroup group(hand_);
    group.Spawn(Keep(std::move(task), &result));
    for (int i = 0; i < 100 && !result; ++i) {
      hand_.RunAll();
      if (!result) hand_.Advance(Seconds(1));
    }
    FUSTOR_CHECK(result.has_value(), "the task still waits");
    return *std::move(result);
  }
  static HttpReply Reply(int status, std::string body = "", int retry_after_s = 0) {
    return {status, retry_after_s, std::move(body)};
  }
  Status OpenWith(int status, std::string body) {
    control_.replies.push_back(Reply(status, std::move(body)));
    batch::SessionRequest request;
    request.task_id = "a:p";
    return Await(link_.Open(std::move(request))).status();
  }
  std::unique_ptr<ReportStream> Stream() {
    Result<std::unique_ptr<ReportStream>> stream = Await(link_.Report("sid"));
    FUSTOR_CHECK(stream.ok());
    return *std::move(stream);
  }

  env::HandDrivenExecutor hand_;
  Script data_;
  Script control_;
  HttpLink link_;
};

constexpr char kGrant[] =
    R"({"session_id":"sid","role":"leader","session_timeout_seconds":30,"audit_interval_sec":5.5,)"
    R"("sentinel_interval_sec":0,"view_ids":["v"],"capabilities":["move","batches"]})";

TEST_F(HttpLinkTest, OpensASession) {
  control_.replies.push_back(Reply(200, kGrant));
  batch::SessionRequest request;
  request.task_id = "a:p";
  request.agent_id = "a";
  request.source_uri = "/data";
  request.timeout = Seconds(7);
  request.capabilities = {"realtime"};
  const Result<batch::SessionGrant> grant = Await(link_.Open(request));
  ASSERT_TRUE(grant.ok()) << grant.status().ToString();
  EXPECT_EQ(grant->session_id, "sid");
  EXPECT_EQ(grant->role, batch::Role::kLeader);
  EXPECT_EQ(grant->timeout, Seconds(30));
  EXPECT_EQ(grant->audit_interval, Millis(5500));
  const HttpCall& call = control_.calls.at(0);
  EXPECT_EQ(call.method + " " + call.target, "POST /api/v1/pipe/session/");
  EXPECT_EQ(call.key, "secret");
  EXPECT_EQ(call.body,
            R"({"task_id":"a:p","source_type":"fs","client_info":{"source_uri":"/data",)"
            R"("agent_id":"a"},"session_timeout_seconds":7,"capabilities":["realtime"]})");
}

TEST_F(HttpLinkTest, RefusalsAreWhatPipesExpect) {
  const struct {
    int status;
    std::string body;
    Code code;
  } cases[] = {{401, R"({"detail":"Invalid API key"})", Code::kUnauthenticated},
               {409, R"({"detail":"locked"})", Code::kAlreadyExists},
               {422, "no JSON", Code::kInvalidArgument},
               {429, "", Code::kUnavailable},
               {500, "", Code::kUnavailable},
               {503, "", Code::kUnavailable},
               {200, "{", Code::kInvalidArgument},
               {200, "{}", Code::kInvalidArgument},
               {200, R"({"session_id":"a/b","role":"leader"})", Code::kInvalidArgument},
               {200, R"({"session_id":"a","role":"king"})", Code::kInvalidArgument},
               {200, R"({"session_id":"a","role":"leader","session_timeout_seconds":-1})",
                Code::kInvalidArgument}};
  for (const auto& c : cases) {
    const Status status = OpenWith(c.status, c.body);
    EXPECT_EQ(status.code(), c.code) << c.status << c.body << status.ToString();
    EXPECT_EQ(status.message().find("secret"), std::string::npos);
  }
  EXPECT_THAT(OpenWith(401, R"({"detail":"Invalid API key"})").message(),
              HasSubstr("401: Invalid API key"));
}

TEST_F(HttpLinkTest, BeatsAndCloses) {
  control_.replies.push_back(Reply(200, R"({"status":"ok","role":"follower","commands":[)"
                                        R"({"type":"scan","path":"/d","recursive":false,)"
                                        R"("job_id":"j"},7]})"));
  batch::Heartbeat beat;
  beat.session_id = "sid";
  beat.can_realtime = true;
  beat.state = "watching";
  beat.rows_sent = 9;
  const Result<batch::HeartbeatAnswer> answer = Await(link_.Beat(beat));
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->commands.at(0).kind, "scan");
  EXPECT_FALSE(answer->commands.at(0).recursive);
  EXPECT_EQ(control_.calls.at(0).target, "/api/v1/pipe/session/sid/heartbeat");
  EXPECT_EQ(control_.calls.at(0).body,
            R"({"can_realtime":true,"agent_status":{"state":"watching","events_pushed":9,)"
            R"("is_realtime_ready":true}})");
  for (const int status : {404, 419}) {
    control_.replies.push_back(Reply(status, R"({"detail":"Session obsoleted"})"));
    EXPECT_EQ(Await(link_.Beat(beat)).status().code(), Code::kUnauthenticated);
  }
  control_.replies.push_back(Reply(200, "{}"));
  EXPECT_TRUE(Await(link_.Close("sid")).ok());
  EXPECT_EQ(control_.calls.back().method + control_.calls.back().target,
            "DELETE/api/v1/pipe/session/sid");
}

TEST_F(HttpLinkTest, AnAnsweredBatchIsAcknowledged) {
  ASSERT_TRUE(OpenWith(200, kGrant).ok());
  const auto stream = Stream();
  data_.replies = {Reply(503, "", 2), Reply(429), Reply(200)};
  batch::Batch batch;
  batch.sequence = 7;
  const Result<std::uint64_t> sent = Await(stream->Send(batch));
  ASSERT_TRUE(sent.ok()) << sent.status().ToString();
  EXPECT_EQ(*sent, data_.calls.at(2).body.size());
  EXPECT_THAT(data_.calls.at(2).body, HasSubstr(R"("sequence":7)"));
  EXPECT_EQ(data_.calls.at(2).target, "/api/v1/pipe/ingest/sid/events");
  EXPECT_EQ(*Await(stream->NextAck()), 7);
}

TEST_F(HttpLinkTest, WhatABatchMeets) {
  ASSERT_TRUE(OpenWith(200, kGrant).ok());
  const auto stream = Stream();
  const std::pair<int, Code> cases[] = {{419, Code::kUnauthenticated},
                                        {404, Code::kUnauthenticated},
                                        {409, Code::kFailedPrecondition},
                                        {413, Code::kInvalidArgument},
                                        {500, Code::kUnavailable}};
  for (const auto& [status, code] : cases) {
    data_.replies.push_back(Reply(status));
    EXPECT_EQ(Await(stream->Send({})).status().code(), code) << status;
  }
  for (int i = 0; i < HttpLink::kPatience; ++i) data_.replies.push_back(Reply(503));
  EXPECT_EQ(Await(stream->Send({})).status().code(), Code::kUnavailable);
  data_.replies.push_back(Status(Code::kUnavailable, "gone"));
  EXPECT_EQ(Await(stream->Send({})).status().message(), "gone");
}

TEST_F(HttpLinkTest, WhatIsUnderWayCanBeGivenUp) {
  ASSERT_TRUE(OpenWith(200, kGrant).ok());
  const auto stream = Stream();
  std::optional<Result<std::uint64_t>> sent;
  std::optional<Result<std::uint64_t>> acknowledged;
  std::optional<Status> closed;
  env::TaskGroup group(hand_);
  const batch::Batch batch;
  group.Spawn(Keep(stream->Send(batch), &sent));
  group.Spawn(Keep(stream->NextAck(), &acknowledged));
  group.Spawn(Keep(link_.Close("sid"), &closed));
  hand_.RunAll();
  link_.CancelReport();
  hand_.RunAll();
  EXPECT_EQ(sent->status().code(), Code::kCancelled);
  EXPECT_EQ(acknowledged->status().code(), Code::kCancelled);
  EXPECT_FALSE(closed.has_value());
  link_.CancelCalls();
  hand_.RunAll();
  EXPECT_EQ(closed->code(), Code::kCancelled);
}

const std::vector<batch::Sighting> kSeen = {
    {"/a/\xFF", 1'600'000'000'250'000'001, 7, 1'600'000'000'500'000'000}};

TEST_F(HttpLinkTest, ListsWhatIsToBeLookedAtAgain) {
  data_.replies = {Reply(200, R"({"type":"suspect_check","paths":["/a/\udcff","b//c","/..",7],)"
                              R"("view_id":"v"})"),
                   Reply(200, "{}")};
  const auto paths = Await(link_.ListSuspects("sid", {}));
  ASSERT_TRUE(paths.ok()) << paths.status().ToString();
  EXPECT_THAT(*paths, testing::ElementsAre("/a/\xFF", "/b/c"));
  EXPECT_EQ(data_.calls.at(0).method + " " + data_.calls.at(0).target,
            "GET /api/v1/pipe/consistency/sentinel/tasks");
  EXPECT_EQ(data_.calls.at(0).key, "secret");
  EXPECT_THAT(*Await(link_.ListSuspects("sid", {})), testing::IsEmpty());
  const std::pair<int, Code> refusals[] = {
      {401, Code::kUnauthenticated}, {403, Code::kPermissionDenied}, {404, Code::kUnimplemented},
      {405, Code::kUnimplemented},   {419, Code::kUnauthenticated},  {503, Code::kUnavailable}};
  for (const auto& [status, code] : refusals) {
    data_.replies.push_back(Reply(status, R"({"detail":"no"})"));
    EXPECT_EQ(Await(link_.ListSuspects("sid", {})).status().code(), code) << status;
  }
}

TEST_F(HttpLinkTest, ASweepHearsWhatIsDifferent) {
  ASSERT_TRUE(
      OpenWith(200, R"({"session_id":"sid","role":"leader","capabilities":["sweeps"]})").ok());
  data_.replies = {Reply(200, R"({"status":"processed","differing":["/a/\udcff"]})")};
  const auto differing = Await(link_.Sweep("sid", kSeen, false, {}));
  ASSERT_TRUE(differing.ok()) << differing.status().ToString();
  EXPECT_THAT(*differing, testing::ElementsAre("/a/\xFF"));
  EXPECT_EQ(data_.calls.at(0).method + " " + data_.calls.at(0).target,
            "POST /api/v1/pipe/consistency/sentinel/feedback");
  EXPECT_EQ(data_.calls.at(0).body,
            R"({"type":"suspect_update","session_id":"sid","updates":[{"path":"/a/\udcff",)"
            R"("mtime_ns":1600000000250000001,"ctime_ns":1600000000500000000,"size":7}]})");
}

TEST_F(HttpLinkTest, ASecondLookSaysSo) {
  ASSERT_TRUE(
      OpenWith(200, R"({"session_id":"sid","role":"leader","capabilities":["sweeps"]})").ok());
  data_.replies = {Reply(200, "{}")};
  EXPECT_TRUE(Await(link_.Sweep("sid", {}, true, {})).ok());
  EXPECT_EQ(data_.calls.at(0).body,
            R"({"type":"suspect_update","session_id":"sid","again":true,"updates":[]})");
}

TEST_F(HttpLinkTest, AFusionOfTheFirstGenerationIsToldWhatWasSeen) {
  ASSERT_TRUE(OpenWith(200, R"({"session_id":"old","role":"leader"})").ok());
  data_.replies = {Reply(200, R"({"status":"processed","drivers_updated":1})")};
  EXPECT_THAT(*Await(link_.Sweep("old", kSeen, false, {})), testing::IsEmpty());
  EXPECT_EQ(data_.calls.at(0).body, R"({"type":"suspect_update","updates":[{"path":"/a/\udcff",)"
                                    R"("mtime":1600000000.25,"size":7,"status":"exists"}]})");
}

TEST_F(HttpLinkTest, AFusionOfTheFirstGenerationGetsRows) {
  ASSERT_TRUE(OpenWith(200, R"({"session_id":"old","role":"leader"})").ok());
  const auto stream = Stream();
  batch::Batch batch;
  batch.sequence = 1;
  batch.changes.emplace_back().path = "/x";
  data_.replies = {Reply(200)};
  EXPECT_TRUE(Await(stream->Send(batch)).ok());
  EXPECT_EQ(data_.calls.at(0).body.find("\"batch\""), std::string::npos);
  batch::Batch end;
  end.source = batch::Source::kAudit;
  end.mark = batch::ScanMark::kEnd;
  data_.replies = {Reply(200), Reply(200)};
  EXPECT_TRUE(Await(stream->Send(end)).ok());
  EXPECT_EQ(data_.calls.back().target, "/api/v1/pipe/consistency/audit/end");
  batch.changes[0].kind = batch::Change::Kind::kMove;
  batch.changes[0].old_path = "/w";
  data_.replies = {Reply(200)};
  EXPECT_EQ(Await(stream->Send(batch)).status().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace fustor::agent
