#include "adapters/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "adapters/http/test_site.h"
#include "adapters/http/test_support.h"

namespace fustor::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kGetHello = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";

std::string Get(std::string_view target, std::string_view more = "") {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n" + std::string(more) + "\r\n";
}

TEST(Server, AnswersOverKeptConnections) {
  TestSite site;
  RawClient client(site.port());
  for (int i = 0; i < 3; ++i) {
    client.Send(kGetHello);
    const auto answer = client.ReceiveAnswer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body, "hello");
    EXPECT_EQ(answer.Header("Content-Type"), "text/plain");
    EXPECT_EQ(answer.Header("Connection"), "");
    EXPECT_THAT(answer.Header("Date"), HasSubstr(" GMT"));
    EXPECT_EQ(answer.Header("Date").size(), 29u);
  }
  EXPECT_EQ(site.metrics.counter("fustor_http_connections_total{}"), 1u);
}

TEST(Server, HandsPathQueryAndParametersToHandlers) {
  TestSite site;
  RawClient client(site.port());
  client.Send(Get("/views/a%20b/tree/?path=%2Fx%FF&only+path=true"));
  EXPECT_EQ(client.ReceiveAnswer().body,
            "GET /views/a b/tree/ view=a b path=/x\xFF only path=true");
  client.Send("\r\n" + Get("http://other/views/v/tree"));
  EXPECT_EQ(client.ReceiveAnswer().body, "GET /views/v/tree view=v");
}

TEST(Server, KnowsWhenConnectionsEnd) {
  TestSite site;
  RawClient closing(site.port());
  closing.Send(Get("/hello", "Connection: close\r\n"));
  EXPECT_THAT(closing.ReceiveAll(), HasSubstr("Connection: close\r\n"));
  RawClient old(site.port());
  old.Send("GET /hello HTTP/1.0\r\n\r\n");
  EXPECT_THAT(old.ReceiveAll(), HasSubstr("\r\n\r\nhello"));
  RawClient old_kept(site.port());
  for (int i = 0; i < 2; ++i) {
    old_kept.Send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(old_kept.ReceiveAnswer().Header("Connection"), "keep-alive");
  }
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  TestSite site;
  RawClient client(site.port());
  std::string all;
  for (int i = 0; i < 50; ++i) all += Get("/views/" + std::to_string(i) + "/tree");
  client.Send(all);
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(client.ReceiveAnswer().body, HasSubstr("view=" + std::to_string(i)));
  }
}

TEST(Server, SendsEarlyAnswersOfAPipelineWhileALaterHandlerWaits) {
  TestSite site;
  RawClient client(site.port());
  client.Send(std::string(kGetHello) + Get("/slow") + std::string(kGetHello));
  EXPECT_EQ(client.ReceiveAnswer().body, "hello");
  site.waiting.get_future().get();
  site.go_on.resolver()(true);
  EXPECT_EQ(client.ReceiveAnswer().body, "slow");
  EXPECT_EQ(client.ReceiveAnswer().body, "hello");
}

TEST(Server, ReadsRequestsByteByByte) {
  TestSite site;
  RawClient client(site.port());
  const std::string request =
      "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nTrailer: t\r\n\r\n";
  for (int round = 0; round < 2; ++round) {
    for (const char c : request) client.Send(std::string_view(&c, 1));
    EXPECT_EQ(client.ReceiveAnswer().body, "hello!");
  }
}

TEST(Server, TakesBodiesByLength) {
  TestSite site;
  RawClient client(site.port());
  const std::string body(3 << 20, 'b');
  client.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n");
  std::thread sender([&] { client.Send(body + std::string(kGetHello)); });
  const auto answer = client.ReceiveAnswer();
  sender.join();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, body);
  EXPECT_EQ(client.ReceiveAnswer().body, "hello");
}

TEST(Server, StreamsBothWays) {
  TestSite site;
  RawClient client(site.port());
  client.Send("POST /pieces HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  // The answer begins before the request has ended.
  EXPECT_THAT(client.Receive(), HasSubstr("Transfer-Encoding: chunked"));
  client.Send("3\r\nabc\r\n");
  EXPECT_EQ(client.Receive(), "3\r\nabc\r\n");
  client.Send("2\r\nde\r\n");
  EXPECT_EQ(client.Receive(), "2\r\nde\r\n");
  client.Send("0\r\n\r\n");
  EXPECT_EQ(client.Receive(), "0\r\n\r\n");
}

TEST(Server, StreamsLargeAnswersInChunks) {
  TestSite site;
  RawClient client(site.port());
  for (const std::string_view target :
       {"/stream?pieces=50&size=100000", "/stream?pieces=3000&size=7",
        "/stream?pieces=1&size=20000", "/stream"}) {
    client.Send(Get(target));
    const auto answer = client.ReceiveAnswer();
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.Header("Transfer-Encoding"), "chunked");
    const std::size_t size = target.ends_with("100000")  ? 5'000'000
                             : target.ends_with("=7")    ? 21'000
                             : target.ends_with("20000") ? 20'000
                                                         : 0;
    EXPECT_EQ(answer.body.size(), size);
  }
}

