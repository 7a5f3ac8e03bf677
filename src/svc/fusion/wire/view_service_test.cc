// Views over the loopback, which keeps the contract of gRPC; e2e/ asks over gRPC itself.
#include "svc/fusion/wire/view_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/asio/executor.h"
#include "fustor/v1/views.pb.h"
#include "lib/loopback/loopback.h"
#include "svc/fusion/wire/feed_testing.h"
#include "svc/fusion/wire/view_methods.h"

namespace fustor::fusion {
namespace {

namespace pb = fustor::v1;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ViewServiceTest : public testing::Test {
 public:
  ~ViewServiceTest() override {
    Close();
    client_->Stop();
    executor_->Stop();
  }

 protected:
  ViewServiceTest() {
    view_->Put("/", EntryKind::kDirectory, 0);
    view_->Put("/d", EntryKind::kDirectory, 0);
    view_->PutFile("/d/a", 5);
    view_->Put("/d/l", EntryKind::kSymlink, 1, "a");
    view_->PutFile("/d/\xff", 7);
    view_->PutFile("/e", 9);
    view_->Publish();
    views_.views_ = {view_, std::make_shared<FakeView>("w")};
    ViewSet::Access access;
    access.known = true;
    access.views = {"v", "gone"};
    views_.keys_["k"] = access;
  }

  void Serve() {
    service_ = std::make_unique<ViewService>(views_, *executor_, asio::SystemClock(), options_);
    methods_ = env::MethodTable();
    service_->AddMethods(&methods_);
    channel_ = std::make_unique<loopback::Loopback>(methods_);
  }
  void Close() {
    if (channel_ != nullptr) asio::BlockOn(*client_, channel_->Stop());
    channel_.reset();
  }
  static env::CallOptions With(const std::string& key, const std::string& name = "x-api-key") {
    env::CallOptions options;
    if (!key.empty()) options.metadata = {{name, key}};
    return options;
  }
  template <class Response, class Request>
  Result<Response> Call(const char* method, const Request& request,
                        env::CallOptions options = With("k")) {
    if (channel_ == nullptr) Serve();
    const Result<std::string> bytes = asio::BlockOn(
        *client_, channel_->Call(method, request.SerializeAsString(), std::move(options)));
    if (!bytes.ok()) return bytes.status();
    Response response;
    EXPECT_TRUE(response.ParseFromString(*bytes));
    return response;
  }
  static env::Task<Status> ReadAll(env::Channel& channel, std::string method, std::string request,
                                   env::CallOptions options, std::vector<std::string>* messages,
                                   std::size_t messages_max) {
    Result<std::unique_ptr<env::Stream>> stream =
        co_await channel.Open(std::move(method), std::move(options));
    if (!stream.ok()) co_return stream.status();
    FUSTOR_CO_TRY(co_await (*stream)->Send(std::move(request)));
    FUSTOR_CO_TRY(co_await (*stream)->CloseSend());
    while (messages->size() < messages_max) {
      Result<std::optional<std::string>> message = co_await (*stream)->Receive();
      if (!message.ok()) co_return message.status();
      if (!*message) co_return Status();
      messages->push_back(**std::move(message));
    }
    co_return Status(Code::kCancelled, "enough");
  }
  template <class Response, class Request>
  Status Stream(const char* method, const Request& request, std::vector<Response>* responses,
                std::size_t messages_max = SIZE_MAX, env::CallOptions options = With("k")) {
    if (channel_ == nullptr) Serve();
    std::vector<std::string> messages;
    const Status status =
        asio::BlockOn(*client_, ReadAll(*channel_, method, request.SerializeAsString(),
                                        std::move(options), &messages, messages_max));
    responses->clear();
    for (const std::string& message : messages) {
      EXPECT_TRUE(responses->emplace_back().ParseFromString(message));
    }
    return status;
  }
  static std::vector<std::string> Paths(const std::vector<pb::EntriesResponse>& responses) {
    std::vector<std::string> paths;
    for (const auto& response : responses) {
      for (const pb::Entry& entry : response.entries()) paths.push_back(entry.path());
    }
    return paths;
  }
  // "created 3 /d/x", ...; with "@POSITION" behind each message that has one.
  static std::vector<std::string> Changes(const std::vector<pb::ChangesResponse>& responses) {
    const char* const kinds[] = {"created", "updated", "removed", "moved"};
    const char* const notes[] = {"", "start", "reset", "quiet"};
    std::vector<std::string> texts;
    for (const auto& response : responses) {
      if (response.kind() != pb::ChangesResponse::CHANGES) {
        texts.emplace_back(notes[response.kind()]);
      }
      for (const pb::ViewChange& change : response.changes()) {
        texts.push_back(std::string(kinds[change.kind()]) + " " +
                        std::to_string(change.revision()) + " " + change.old_path() +
                        change.entry().path());
      }
      if (!response.position().empty()) texts.back() += "@" + response.position();
    }
    return texts;
  }

