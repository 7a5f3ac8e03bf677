// The change feed over HTTP, up to the bytes: a view whose feed the test writes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/asio/executor.h"
#include "adapters/json/parse.h"
#include "lib/http/text.h"
#include "svc/fusion/wire/feed_testing.h"
#include "svc/fusion/wire/views.h"

namespace fustor::fusion {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ChangesRoute : public ::testing::Test {
 protected:
  ChangesRoute() {
    view_->Put("/d", EntryKind::kDirectory, 0);
    view_->PutFile("/d/a", 5);
    view_->Publish();
    views_.views_ = {view_};
    ViewSet::Access access;
    access.known = true;
    access.views = {"v"};
    views_.keys_["k"] = access;
  }

  FakeWriter Get(const std::string& target, std::map<std::string, std::string> headers = {},
                 const std::string& method = "GET") {
    http::Router router;
    AddViewRoutes(router, views_, options_, clock_);
    const Result<http::Target> parsed = http::ParseTarget("/api/v1/views/v/changes" + target);
    http::Request request;
    request.method = method;
    request.path = parsed->path;
    request.query = parsed->query;
    request.headers.Add("X-API-Key", "k");
    for (auto& [name, value] : headers) request.headers.Add(name, value);
    const http::Router::Match match = router.Find(method, request.path);
    request.path_parameters = match.parameters;
    FakeWriter writer;
    writer.on_write_ = on_write_;
    writer.writes_max_ = writes_max_;
    asio::BlockOn(*executor_, (*match.handler)(request, writer));
    return writer;
  }
  // "created 3 /d/x", "reset", ...; with "@ID" when the event has one.
  std::vector<std::string> Events(const std::string& body) {
    std::vector<std::string> events;
    std::string_view rest = body;
    while (!rest.empty()) {
      const std::size_t end = rest.find("\n\n");
      EXPECT_NE(end, std::string_view::npos) << rest;
      std::string type, data, id;
      std::string_view lines = rest.substr(0, end + 1);
      while (!lines.empty()) {
        const std::string_view line = lines.substr(0, lines.find('\n'));
        if (line.starts_with("event: ")) type = line.substr(7);
        if (line.starts_with("data: ")) data = line.substr(6);
        if (line.starts_with("id: ")) id = "@" + std::string(line.substr(4));
        lines.remove_prefix(line.size() + 1);
      }
      rest.remove_prefix(end + 2);
      if (data.empty()) {
        events.push_back("comment" + id);
        continue;
      }
      const Result<json::Value> value = json::Parse(data);
      EXPECT_TRUE(value.ok()) << data;
      if (!value.ok()) continue;
      std::string text = type;
      if (const json::Value* node = value->Find("node")) {
        EXPECT_EQ(value->GetString("kind").value_or(""), type);
        text += " " + std::to_string(value->GetInt("revision").value_or(0)) + " ";
        if (type == "moved") text += std::string(value->GetString("old_path").value_or("")) + " ";
        text += node->GetString("path").value_or("");
      }
      events.push_back(text + id);
    }
    return events;
  }