TEST(Server, StreamsToOldClientsUntilClose) {
  TestSite site;
  RawClient client(site.port());
  client.Send("GET /stream?pieces=3&size=2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string all = client.ReceiveAll();
  EXPECT_THAT(all, Not(HasSubstr("chunked")));
  EXPECT_THAT(all, HasSubstr("Connection: close\r\n\r\naabbcc"));
}

TEST(Server, DropsTheBodyForHead) {
  TestSite site;
  RawClient client(site.port());
  for (const std::string_view target : {"/hello", "/stream?pieces=2&size=100000", "/nothing"}) {
    client.Send("HEAD " + std::string(target) + " HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto answer = client.ReceiveAnswer(true);
    EXPECT_EQ(answer.status, target == "/nothing" ? 404 : 200);
    if (target == "/hello") EXPECT_EQ(answer.Header("Content-Length"), "5");
  }
  client.Send(kGetHello);
  EXPECT_EQ(client.ReceiveAnswer().body, "hello") << "nothing stands between the answers";
}

TEST(Server, AnswersWithoutBodyHaveNone) {
  TestSite site;
  RawClient client(site.port());
  client.Send(Get("/empty?status=204"));
  const auto no_content = client.ReceiveAnswer();
  EXPECT_EQ(no_content.status, 204);
  EXPECT_EQ(no_content.Header("Content-Length"), "");
  client.Send(Get("/empty?status=419"));
  const auto own = client.ReceiveAnswer();
  EXPECT_EQ(own.status, 419);
  EXPECT_EQ(own.Header("Content-Length"), "0");
}

TEST(Server, SendsSharedBodiesLikeOthers) {
  TestSite site;
  RawClient client(site.port());
  RawClient other(site.port());
  for (const std::string size : {"0", "100", "20000", "44000", "120000", "3000000"}) {
    const std::string target = "/text?size=" + size;
    client.Send(Get(target));
    const auto answer = client.ReceiveAnswer();
    for (RawClient* asking : {&client, &other, &client}) {
      asking->Send(Get(target + "&shared=200"));
      const auto shared = asking->ReceiveAnswer();
      EXPECT_EQ(shared.status, 200);
      EXPECT_EQ(shared.Header("Content-Length"), std::to_string(answer.body.size()));
      EXPECT_EQ(shared.body == answer.body, true) << size;
    }
    client.Send("HEAD " + target + "&shared=200 HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(client.ReceiveAnswer(true).Header("Content-Length"),
              std::to_string(answer.body.size()));
    client.Send(Get(target + "&shared=204"));
    EXPECT_EQ(client.ReceiveAnswer(true).status, 204);
  }
  client.Send(kGetHello);
  EXPECT_EQ(client.ReceiveAnswer().body, "hello") << "nothing stands between the answers";
}

TEST(Server, SharedBodiesReachSlowReadersWhole) {
  TestSite site;
  RawClient fast(site.port());
  fast.Send(Get("/text?size=120000"));
  const std::string expected = fast.ReceiveAnswer().body;
  RawClient slow(site.port());
  constexpr int kAnswers = 100;  // Far more than sockets hold.
  for (int i = 0; i < kAnswers; ++i) slow.Send(Get("/text?size=120000&shared=200"));
  for (int i = 0; i < kAnswers; ++i) EXPECT_EQ(slow.ReceiveAnswer().body == expected, true) << i;
}

TEST(Server, RefusesAsJson) {
  TestSite site;
  struct Case {
    std::string request;
    int status;
    std::string_view detail;
  };
  const Case cases[] = {
      {Get("/nothing"), 404, "nothing at this path"},
      {"DELETE /hello HTTP/1.1\r\nHost: h\r\n\r\n", 405, "no method DELETE"},
      {Get("/%zz"), 400, "percent-encoding"},
      {Get("/hello?a=%"), 400, "percent-encoding"},
      {"GET /hello HTTP/1.1\r\n\r\n", 400, "Host"},
      {"nonsense\r\n\r\n", 400, ""},
      {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501, "chunked"},
      {"GET / HTTP/1.1\r\nHost: h\r\nExpect: tea\r\n\r\n", 417, "100-continue"},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx", 415,
       "gzip, zstd"},
      {"PUT /small HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", 413, "1000 bytes"},
      {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
       "chunked"},
      {Get("/silent"), 500, "no answer"},
  };
  for (const Case& c : cases) {
    RawClient client(site.port());
    client.Send(c.request);
    const auto answer = client.ReceiveAnswer();
    EXPECT_EQ(answer.status, c.status) << c.request;
    EXPECT_EQ(answer.Header("Content-Type"), "application/json") << c.request;
    EXPECT_THAT(answer.body, HasSubstr("{\"detail\": \"")) << c.request;
    EXPECT_THAT(answer.body, HasSubstr(c.detail)) << c.request;
    if (c.status == 405) EXPECT_EQ(answer.Header("Allow"), "GET, HEAD");
    if (c.status == 404 || c.status == 405) {
      client.Send(kGetHello);
      EXPECT_EQ(client.ReceiveAnswer().status, 200) << "the connection lives on";
    } else if (c.status != 415 && c.status != 413 && c.status != 400) {
      EXPECT_EQ(answer.Header("Connection"), "close") << c.request;
      EXPECT_EQ(client.ReceiveAll(), "");
    }
  }
  EXPECT_TRUE(site.log.Has("a handler gave no answer"));
}

TEST(Server, LetsNoHandlerBreakTheProtocol) {
  TestSite site;
  RawClient client(site.port());
  client.Send(Get("/evil?copy=a%0d%0aSet-Cookie:%20x%00"));
  const auto answer = client.ReceiveAnswer();
  EXPECT_EQ(answer.body, "evil");
  EXPECT_EQ(answer.Header("Set-Cookie"), "");
  EXPECT_EQ(answer.Header("X-Copy"), "a  Set-Cookie: x");
  EXPECT_EQ(answer.Header("Content-Length"), "4");
  EXPECT_EQ(answer.Header("Connection"), "");
  EXPECT_THAT(answer.head, Not(HasSubstr("Bad Name")));
  client.Send(Get("/twice"));
  EXPECT_EQ(client.ReceiveAnswer().body, "one");
  client.Send(Get("/half"));
  EXPECT_EQ(client.ReceiveAnswer().status, -200) << "half an answer does not look whole";
  EXPECT_TRUE(site.log.Has("a handler did not end its answer"));
}

TEST(Server, InvitesBodiesThatSomebodyReads) {
  TestSite site;
  RawClient client(site.port());
  const std::string head =
      " HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
  client.Send("POST /echo" + head);
  EXPECT_EQ(client.ReceiveAnswer().status, 100);
  client.Send("12345");
  EXPECT_EQ(client.ReceiveAnswer().body, "12345");
  client.Send("PUT /ignore" + head);
  const auto answer = client.ReceiveAnswer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Header("Connection"), "close") << "what follows could be the body or not";
}

