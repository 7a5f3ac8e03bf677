#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "adapters/http/test_site.h"
#include "adapters/http/test_support.h"

namespace fustor::http {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kGetHello = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";

TEST(Limits, LongHeadersAreRefused) {
  TestSite site({.header_bytes_max = 8192});
  for (const bool at_once : {true, false}) {
    RawClient client(site.port());
    const std::string request =
        "GET /hello HTTP/1.1\r\nHost: h\r\nX: " + std::string(10'000, 'x') + "\r\n\r\n";
    if (at_once) {
      client.Send(request);
    } else {
      for (std::size_t i = 0; i < request.size(); i += 100) client.Send(request.substr(i, 100));
    }
    const auto answer = client.ReceiveAnswer();
    EXPECT_EQ(answer.status, 431);
    EXPECT_THAT(answer.body, HasSubstr("8192"));
  }
  RawClient many(site.port());
  std::string request = "GET /hello HTTP/1.1\r\nHost: h\r\n";
  while (request.size() < 9000) request += "A: b\r\n";
  many.Send(request);
  EXPECT_EQ(many.ReceiveAnswer().status, 431);
  RawClient line(site.port());
  line.Send("GET /" + std::string(10'000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(line.ReceiveAnswer().status, 414);
  RawClient enough(site.port());
  enough.Send("GET /hello HTTP/1.1\r\nHost: h\r\nX: " + std::string(8000, 'x') + "\r\n\r\n");
  EXPECT_EQ(enough.ReceiveAnswer().status, 200);
}

TEST(Limits, SlowHeadersAreCut) {
  TestSite site({.header_timeout = Millis(100)});
  RawClient started(site.port());
  started.Send("GET /hello HTTP/1.1\r\nHo");
  EXPECT_EQ(started.ReceiveAnswer().status, 408);
  EXPECT_EQ(started.ReceiveAll(), "");
  RawClient silent(site.port());
  EXPECT_EQ(silent.ReceiveAll(), "") << "who said nothing is told nothing";
  EXPECT_EQ(site.metrics.counter("fustor_http_timeouts_total{phase=header,}"), 2u);
  // A trickle is no progress: the whole header counts.
  RawClient trickle(site.port());
  std::thread sender([&] {
    while (trickle.Send("x")) std::this_thread::yield();
  });
  EXPECT_THAT(trickle.ReceiveAll(), HasSubstr("HTTP/1.1 4"));
  sender.join();
}

// There is always something to read, so no read ever waits long enough to be cancelled.
TEST(Limits, ClientsThatNeverStopSendingAreCut) {
  TestSite site({.header_bytes_max = 4096, .linger_timeout = Millis(100)});
  RawClient endless(site.port());
  const std::string block(256 << 10, 'x');
  while (endless.Send(block)) {
  }
}

TEST(Limits, TheSecondRequestOfAConnectionHasItsOwnTime) {
  TestSite site({.header_timeout = Millis(100)});
  RawClient client(site.port());
  client.Send(kGetHello);
  EXPECT_EQ(client.ReceiveAnswer().status, 200);
  client.Send("GET /hello HTT");
  EXPECT_EQ(client.ReceiveAnswer().status, 408);
}

TEST(Limits, IdleConnectionsAreClosed) {
  TestSite site({.keep_alive_timeout = Millis(50)});
  RawClient client(site.port());
  client.Send(kGetHello);
  EXPECT_EQ(client.ReceiveAnswer().status, 200);
  EXPECT_EQ(client.ReceiveAll(), "");
}

TEST(Limits, SlowBodiesAreCut) {
  TestSite site({.body_timeout = Millis(100)});
  for (const std::string_view target : {"/echo", "/pieces"}) {
    RawClient client(site.port());
    client.Send("POST " + std::string(target) +
                " HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc");
    const auto answer = client.ReceiveAnswer();
    EXPECT_EQ(answer.status, target == "/echo" ? 408 : -200) << "-200: cut in the middle";
    EXPECT_EQ(client.ReceiveAll(), "");
  }
  site.server->Stop(Seconds(1));
  EXPECT_EQ(site.metrics.counter("fustor_http_timeouts_total{phase=body,}"), 2u);
}

TEST(Limits, LargeBodiesAreRefusedBeforeTheyAreRead) {
  TestSite site;
  RawClient sized(site.port());
  sized.Send("PUT /small HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000000\r\n\r\n");
  EXPECT_EQ(sized.ReceiveAnswer().status, 413);
  RawClient chunked(site.port());
  chunked.Send("PUT /small HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 20; ++i) chunked.Send("64\r\n" + std::string(100, 'x') + "\r\n");
  const auto answer = chunked.ReceiveAnswer();
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.body, HasSubstr("1000 bytes"));
  RawClient exact(site.port());
  exact.Send("PUT /small HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n" +
             std::string(1000, 'x'));
  EXPECT_EQ(exact.ReceiveAnswer().status, 200);
}

TEST(Limits, AClientThatStillSendsSeesTheRefusal) {
  TestSite site;
  RawClient client(site.port());
  client.Send("PUT /small HTTP/1.1\r\nHost: h\r\nContent-Length: 20000000\r\n\r\n");
  for (int i = 0; i < 200; ++i) client.Send(std::string(100'000, 'x'));
  EXPECT_EQ(client.ReceiveAnswer().status, 413);
}

TEST(Limits, DecompressionBombsAreRefused) {
  TestSite site;
  const std::string zeros(50 << 20, '\0');
  for (const Coding coding : {Coding::kGzip, Coding::kZstd}) {
    const std::string bomb = coding == Coding::kGzip ? Gzip(zeros) : Zstd(zeros);
    ASSERT_LT(bomb.size(), 300'000u);
    RawClient client(site.port());
    client.Send(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Encoding: " + std::string(CodingName(coding)) +
        "\r\nContent-Length: " + std::to_string(bomb.size()) + "\r\n\r\n" + bomb);
    EXPECT_EQ(client.ReceiveAnswer().status, 413);
  }
}

TEST(Limits, SlowReadersHoldHandlersBack) {
  TestSite site;
  RawClient client(site.port(), 4096);
  client.Send("GET /stream?pieces=2000&size=50000 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_NE(client.Receive(100), "");
  // Nothing is read while others are served: the count must come to rest far below the end.
  RawClient one(site.port());
  RawClient two(site.port());
  std::uint64_t before = 0;
  std::uint64_t now = site.pieces_written;
  for (int rest = 0; rest < 5; rest = now == before ? rest + 1 : 0) {
    for (int ping = 0; ping < 100; ++ping) {
      for (RawClient* other : {&one, &two}) {
        other->Send(kGetHello);
        ASSERT_EQ(other->ReceiveAnswer().status, 200);
      }
    }
    before = std::exchange(now, site.pieces_written.load());
  }
  EXPECT_LT(now, 400u) << "the server buffers what the client does not read";
  EXPECT_EQ(client.ReceiveAnswer().body.size(), 100'000'000u - 0);
}

TEST(Limits, ReadersWithoutProgressAreCut) {
  TestSite site({.write_timeout = Millis(100)});
  RawClient client(site.port(), 4096);
  client.Send("GET /stream?pieces=2000&size=50000 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(site.stream_failure.get_future().get().code(), Code::kUnavailable);
  EXPECT_EQ(site.metrics.counter("fustor_http_timeouts_total{phase=write,}"), 1u);
}

TEST(Limits, ConnectionsOverTheLimitAreAnswered503) {
  TestSite site({.connections_max = 2});
  auto first = std::make_unique<RawClient>(site.port());
  RawClient second(site.port());
  for (RawClient* client : {first.get(), &second}) {
    client->Send(kGetHello);
    EXPECT_EQ(client->ReceiveAnswer().status, 200);
  }
  RawClient third(site.port());
  third.Send(kGetHello);
  const auto refused = third.ReceiveAnswer();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.body, "{\"detail\": \"too many connections\"}");
  EXPECT_EQ(site.metrics.counter("fustor_http_connections_refused_total{}"), 1u);
  EXPECT_EQ(site.metrics.gauge("fustor_http_connections{}"), 2);
  first.reset();
  for (;;) {  // The place is free as soon as the server has seen it.
    RawClient again(site.port());
    again.Send(kGetHello);
    if (again.ReceiveAnswer().status == 200) break;
  }
}

TEST(Limits, ManyConnectionsAtOnceAllGetTheirAnswers) {
  TestSite site;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(std::make_unique<RawClient>(site.port()));
  for (int round = 0; round < 3; ++round) {
    for (const auto& client : clients) client->Send(kGetHello);
    for (const auto& client : clients) EXPECT_EQ(client->ReceiveAnswer().body, "hello");
  }
}

}  // namespace
}  // namespace fustor::http