  const std::unique_ptr<asio::ThreadExecutor> executor_ = asio::StartThread("server");
  const std::unique_ptr<asio::ThreadExecutor> client_ = asio::StartThread("client");
  std::shared_ptr<FeedView> view_ = std::make_shared<FeedView>("v");
  FakeViewSet views_;
  ViewService::Options options_;
  env::MethodTable methods_;
  std::unique_ptr<ViewService> service_;
  std::unique_ptr<loopback::Loopback> channel_;
};

// A source may lie anywhere, and a reason may name it: no client can read what is not UTF-8 there.
TEST_F(ViewServiceTest, TextsThatAreNotUtf8AreAnsweredAsTheyArePrinted) {
  view_->status_.reporters[1] = {"agent\xff", "/data/\xff"};
  pb::StatRequest request;
  request.set_view_id("v");
  request.set_path("/e");
  const auto response = Call<pb::StatResponse>(kStatMethod, request);
  ASSERT_TRUE(response.ok()) << response.status().message();
  EXPECT_EQ(response->entry().agent_id(), "agent\\xff");
  EXPECT_EQ(response->entry().source_uri(), "/data/\\xff");
}

TEST_F(ViewServiceTest, StatTellsAllOfAnEntry) {
  pb::StatRequest request;
  request.set_view_id("v");
  request.set_path("d/\xff/");
  const auto response = Call<pb::StatResponse>(kStatMethod, request);
  ASSERT_TRUE(response.ok()) << response.status().message();
  const pb::Entry& entry = response->entry();
  EXPECT_EQ(entry.path(), "/d/\xff");
  EXPECT_EQ(entry.kind(), pb::ENTRY_KIND_FILE);
  EXPECT_EQ(entry.size(), 7);
  EXPECT_EQ(entry.allocated_size(), 512);
  EXPECT_EQ(entry.mtime_ns(), 1'600'000'000'000'000'007);
  EXPECT_EQ(entry.mode(), 0100644u);
  EXPECT_EQ(entry.uid(), 1000u);
  EXPECT_EQ(entry.agent_id(), "agent-1");
  EXPECT_EQ(entry.source_uri(), "/data");
  EXPECT_FALSE(entry.agent_missing());
  EXPECT_FALSE(entry.has_totals());
  EXPECT_EQ(response->revision(), 1u);
  EXPECT_TRUE(response->trust().ready());
  EXPECT_EQ(response->trust().evidence_age_ns(), -1);
  request.set_path("/d");
  request.set_totals(true);
  const auto directory = Call<pb::StatResponse>(kStatMethod, request);
  EXPECT_EQ(directory->entry().totals().files(), 3u);
  EXPECT_EQ(directory->entry().totals().size(), 13u);
}

TEST_F(ViewServiceTest, DuTellsTheSums) {
  pb::DuRequest request;
  request.set_view_id("v");
  const auto root = Call<pb::DuResponse>(kDuMethod, request);
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(root->totals().files(), 4u);
  EXPECT_EQ(root->totals().directories(), 2u);
  EXPECT_EQ(root->totals().size(), 22u);
  request.set_path("/e");
  EXPECT_EQ(Call<pb::DuResponse>(kDuMethod, request)->totals().size(), 9u);
}

TEST_F(ViewServiceTest, StatusTellsTheViewsOfTheKey) {
  view_->status_.ready = false;
  view_->status_.not_ready_reason = "No active leader session.";
  const auto response = Call<pb::StatusResponse>(kStatusMethod, pb::StatusRequest());
  ASSERT_TRUE(response.ok());
  ASSERT_EQ(response->views_size(), 1);
  EXPECT_EQ(response->views(0).id(), "v");
  EXPECT_FALSE(response->views(0).ready());
  EXPECT_EQ(response->views(0).not_ready_reason(), "No active leader session.");
  EXPECT_EQ(response->views(0).totals().files(), 4u);
  EXPECT_THAT(response->views(0).source_uris(), ElementsAre("/data"));
}

TEST_F(ViewServiceTest, AsksForTheKeyFirst) {
  struct Case {
    const char* key;
    const char* view;
    Code code;
    const char* text;
  };
  const Case cases[] = {{"", "v", Code::kUnauthenticated, "API key required"},
                        {"x", "v", Code::kUnauthenticated, "Invalid API key"},
                        {"k", "w", Code::kPermissionDenied, "does not open view 'w'"},
                        {"k", "gone", Code::kNotFound, "View 'gone' not found"}};
  for (const Case& c : cases) {
    pb::StatRequest stat;
    stat.set_view_id(c.view);
    stat.set_path("/");
    pb::TreeRequest tree;
    tree.set_view_id(c.view);
    pb::SearchRequest search;
    search.set_view_id(c.view);
    pb::ChangesRequest changes;
    changes.set_view_id(c.view);
    std::vector<pb::EntriesResponse> entries;
    std::vector<pb::ChangesResponse> feed;
    const Status all[] = {
        Call<pb::StatResponse>(kStatMethod, stat, With(c.key)).status(),
        Stream(kTreeMethod, tree, &entries, SIZE_MAX, With(c.key)),
        Stream(kSearchMethod, search, &entries, SIZE_MAX, With(c.key)),
        Stream(kChangesMethod, changes, &feed, SIZE_MAX, With(c.key)),
    };
    for (const Status& status : all) {
      EXPECT_EQ(status.code(), c.code) << c.key << " " << c.view;
      EXPECT_THAT(status.message(), HasSubstr(c.text));
    }
  }
  pb::StatusRequest status;
  EXPECT_TRUE(
      Call<pb::StatusResponse>(kStatusMethod, status, With("Bearer k", "authorization")).ok());
  EXPECT_EQ(Call<pb::StatusResponse>(kStatusMethod, status, With("")).status().code(),
            Code::kUnauthenticated);
}

TEST_F(ViewServiceTest, AViewThatIsNotReadySaysWhy) {
  view_->status_.ready = false;
  view_->status_.not_ready_reason = "No active leader session.";
  pb::StatRequest request;
  request.set_view_id("v");
  request.set_path("/");
  const auto refused = Call<pb::StatResponse>(kStatMethod, request);
  EXPECT_EQ(refused.status().code(), Code::kUnavailable);
  EXPECT_THAT(refused.status().message(), HasSubstr("View 'v': No active leader"));
  view_->status_.stale_ok = true;
  const auto stale = Call<pb::StatResponse>(kStatMethod, request);
  ASSERT_TRUE(stale.ok());
  EXPECT_FALSE(stale->trust().ready());
  EXPECT_EQ(stale->trust().stale_reason(), "No active leader session.");
}

TEST_F(ViewServiceTest, TreesAreStreamedInPathOrder) {
  options_.entries_per_message = 2;
  pb::TreeRequest request;
  request.set_view_id("v");
  std::vector<pb::EntriesResponse> responses;
  EXPECT_TRUE(Stream(kTreeMethod, request, &responses).ok());
  EXPECT_THAT(Paths(responses), ElementsAre("/", "/d", "/d/a", "/d/l", "/d/\xff", "/e"));
  EXPECT_EQ(responses.size(), 3u);
  EXPECT_TRUE(responses[0].has_trust());
  EXPECT_EQ(responses[1].entries(1).symlink_target(), "a");
  EXPECT_THAT(responses.back().next(), IsEmpty());
  request.set_max_depth(1);
  EXPECT_TRUE(Stream(kTreeMethod, request, &responses).ok());
  EXPECT_THAT(Paths(responses), ElementsAre("/", "/d", "/e"));
  request.set_path("/d");
  request.set_max_depth(0);
  EXPECT_TRUE(Stream(kTreeMethod, request, &responses).ok());
  EXPECT_THAT(Paths(responses), ElementsAre("/d"));
  request.set_path("/none");
  EXPECT_EQ(Stream(kTreeMethod, request, &responses).code(), Code::kNotFound);
  request.set_path("/../x");
  EXPECT_EQ(Stream(kTreeMethod, request, &responses).code(), Code::kInvalidArgument);
}

TEST_F(ViewServiceTest, ALimitLeavesWhereToGoOn) {
  for (std::uint64_t limit = 1; limit <= 7; ++limit) {
    for (const std::uint32_t per_message : {1u, 2u, 500u}) {
      options_.entries_per_message = per_message;
      Close();
      std::vector<std::string> all;
      std::string after;
      for (int streams = 0; streams < 10; ++streams) {
        pb::TreeRequest request;
        request.set_view_id("v");
        request.set_limit(limit);
        request.set_after(after);
        std::vector<pb::EntriesResponse> responses;
        ASSERT_TRUE(Stream(kTreeMethod, request, &responses).ok());
        const std::vector<std::string> paths = Paths(responses);
        EXPECT_LE(paths.size(), limit);
        all.insert(all.end(), paths.begin(), paths.end());
        after = responses.back().next();
        if (after.empty()) break;
      }
      EXPECT_THAT(all, ElementsAre("/", "/d", "/d/a", "/d/l", "/d/\xff", "/e")) << limit;
    }
  }
}

TEST_F(ViewServiceTest, SearchesByNameAndAttributes) {
  pb::SearchRequest request;
  request.set_view_id("v");
  std::vector<pb::EntriesResponse> responses;
  const auto find = [&] {
    EXPECT_TRUE(Stream(kSearchMethod, request, &responses).ok());
    return Paths(responses);
  };
  EXPECT_THAT(find(), ElementsAre("/d", "/d/a", "/d/l", "/d/\xff", "/e"));
  request.set_kind(pb::ENTRY_KIND_FILE);
  EXPECT_THAT(find(), ElementsAre("/d/a", "/d/\xff", "/e"));
  request.set_size_min(6);
  EXPECT_THAT(find(), ElementsAre("/d/\xff", "/e"));
  request.set_under("/d");
  EXPECT_THAT(find(), ElementsAre("/d/\xff"));
  request.set_pattern("nothing");
  EXPECT_THAT(find(), IsEmpty());
  EXPECT_EQ(responses.size(), 1u) << "the revision is told all the same";
  request.set_kind(pb::ENTRY_KIND_DIRECTORY);
  request.clear_pattern();
  request.clear_size_min();
  request.clear_under();
  EXPECT_THAT(find(), ElementsAre("/d"));
}

TEST_F(ViewServiceTest, SearchesByEveryPredicateOfHttp) {
  std::vector<pb::EntriesResponse> responses;
  const auto find = [&](const std::function<void(pb::SearchRequest*)>& ask) {
    pb::SearchRequest request;
    request.set_view_id("v");
    request.set_kind(pb::ENTRY_KIND_FILE);
    ask(&request);
    EXPECT_TRUE(Stream(kSearchMethod, request, &responses).ok());
    return Paths(responses);
  };
  using Request = pb::SearchRequest*;
  EXPECT_THAT(find([](Request r) { r->set_regex("^[ae]$"); }), ElementsAre("/d/a", "/e"));
  EXPECT_THAT(find([](Request r) { r->set_regex("^A$"); }), IsEmpty());
  EXPECT_THAT(find([](Request r) {
                r->set_regex("^A$");
                r->set_regex_any_case(true);
              }),
              ElementsAre("/d/a"));
  EXPECT_THAT(find([](Request r) { r->set_min_depth(2); }), ElementsAre("/d/a", "/d/\xff"));
  EXPECT_THAT(find([](Request r) { r->set_ctime_min_ns(1'700'000'000'000'000'000); }), IsEmpty());
  EXPECT_THAT(find([](Request r) { r->set_ctime_max_ns(0); }), IsEmpty());
  EXPECT_THAT(find([](Request r) { r->set_atime_min_ns(1'700'000'000'000'000'000); }), IsEmpty());
  EXPECT_THAT(find([](Request r) { r->set_atime_max_ns(0); }), IsEmpty());
  EXPECT_THAT(find([](Request r) { r->add_uids(1); }), IsEmpty());
  EXPECT_THAT(find([](Request r) { r->add_gids(1); }), IsEmpty());
  EXPECT_THAT(find([](Request r) { r->set_mode("/022"); }), IsEmpty());
  EXPECT_THAT(find([](Request r) { r->add_extensions("txt"); }), IsEmpty());
  EXPECT_THAT(find([](Request r) { r->add_flags("agent_missing"); }), IsEmpty());
  EXPECT_THAT(find([](Request r) { r->set_links_min(2); }), IsEmpty());
  EXPECT_THAT(find([](Request r) {
                r->add_uids(1);
                r->add_uids(1000);
                r->add_gids(100);
                r->set_mode("-444");
                r->add_extensions(".");
                r->add_not_flags("agent_missing");
                r->set_links_min(1);
                r->set_max_depth(1);
              }),
              ElementsAre("/e"));
  const auto refused = [&](const std::function<void(pb::SearchRequest*)>& ask) {
    pb::SearchRequest request;
    request.set_view_id("v");
    ask(&request);
    const Status status = Stream(kSearchMethod, request, &responses);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    return status.message();
  };
  EXPECT_EQ(refused([](Request r) { r->set_regex("("); }),
            "regex is no POSIX extended regular expression: a '(' is not closed");
  EXPECT_THAT(refused([](Request r) { r->set_mode("9"); }), testing::StartsWith("mode must be"));
  EXPECT_THAT(refused([](Request r) { r->add_flags("x"); }), testing::StartsWith("flags must be"));
  EXPECT_THAT(refused([](Request r) { r->add_not_flags("x"); }),
              testing::StartsWith("not_flags must be"));
  EXPECT_THAT(refused([](Request r) { r->add_extensions(""); }),
              testing::StartsWith("extensions must be"));
  EXPECT_THAT(refused([](Request r) {
                for (std::uint32_t i = 0; i < 101; ++i) r->add_uids(i);
              }),
              testing::HasSubstr("more than 100 items"));
  EXPECT_THAT(refused([](Request r) { r->set_under("/.."); }), testing::StartsWith("under "));
}

TEST_F(ViewServiceTest, ALargeTreeWaitsForItsReader) {
  options_.message_bytes = 16 << 10;
  constexpr int kFiles = 100'000;
  for (int i = 0; i < kFiles; ++i) {
    view_->PutFile("/many/" + std::to_string(i % 100) + "/" + std::string(50, 'x') +
                   std::to_string(i));
  }
  view_->Publish();
  pb::TreeRequest request;
  request.set_view_id("v");
  std::vector<pb::EntriesResponse> responses;
  EXPECT_EQ(Stream(kTreeMethod, request, &responses, 1).code(), Code::kCancelled);
  EXPECT_TRUE(Stream(kTreeMethod, request, &responses).ok());
  EXPECT_EQ(Paths(responses).size(), static_cast<std::size_t>(kFiles) + 107);
  EXPECT_GT(responses.size(), 200u);
}

TEST_F(ViewServiceTest, StreamsChanges) {
  view_->Then([&] {
    view_->PutFile("/d/b", 7);
    view_->PutFile("/d/c", 7);
    view_->PutFile("/x", 7);
    view_->Publish();
  });
  view_->Then([&] {
    const auto root = *view_->tree_.FindDirectory("/");
    ASSERT_TRUE(view_->tree_.Move(root, "d", root, "f").ok());
    view_->Publish();
  });
  view_->Then([&] {
    view_->tree_.Clear();
    view_->Publish();
  });
  options_.entries_per_message = 1;
  pb::ChangesRequest request;
  request.set_view_id("v");
  request.add_paths("/d/");
  std::vector<pb::ChangesResponse> responses;
  const Status ended = Stream(kChangesMethod, request, &responses);
  EXPECT_EQ(ended.code(), Code::kUnavailable);
  EXPECT_THAT(ended.message(), HasSubstr("ended"));
  EXPECT_THAT(Changes(responses), ElementsAre("start@1-ab", "created 2 /d/b", "created 2 /d/c@2-ab",
                                              "moved 3 /d/f@3-ab", "reset@4-ab"));
  EXPECT_EQ(responses[1].changes(0).entry().size(), 7);
  EXPECT_EQ(responses.back().reason(), "too \"old\"");

  view_->began_ = false;
  request.set_since("3-ab");
  EXPECT_EQ(Stream(kChangesMethod, request, &responses).code(), Code::kUnavailable);
  EXPECT_EQ(view_->since_, (FeedPosition{3, 0xab}));
  EXPECT_THAT(Changes(responses), ElementsAre("reset@4-ab"));
  request.set_since("soon");
  EXPECT_EQ(Stream(kChangesMethod, request, &responses).code(), Code::kInvalidArgument);
  view_->refusal_ = Status(Code::kResourceExhausted, "128 readers");
  request.clear_since();
  EXPECT_EQ(Stream(kChangesMethod, request, &responses).code(), Code::kResourceExhausted);
}

TEST_F(ViewServiceTest, AQuietFeedShowsThatItLives) {
  options_.feed_heartbeat = Nanos(0);
  view_->Then([] {});
  view_->Then([] {});
  pb::ChangesRequest request;
  request.set_view_id("v");
  std::vector<pb::ChangesResponse> responses;
  EXPECT_EQ(Stream(kChangesMethod, request, &responses).code(), Code::kUnavailable);
  EXPECT_THAT(Changes(responses),
              ElementsAre("start@1-ab", "quiet@1-ab", "quiet@1-ab", "quiet@1-ab"));
}

TEST_F(ViewServiceTest, WhatCannotBeReadIsRefused) {
  if (channel_ == nullptr) Serve();
  for (const char* const method : {kStatMethod, kDuMethod, kStatusMethod}) {
    const Result<std::string> answer =
        asio::BlockOn(*client_, channel_->Call(method, "\xff\xff", With("k")));
    EXPECT_EQ(answer.status().code(), Code::kInvalidArgument) << method;
  }
}

}  // namespace
}  // namespace fustor::fusion