TEST(Server, SkipsSmallBodiesThatNobodyReads) {
  TestSite site;
  RawClient client(site.port());
  for (int i = 0; i < 2; ++i) {
    client.Send("PUT /ignore HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    EXPECT_EQ(client.ReceiveAnswer().body, "hello") << "does not wait for the body";
    client.Send(std::string(100'000, 'x'));
  }
  client.Send(
      "PUT /ignore HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n");
  EXPECT_EQ(client.ReceiveAnswer().body, "hello");
  client.Send("PUT /ignore HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  EXPECT_EQ(client.ReceiveAnswer().Header("Connection"), "close");
}

TEST(Server, RunsTheHookBeforeHandlers) {
  ServerOptions options;
  struct Hook {
    static env::Task<bool> Run(Request& request, ResponseWriter& writer) {
      if (request.headers.Find("X-Pass")) co_return true;
      (void)co_await SendDetail(writer, 401, "no");
      co_return false;
    }
  };
  options.before = Hook::Run;
  TestSite site(options);
  RawClient client(site.port());
  client.Send(kGetHello);
  EXPECT_EQ(client.ReceiveAnswer().status, 401);
  client.Send(Get("/hello", "X-Pass: 1\r\n"));
  EXPECT_EQ(client.ReceiveAnswer().status, 200);
}

TEST(Server, CountsRequestsByPattern) {
  TestSite site;
  RawClient client(site.port());
  for (const std::string_view target : {"/views/a/tree", "/views/b/tree", "/x", "/y"}) {
    client.Send(Get(target));
    client.ReceiveAnswer();
  }
  site.server->Stop(Seconds(10));
  const auto count = [&](std::string_view labels) {
    return site.metrics.counter("fustor_http_requests_total{" + std::string(labels) + "}");
  };
  EXPECT_EQ(count("pattern=/views/{view}/tree,method=GET,status=2xx,"), 2u);
  EXPECT_EQ(count("pattern=none,method=GET,status=4xx,"), 2u);
  EXPECT_EQ(
      site.metrics.observed("fustor_http_request_seconds{pattern=/views/{view}/tree,method=GET,}"),
      2u);
  EXPECT_EQ(site.metrics.gauge("fustor_http_connections{}"), 0);
  EXPECT_EQ(site.metrics.gauge("fustor_http_requests_in_flight{}"), 0);
}

TEST(Server, SaysWhyItCannotListen) {
  TestSite site;
  const auto start = [&](const std::string& address, std::uint16_t port) {
    ServerOptions options;
    options.address = address;
    options.port = port;
    return Server::Start(options, site.router, site.metrics, Logger()).status();
  };
  const Status in_use = start("127.0.0.1", site.port());
  EXPECT_EQ(in_use.code(), Code::kAlreadyExists);
  EXPECT_THAT(in_use.message(), HasSubstr("127.0.0.1:" + std::to_string(site.port())));
  EXPECT_THAT(in_use.message(), HasSubstr("ss -ltnp"));
  EXPECT_EQ(start("192.0.2.1", 0).code(), Code::kInvalidArgument);
  EXPECT_EQ(start("no such address", 0).code(), Code::kInvalidArgument);
}

TEST(Server, ServesTwoPortsWithOneRouter) {
  TestSite site;
  auto second = Server::Start({.name = "second", .address = "localhost", .threads = 1}, site.router,
                              site.metrics, Logger());
  ASSERT_TRUE(second.ok()) << second.status().ToString();
  EXPECT_NE((*second)->port(), site.port());
  EXPECT_EQ((*second)->url(), "http://localhost:" + std::to_string((*second)->port()));
  RawClient first(site.port());
  first.Send(kGetHello);
  EXPECT_EQ(first.ReceiveAnswer().body, "hello");
}

TEST(Server, LetsRunningRequestsEndWhenItStops) {
  // One loop: what closes the idle connection has told the busy one.
  TestSite site({.threads = 1});
  RawClient idle(site.port());
  RawClient busy(site.port());
  idle.Send(kGetHello);
  idle.ReceiveAnswer();
  busy.Send(Get("/slow"));
  site.waiting.get_future().get();
  std::thread stopper([&] { site.server->Stop(Seconds(60)); });
  EXPECT_EQ(idle.ReceiveAll(), "") << "idle connections close at once";
  site.go_on.resolver()(true);
  const auto answer = busy.ReceiveAnswer();
  EXPECT_EQ(answer.body, "slow");
  EXPECT_EQ(answer.Header("Connection"), "close");
  busy.ShutdownSend();
  stopper.join();
  EXPECT_TRUE(site.log.Has("stopped serving HTTP"));
}

TEST(Server, CutsWhatRunsLongerThanTheGrace) {
  TestSite site;
  RawClient client(site.port());
  client.Send(Get("/wait"));
  site.waiting.get_future().get();
  site.server->Stop(Millis(50));
  EXPECT_EQ(client.ReceiveAll(), "");
  EXPECT_EQ(site.waited.get_future().get().code(), Code::kUnavailable);
}

TEST(Server, HandlersNoticeThatTheirClientHasGone) {
  TestSite site({.keep_alive_timeout = Millis(400)});
  auto client = std::make_unique<RawClient>(site.port());
  client->Send(Get("/wait"));
  site.waiting.get_future().get();
  client->Reset();
  EXPECT_EQ(site.waited.get_future().get().code(), Code::kUnavailable);
}

TEST(Server, StreamsToAClientThatLeavesEndWithUnavailable) {
  TestSite site;
  RawClient client(site.port());
  client.Send(Get("/stream?pieces=1000000&size=10000"));
  EXPECT_NE(client.Receive(), "");
  client.Reset();
  EXPECT_EQ(site.stream_failure.get_future().get().code(), Code::kUnavailable);
}

}  // namespace
}  // namespace fustor::http
