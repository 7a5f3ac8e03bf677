// views_testing.h: asks the routes of views as a client does, without a socket. Not for programs.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "adapters/asio/executor.h"
#include "adapters/json/parse.h"
#include "lib/http/text.h"
#include "svc/fusion/wire/fakes_testing.h"
#include "svc/fusion/wire/views.h"

namespace fustor::fusion {

struct Reply {
  int status = 0;
  std::string body = "";
  http::Headers headers = {};
  bool ended = false;
  int writes = 0;
};

class ViewRoutes : public ::testing::Test {
 protected:
  ViewRoutes() {
    view_ = std::make_shared<FakeView>("v");
    views_.views_ = {view_};
    ViewSet::Access query;
    query.known = true;
    query.views = {"v", "lost"};
    views_.keys_["k"] = query;
    ViewSet::Access other;
    other.known = true;
    other.views = {"w"};
    views_.keys_["other"] = other;
    ViewSet::Access management;
    management.known = management.management = true;
    views_.keys_["m"] = management;
    options_.page_items_default = 3;
  }

  // Asks with the key "k" unless other headers are given.
  Reply Ask(const std::string& method, const std::string& target,
            std::vector<std::pair<std::string, std::string>> headers = {{"x-api-key", "k"}}) {
    http::Router router;
    AddViewRoutes(router, views_, options_, clock_);
    const Result<http::Target> parsed = http::ParseTarget(target);
    EXPECT_TRUE(parsed.ok());
    http::Request request;
    request.method = method;
    request.path = parsed->path;
    request.query = parsed->query;
    for (auto& [name, value] : headers) request.headers.Add(name, value);
    const http::Router::Match match = router.Find(method, request.path);
    if (match.handler == nullptr) return {.status = match.allowed.empty() ? 404 : 405};
    request.path_parameters = match.parameters;
    request.store = store_;
    FakeWriter writer;
    writer.on_write_ = on_write_;
    writer.writes_max_ = writes_max_;
    asio::BlockOn(*executor_, (*match.handler)(request, writer));
    return {writer.status_, writer.body_, writer.headers_, writer.ended_, writer.writes_};
  }
  Reply Get(const std::string& target) { return Ask("GET", "/api/v1/views" + target); }
  json::Value GetJson(const std::string& target, int status = 200) {
    const Reply reply = Get(target);
    EXPECT_EQ(reply.status, status) << reply.body;
    Result<json::Value> value = json::Parse(reply.body);
    EXPECT_TRUE(value.ok()) << value.status().ToString() << "\n" << reply.body;
    return value.ok() ? *std::move(value) : json::Value();
  }

  FakeClock clock_;
  std::shared_ptr<FakeView> view_;
  FakeViewSet views_;
  ViewRoutesOptions options_;
  http::AnswerStore* store_ = nullptr;
  std::function<void()> on_write_;
  int writes_max_ = 1 << 30;
  std::unique_ptr<asio::ThreadExecutor> executor_ = asio::StartThread("test");
};

}  // namespace fustor::fusion
