#include "svc/fusion/page/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "adapters/asio/executor.h"

namespace fustor::fusion {
namespace {

using testing::HasSubstr;
using testing::Not;

class KeptAnswer : public http::ResponseWriter {
 public:
  env::Task<Status> Send(int status, http::Headers headers, std::string body) override {
    status_ = status;
    headers_ = std::move(headers);
    body_ = std::move(body);
    co_return Status();
  }
  env::Task<Status> Start(int, http::Headers) override { return Send(500, {}, ""); }
  env::Task<Status> Write(std::string) override { return Send(500, {}, ""); }
  env::Task<Status> End() override { return Send(500, {}, ""); }
  int status() const override { return status_; }
  std::string Header(std::string_view name) const {
    return std::string(headers_.Find(name).value_or("-"));
  }

  int status_ = 0;
  http::Headers headers_;
  std::string body_;
};

class Page : public testing::Test {
 protected:
  Page() { AddPageRoutes(router_); }

  KeptAnswer Get(const std::string& path, const std::string& if_none_match = "",
                 const std::string& method = "GET") {
    http::Request request;
    request.method = method;
    request.path = path;
    if (!if_none_match.empty()) request.headers.Add("if-none-match", if_none_match);
    const http::Router::Match match = router_.Find(request.method, request.path);
    KeptAnswer answer;
    if (match.handler == nullptr) return answer;
    request.path_parameters = match.parameters;
    asio::BlockOn(*executor_, (*match.handler)(request, answer));
    return answer;
  }

  http::Router router_;
  std::unique_ptr<asio::ThreadExecutor> executor_ = asio::StartThread("test");
};

TEST_F(Page, LeadsToItself) {
  for (const char* path : {"/", "/ui"}) {
    const KeptAnswer answer = Get(path);
    EXPECT_EQ(answer.status_, 302) << path;
    EXPECT_EQ(answer.Header("Location"), "ui/") << path;
  }
  const KeptAnswer answer = Get("/ui/");
  EXPECT_EQ(answer.status_, 200);
  EXPECT_THAT(answer.body_, HasSubstr("<!doctype html>"));
  EXPECT_EQ(answer.Header("Content-Type"), "text/html; charset=utf-8");
}

TEST_F(Page, HasItsFilesAndNoOthers) {
  ASSERT_GT(PageFiles().size(), 5u);
  for (const PageFile& file : PageFiles()) {
    SCOPED_TRACE(std::string(file.name));
    const KeptAnswer answer = Get("/ui/" + std::string(file.name));
    EXPECT_EQ(answer.status_, 200);
    EXPECT_EQ(answer.body_, file.content);
    EXPECT_EQ(answer.Header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(answer.Header("Cache-Control"), "no-cache");
    EXPECT_THAT(answer.Header("Content-Security-Policy"), HasSubstr("default-src 'self'"));
    EXPECT_THAT(answer.Header("Content-Security-Policy"), Not(HasSubstr("unsafe")));
  }
  for (const char* path : {"/ui/nothing.js", "/ui/main.js/", "/ui/..", "/ui/%2e%2e"}) {
    EXPECT_EQ(Get(path).status_, 404) << path;
  }
  EXPECT_EQ(Get("/ui/a/b").status_, 0) << "no route";
  EXPECT_EQ(Get("/ui/", "", "POST").status_, 0) << "no route";
}

TEST_F(Page, IsSentOnceToWhoKeepsIt) {
  const std::string tag = Get("/ui/").Header("ETag");
  const std::string bare = tag.substr(2);
  EXPECT_TRUE(tag.starts_with("W/\"")) << tag;
  for (const std::string& known : {tag, bare, "\"x\", " + tag, std::string("*")}) {
    const KeptAnswer answer = Get("/ui/", known);
    EXPECT_EQ(answer.status_, 304) << known;
    EXPECT_EQ(answer.body_, "");
    EXPECT_EQ(answer.Header("ETag"), tag);
  }
  for (const std::string& known :
       {std::string("\"x\""), std::string(","), std::string("W/"), bare.substr(1), tag + "x"}) {
    EXPECT_EQ(Get("/ui/", known).status_, 200) << known;
  }
  EXPECT_NE(Get("/ui/main.js").Header("ETag"), tag);
}

}  // namespace
}  // namespace fustor::fusion