  FakeClock clock_;
  std::shared_ptr<FeedView> view_ = std::make_shared<FeedView>("v");
  FakeViewSet views_;
  ViewRoutesOptions options_;
  std::function<void()> on_write_;
  int writes_max_ = 1 << 30;
  const std::unique_ptr<asio::ThreadExecutor> executor_ = asio::StartThread("test");
};

TEST_F(ChangesRoute, SendsChangesAsTheyArePublished) {
  view_->Then([&] {
    view_->PutFile("/d/b", 7);
    view_->PutFile("/d/c", 7);
    view_->Publish();
  });
  view_->Then([&] {
    const auto root = *view_->tree_.FindDirectory("/");
    ASSERT_TRUE(view_->tree_.Move(root, "d", root, "e").ok());
    view_->tree_.Erase(*view_->tree_.FindDirectory("/e"), "a");
    view_->Publish();
  });
  const FakeWriter writer = Get("");
  EXPECT_EQ(writer.status_, 200);
  EXPECT_EQ(writer.headers_.Find("Content-Type"), "text/event-stream");
  EXPECT_EQ(writer.headers_.Find("Cache-Control"), "no-store");
  EXPECT_TRUE(writer.ended_);
  EXPECT_THAT(Events(writer.body_),
              ElementsAre("start@1-ab", "created 2 /d/b", "created 2 /d/c@2-ab", "moved 3 /d /e",
                          "removed 3 /e/a@3-ab", "comment"));
  EXPECT_THAT(writer.body_, HasSubstr("data: {\"view_id\":\"v\",\"revision\":1,\"position\":"
                                      "\"1-ab\",\"resumed\":false}\n"));
  EXPECT_THAT(
      writer.body_,
      HasSubstr("data: {\"kind\":\"created\",\"revision\":2,\"time\":1700000000.5,\"node\":{"
                "\"name\":\"b\",\"path\":\"/d/b\",\"content_type\":\"file\",\"size\":7,"));
  EXPECT_THAT(writer.body_, EndsWith(": the view has ended\n\n"));
}

TEST_F(ChangesRoute, SaysWhatAnUpdateIsAbout) {
  tree::Entry entry;
  const auto dir = *view_->tree_.FindDirectory("/d");
  ASSERT_TRUE(view_->tree_.Get(dir, "a", &entry));
  const auto put = [&] {
    view_->tree_.Put(dir, "a", entry);
    view_->Publish();
  };
  entry.attrs.size_bytes = 9;
  put();
  entry.attrs.mode = 0100600;
  entry.attrs.ctime_ns += 1;
  put();
  entry.flags |= tree::kSuspect;
  put();
  const std::string body = Get("?since=1").body_;
  const std::size_t size = body.find("\"changed\":[\"content\"]");
  const std::size_t mode = body.find("\"changed\":[\"permissions\",\"attributes\"]");
  const std::size_t trust = body.find("\"changed\":[\"trust\"]");
  EXPECT_LT(size, mode);
  EXPECT_LT(mode, trust);
  EXPECT_NE(trust, std::string::npos) << body;
}

TEST_F(ChangesRoute, ResumesBehindARevision) {
  view_->PutFile("/d/b");
  view_->Publish();
  view_->PutFile("/d/c");
  view_->Publish();
  EXPECT_THAT(Events(Get("?since=2").body_),
              ElementsAre("start@2-ab", "created 3 /d/c@3-ab", "comment"));
  EXPECT_EQ(view_->since_, (FeedPosition{2, std::nullopt}));
  // Whoever reconnects repeats its URL, and says how far it came.
  view_->began_ = false;
  EXPECT_THAT(Events(Get("?since=1", {{"Last-Event-ID", "2-ab"}}).body_),
              ElementsAre("start@2-ab", "created 3 /d/c@3-ab", "comment"));
  EXPECT_EQ(view_->since_, (FeedPosition{2, 0xab}));
}

TEST_F(ChangesRoute, AReaderThatMissedChangesMustReadTheTreeAgain) {
  EXPECT_THAT(Events(Get("?since=99").body_), ElementsAre("reset@1-ab", "comment"));
  view_->began_ = false;
  view_->Then([&] {
    view_->tree_.Clear();
    view_->Publish();
    view_->Then([&] {
      view_->PutFile("/n");
      view_->Publish();
    });
  });
  const std::string body = Get("").body_;
  EXPECT_THAT(Events(body),
              ElementsAre("start@1-ab", "reset@2-ab", "created 3 /n@3-ab", "comment"));
  EXPECT_THAT(body, HasSubstr("\"reason\":\"too \\\"old\\\"\""));
}

TEST_F(ChangesRoute, ShowsOnlyWhatConcernsThePaths) {
  struct Case {
    const char* query;
    std::vector<std::string> events;
  };
  const Case cases[] = {
      {"?since=1&path=/",
       {"created 2 /x", "created 2 /x/y", "created 2 /d/b@2-ab", "moved 3 /x/y /d/y@3-ab",
        "removed 4 /d@4-ab"}},
      {"?since=1&path=/x", {"created 2 /x", "created 2 /x/y@2-ab", "moved 3 /x/y /d/y@3-ab"}},
      {"?since=1&path=/d/b", {"created 2 /d/b@2-ab", "removed 4 /d@4-ab"}},
      {"?since=1&path=/d/y/z", {"moved 3 /x/y /d/y@3-ab", "removed 4 /d@4-ab"}},
      {"?since=1&path=/x/y/&path=d/b",
       {"created 2 /x/y", "created 2 /d/b@2-ab", "moved 3 /x/y /d/y@3-ab", "removed 4 /d@4-ab"}},
      {"?since=1&path=/xx", {}},
  };
  view_->PutFile("/x/y");
  view_->PutFile("/d/b");
  view_->Publish();
  const auto find = [&](const char* path) { return *view_->tree_.FindDirectory(path); };
  ASSERT_TRUE(view_->tree_.Move(find("/x"), "y", find("/d"), "y").ok());
  view_->Publish();
  view_->tree_.Erase(tree::kRoot, "d");
  view_->Publish();
  for (const Case& c : cases) {
    view_->began_ = false;
    std::vector<std::string> want = {"start@1-ab"};
    want.insert(want.end(), c.events.begin(), c.events.end());
    want.push_back("comment");
    EXPECT_EQ(Events(Get(c.query).body_), want) << c.query;
  }
}

TEST_F(ChangesRoute, SendsAHeartbeatWithTheIdWhenNothingConcernsTheReader) {
  options_.feed_heartbeat = Nanos(0);
  view_->page_bytes_ = 1;
  view_->PutFile("/d/b");
  view_->Publish();
  view_->PutFile("/d/c");
  view_->Publish();
  view_->Then([] {});
  EXPECT_THAT(Events(Get("?since=1&path=/other").body_),
              ElementsAre("start@1-ab", "comment@3-ab", "comment@3-ab", "comment"));
}

TEST_F(ChangesRoute, SendsMuchPieceByPieceAndStopsWhenTheClientHasGone) {
  options_.piece_bytes = 2000;
  for (int i = 0; i < 100; ++i) view_->PutFile("/d/" + std::to_string(i));
  view_->Publish();
  const FakeWriter writer = Get("?since=1");
  const std::vector<std::string> events = Events(writer.body_);
  EXPECT_EQ(events.size(), 102u);
  EXPECT_THAT(events.at(99), Not(EndsWith("-ab"))) << "only the last of a revision has an id";
  EXPECT_THAT(events.at(100), EndsWith("@2-ab"));
  EXPECT_GT(writer.writes_, 15);
  view_->began_ = false;
  writes_max_ = 3;
  const FakeWriter gone = Get("?since=1");
  EXPECT_EQ(gone.writes_, 3);
  EXPECT_FALSE(gone.ended_);
}

TEST_F(ChangesRoute, EndsWhenTheKeyNoLongerOpensTheView) {
  view_->Then([&] {
    view_->PutFile("/d/b");
    view_->Publish();
    views_.keys_.clear();
  });
  view_->Then([&] { ADD_FAILURE() << "still reads"; });
  const FakeWriter writer = Get("");
  EXPECT_TRUE(writer.ended_);
  EXPECT_THAT(Events(writer.body_), Not(testing::Contains(HasSubstr("/d/b"))));
}

TEST_F(ChangesRoute, RefusesWhatItCannotDo) {
  const FakeWriter since = Get("?since=yesterday");
  EXPECT_EQ(since.status_, 422);
  EXPECT_THAT(since.body_, HasSubstr(R"("loc":["query","since"])"));
  EXPECT_EQ(Get("?path=/a/../b").status_, 422);
  std::string many = "?path=/0";
  for (int i = 1; i <= 100; ++i) many += "&path=/" + std::to_string(i);
  EXPECT_EQ(Get(many).status_, 422);
  view_->refusal_ = Status(Code::kResourceExhausted, "128 readers follow this view already");
  const FakeWriter full = Get("");
  EXPECT_EQ(full.status_, 503);
  EXPECT_EQ(full.headers_.Find("Retry-After"), "5");
  EXPECT_THAT(full.body_, HasSubstr("128 readers"));
  view_->status_.ready = view_->status_.was_ready_once = false;
  view_->status_.not_ready_reason = "No active leader session.";
  EXPECT_EQ(Get("").status_, 503);
}

TEST_F(ChangesRoute, HeadDoesNotWait) {
  view_->Then([] { ADD_FAILURE() << "it reads"; });
  const FakeWriter writer = Get("", {}, "HEAD");
  EXPECT_EQ(writer.status_, 200);
  EXPECT_TRUE(writer.ended_);
}

TEST_F(ChangesRoute, NamesThatAreNotUtf8ComeExactly) {
  view_->PutFile("/d/\xff");
  view_->Publish();
  const auto dir = *view_->tree_.FindDirectory("/d");
  ASSERT_TRUE(view_->tree_.Move(dir, "\xff", dir, "\xfe").ok());
  view_->Publish();
  const std::string body = Get("?since=1").body_;
  EXPECT_THAT(body, HasSubstr(R"("old_path":"/d/\udcff","old_path_b64":"L2Qv/w==")"));
  EXPECT_THAT(body, HasSubstr(R"("path":"/d/\udcfe","path_b64":"L2Qv/g==")"));
  EXPECT_THAT(body, StartsWith("retry: 1000\n"));
}

}  // namespace
}  // namespace fustor::fusion
