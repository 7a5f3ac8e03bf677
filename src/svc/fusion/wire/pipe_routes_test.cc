#include "svc/fusion/wire/pipe_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/json/parse.h"
#include "adapters/json/tape.h"
#include "lib/http/text.h"
#include "svc/fusion/flow/fixtures_testing.h"
#include "svc/fusion/wire/fakes_testing.h"
#include "svc/fusion/wire/views.h"

namespace fustor::fusion {
namespace {

using testing::HasSubstr;

class FakeBody final : public http::BodyReader {
 public:
  explicit FakeBody(Result<std::string> content) : content_(std::move(content)) {}
  env::Task<Result<std::optional<std::string>>> ReadSome() override {
    if (!content_.ok()) co_return content_.status();
    if (std::exchange(read_, true)) co_return std::optional<std::string>();
    co_return std::optional<std::string>(*content_);
  }
  bool read() const { return read_; }

 private:
  Result<std::string> content_;
  bool read_ = false;
};

struct Reply {
  int status = 0;
  json::Value body = {};
  std::string retry_after = "";
  bool body_read = false;
};

class PipeRoutes : public ::testing::Test {
 protected:
  PipeRoutes() : world_(TwoViews()) {
    const std::shared_ptr<json::TapeParser> parser = json::MakeTapeParser();
    AddPipeRoutes(router_, "agents",
                  {world_.fusion.sessions(), world_.fusion, world_.hand, world_.hand, parser,
                   parser, world_.metrics, Logger()});
    AddViewRoutes(router_, world_.fusion, {}, world_.hand.clock());
  }

  Reply Ask(const std::string& method, const std::string& path, Result<std::string> content,
            const std::string& key = "k1", const std::string& length = "") {
    FakeBody body(std::move(content));
    FakeWriter writer;
    http::Request request;
    request.method = method;
    request.path = path;
    request.body = &body;
    request.peer = "127.0.0.1:1";
    if (!key.empty()) request.headers.Add("X-API-Key", key);
    if (!length.empty()) request.headers.Add("Content-Length", length);
    const http::Router::Match match = router_.Find(method, path);
    if (match.handler == nullptr) return {.status = match.allowed.empty() ? 404 : 405};
    request.path_parameters = match.parameters;
    world_.Await((*match.handler)(request, writer));
    Reply reply{.status = writer.status_};
    if (!writer.body_.empty()) reply.body = json::Parse(writer.body_).value();
    reply.retry_after = writer.headers_.Find("Retry-After").value_or("");
    reply.body_read = body.read();
    return reply;
  }
  std::string OpenSession(const std::string& key = "k1") {
    const Reply reply =
        Ask("POST", "/api/v1/pipe/session", std::string(R"({"task_id":"a:p"})"), key);
    EXPECT_EQ(reply.status, 200);
    return std::string(reply.body.GetString("session_id").value());
  }
  std::string Events(const std::string& session) {
    return "/api/v1/pipe/ingest/" + session + "/events";
  }

  World world_;
  http::Router router_;
};

constexpr char kRows[] =
    R"({"events":[{"event_type":"insert","message_source":"snapshot","rows":[{"path":"/x"}]}],)"
    R"("source_type":"snapshot","is_end":true})";

TEST_F(PipeRoutes, RowsAreSeenWhenTheRequestIsAnswered) {
  const std::string session = OpenSession();
  EXPECT_EQ(Ask("POST", Events(session), std::string(kRows), "").status, 200);
  EXPECT_TRUE(world_.Has("one", "/x"));
  EXPECT_TRUE(world_.status("one")->was_ready_once || !world_.status("one")->ready);
}

TEST_F(PipeRoutes, ARequestThatMayNotPostIsNotRead) {
  const Reply obsolete = Ask("POST", Events("nobody"), std::string(kRows));
  EXPECT_EQ(obsolete.status, 419);
  EXPECT_EQ(obsolete.body.GetString("detail").value(), "Session obsoleted");
  EXPECT_FALSE(obsolete.body_read);

  const std::string session = OpenSession();
  SessionHost& host = world_.fusion.sessions();
  std::vector<SessionHost::Entry> entries;
  for (std::size_t i = 0; i < SessionHost::kPostsPerSession; ++i) {
    entries.push_back(*host.Admit({}, session, 1));
  }
  const Reply too_many = Ask("POST", Events(session), std::string(kRows));
  EXPECT_EQ(too_many.status, 429);
  EXPECT_EQ(too_many.retry_after, "1");
  EXPECT_FALSE(too_many.body_read);
  for (const SessionHost::Entry& entry : entries) host.Leave(entry);

  const SessionHost::Entry large = *host.Admit({}, session, SessionHost::kPostedBytesMax - 10);
  const Reply busy = Ask("POST", Events(session), std::string(kRows));  // Its length is not known.
  EXPECT_EQ(busy.status, 503);
  EXPECT_EQ(busy.retry_after, "1");
  EXPECT_FALSE(busy.body_read);
  EXPECT_EQ(Ask("POST", Events(session), std::string(kRows), "", "5").status, 200);
  host.Leave(large);
}

TEST_F(PipeRoutes, WhatFailsGivesItsRoomBack) {
  const std::string session = OpenSession();
  for (std::size_t i = 0; i < 2 * SessionHost::kPostsPerSession; ++i) {
    EXPECT_EQ(Ask("POST", Events(session), Status(Code::kResourceExhausted, "too long")).status,
              413);
    EXPECT_EQ(Ask("POST", Events(session), Status(Code::kDeadlineExceeded, "too slow")).status,
              408);
    EXPECT_EQ(Ask("POST", Events(session), std::string("{")).status, 422);
    EXPECT_EQ(Ask("POST", Events(session), std::string(R"({"events":7})")).status, 422);
    EXPECT_EQ(
        Ask("POST", Events(session), std::string(R"({"source_type":"config_report"})")).status,
        200);
  }
  EXPECT_EQ(Ask("POST", Events(session), std::string(kRows)).status, 200);
  EXPECT_EQ(world_.fusion.sessions().ListPipes().at(0).queue_size, 0);
}

TEST_F(PipeRoutes, ASessionThatReportsOverAStreamCannotPostAsWell) {
  const std::string session = OpenSession();
  const Result<SessionHost::Ticket> ticket = world_.Join(session);
  ASSERT_TRUE(ticket.ok());
  EXPECT_EQ(Ask("POST", Events(session), std::string(kRows)).status, 409);
  const std::string other = OpenSession("k2");
  EXPECT_EQ(Ask("POST", Events(other), std::string(kRows)).status, 200);
  EXPECT_EQ(world_.Join(other, "k2").status().code(), Code::kFailedPrecondition);
}

TEST_F(PipeRoutes, SmallBodiesAreChecked) {
  const std::string session = OpenSession();
  const std::string beat = "/api/v1/pipe/session/" + session + "/heartbeat";
  EXPECT_EQ(Ask("POST", beat, std::string("")).status, 200);
  EXPECT_EQ(Ask("POST", beat, std::string("null")).status, 200);
  for (const char* body : {"7", "{", R"({"can_realtime":1})", R"({"agent_status":{"state":7}})"}) {
    EXPECT_EQ(Ask("POST", beat, std::string(body)).status, 422) << body;
  }
  EXPECT_EQ(Ask("POST", "/api/v1/pipe/session/nobody/heartbeat", std::string("")).status, 419);
  const std::string feedback = "/api/v1/pipe/consistency/sentinel/feedback";
  EXPECT_EQ(Ask("POST", feedback, std::string(R"({"type":"suspect_update"})")).status, 422);
  EXPECT_EQ(Ask("POST", feedback, std::string("{")).status, 422);
  EXPECT_EQ(Ask("POST", feedback, std::string("{}"), "q1").status, 403);
}

TEST_F(PipeRoutes, ASweepOfASessionEditsNothingAndHearsWhatIsDifferent) {
  const std::string session = OpenSession();
  EXPECT_EQ(Ask("POST", Events(session), std::string(kRows), "").status, 200);
  const std::string feedback = "/api/v1/pipe/consistency/sentinel/feedback";
  const auto sweep = [&](const std::string& id, const std::string& updates) {
    return Ask(
        "POST", feedback,
        R"({"type":"suspect_update","session_id":")" + id + R"(","updates":)" + updates + "}");
  };
  const Reply told = sweep(session, R"([{"path":"/x","mtime_ns":9,"ctime_ns":9,"size":9},)"
                                    R"({"path":"/never","mtime_ns":9,"ctime_ns":9,"size":9},)"
                                    R"({"path":"x","mtime_ns":9,"ctime_ns":9,"size":9},)"
                                    R"({"path":"/x","mtime_ns":9.5,"ctime_ns":9,"size":9},)"
                                    R"({"path":"/x","mtime_ns":9,"ctime_ns":9,"size":-9}, 7])");
  EXPECT_EQ(told.status, 200);
  const json::Value* const differing = told.body.Find("differing");
  ASSERT_NE(differing, nullptr);
  ASSERT_EQ(differing->items().size(), 2u);
  EXPECT_TRUE(world_.Has("one", "/x"));
  EXPECT_EQ(sweep("nobody", "[]").status, 419);
  EXPECT_EQ(sweep(session, "7").status, 422);
  std::string many = "[";
  for (int i = 0; i <= 1000; ++i) {
    many += R"({"path":"/x","mtime_ns":9,"ctime_ns":9,"size":9},)";
  }
  many.back() = ']';
  EXPECT_EQ(sweep(session, many).status, 422);
}

TEST_F(PipeRoutes, APushKeyOpensOnlyTheViewsOfItsPipe) {
  EXPECT_EQ(Ask("GET", "/api/v1/views/two/sessions", std::string(), "k1").status, 403);
  EXPECT_EQ(Ask("GET", "/api/v1/views/one/sessions", std::string(), "k1").status, 200);
  EXPECT_EQ(Ask("PUT", "/api/v1/views/two/suspect-list", std::string("{}"), "k1").status, 403);
  EXPECT_EQ(Ask("GET", "/api/v1/pipe/pipes/p2", std::string(), "k1").status, 404);
  EXPECT_EQ(Ask("GET", "/api/v1/pipe/pipes/p2", std::string(), "q2").status, 200);
  EXPECT_THAT(Ask("POST", "/api/v1/pipe/session", std::string(R"({"task_id":"a:p"})"), "q1")
                  .body.GetString("detail")
                  .value(),
              HasSubstr("Invalid API key"));
}

}  // namespace
}  // namespace fustor::fusion
