#include "adapters/http/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "adapters/http/test_site.h"
#include "adapters/http/test_support.h"

namespace fustor::http {
namespace {

using ::testing::HasSubstr;

ClientRequest Ask(std::string target, std::string method = "GET", std::string body = "") {
  ClientRequest request;
  request.target = std::move(target);
  request.method = std::move(method);
  request.body = std::move(body);
  return request;
}

struct ClientTest : ::testing::Test {
  Result<ClientResponse> Send(ClientRequest request) {
    return asio::BlockOn(*executor, client->Send(std::move(request)));
  }
  void Connect(const std::string& url, ClientOptions options = {}) {
    auto made = Client::For(*executor, url, std::move(options));
    ASSERT_TRUE(made.ok()) << made.status().ToString();
    client = std::move(*made);
  }

  std::unique_ptr<asio::ThreadExecutor> executor = asio::StartThread("client");
  std::unique_ptr<Client> client;
};

// A server that answers whatever comes on its one connection with the same bytes.
class CannedServer {
 public:
  // `then` runs when it has answered.
  explicit CannedServer(
      std::string answer, bool close_after = true, std::function<void()> then = [] {})
      : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&here), sizeof(here)), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    socklen_t size = sizeof(here);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&here), &size);
    port_ = ntohs(here.sin_port);
    thread_ = std::thread([this, answer = std::move(answer), close_after, then = std::move(then)] {
      const int peer = accept(fd_, nullptr, nullptr);
      char dropped[4096];
      (void)!recv(peer, dropped, sizeof(dropped), 0);
      send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
      then();
      if (!close_after) (void)!recv(peer, dropped, sizeof(dropped), 0);
      close(peer);
    });
  }
  ~CannedServer() {
    thread_.join();
    close(fd_);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  int fd_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(ClientTest, SendsAndUsesConnectionsAgain) {
  TestSite site;
  Connect(site.server->url());
  for (int i = 0; i < 5; ++i) {
    const auto answer = Send(Ask("/hello"));
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    EXPECT_EQ(answer->status, 200);
    EXPECT_EQ(answer->body, "hello");
    EXPECT_EQ(answer->headers.Find("content-type"), "text/plain");
  }
  EXPECT_EQ(site.metrics.counter("fustor_http_connections_total{}"), 1u);
  EXPECT_EQ(Send(Ask("/nothing"))->status, 404);
  EXPECT_EQ(Send(Ask("/hello", "HEAD"))->body, "");
  EXPECT_EQ(Send(Ask("/stream?pieces=30&size=10000"))->body.size(), 300'000u);
  EXPECT_EQ(Send(Ask("/text?size=5000"))->headers.Find("Content-Encoding"), "zstd");
  EXPECT_EQ(Send(Ask("/text?size=5000"))->body.substr(0, 7), "line 0\n");
  EXPECT_EQ(Send(Ask("/empty?status=204", "GET"))->status, 204);
  EXPECT_EQ(site.metrics.counter("fustor_http_connections_total{}"), 1u);
}

TEST_F(ClientTest, SendsBodiesPlainAndCoded) {
  TestSite site;
  Connect(site.server->url());
  const std::string body(2'000'000, 'b');
  for (const Coding coding : {Coding::kIdentity, Coding::kGzip, Coding::kZstd}) {
    ClientRequest request = Ask("/echo", "POST", body);
    request.body_coding = coding;
    const auto answer = Send(std::move(request));
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    EXPECT_EQ(answer->body, body);
  }
  EXPECT_EQ(Send(Ask("/echo", "POST"))->body, "");
  EXPECT_EQ(Send(Ask("/small", "PUT", body))->status, 413);
}

TEST_F(ClientTest, ManyAtOnceFromAnotherExecutor) {
  TestSite site;
  Connect(site.server->url());
  auto other = asio::StartThread("other");
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(asio::BlockOn(*other, client->Send(Ask("/hello")))->body, "hello");
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) EXPECT_EQ(Send(Ask("/hello"))->body, "hello");
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ClientTest, NamesHostPortAndWhatFailed) {
  std::uint16_t port = 0;
  {
    TestSite site;
    port = site.port();
  }
  Connect("http://127.0.0.1:" + std::to_string(port));
  const Status refused = Send(Ask("/")).status();
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_EQ(refused.message(),
            "127.0.0.1:" + std::to_string(port) + ": connection refused: is it running?");
  Connect("http://no-such-host.invalid:1");
  const Status unknown = Send(Ask("/")).status();
  EXPECT_EQ(unknown.code(), Code::kUnavailable);
  EXPECT_THAT(unknown.message(),
              HasSubstr("no-such-host.invalid:1: the host name does not resolve"));
  EXPECT_EQ(Client::For(*executor, "localhost:1").status().code(), Code::kInvalidArgument);
}

TEST_F(ClientTest, RefusesRequestsThatCannotBeSent) {
  Connect("http://127.0.0.1:1");
  EXPECT_EQ(Send(Ask("no-slash")).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Send(Ask("/a b")).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(Send(Ask("/", "GET /x")).status().code(), Code::kInvalidArgument);
  ClientRequest evil = Ask("/");
  evil.headers.Add("X", "a\r\nY: b");
  EXPECT_EQ(Send(std::move(evil)).status().code(), Code::kInvalidArgument);
}

TEST_F(ClientTest, GivesUpInTime) {
  TestSite site;
  Connect(site.server->url());
  ClientRequest request = Ask("/wait");
  request.timeout = Millis(50);
  const Status late = Send(std::move(request)).status();
  EXPECT_EQ(late.code(), Code::kDeadlineExceeded);
  EXPECT_THAT(late.message(), HasSubstr(client->authority()));
  (void)site.waited.get_future().get();
}

TEST_F(ClientTest, CanBeGivenUp) {
  // Before the answer, and in its middle.
  for (const std::string answer : {"", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"}) {
    std::stop_source stop;
    CannedServer server(answer, false, [&stop] { stop.request_stop(); });
    Connect(server.url());
    ClientRequest request = Ask("/");
    request.stop = stop.get_token();
    EXPECT_EQ(Send(request).status().code(), Code::kCancelled);
    EXPECT_EQ(Send(request).status().code(), Code::kCancelled);  // Even before it has begun.
  }
}

TEST_F(ClientTest, RefusesAnswersThatAreTooLarge) {
  TestSite site;
  Connect(site.server->url());
  ClientRequest request = Ask("/text?size=100000");
  request.answer_bytes_max = 50'000;
  EXPECT_EQ(Send(std::move(request)).status().code(), Code::kResourceExhausted);
  EXPECT_EQ(Send(Ask("/hello"))->body, "hello");
}

TEST_F(ClientTest, NoticesBrokenAnswers) {
  struct Case {
    std::string answer;
    Code code;
  };
  const Case cases[] = {
      {"", Code::kUnavailable},
      {"SSH-2.0-OpenSSH_9.2\r\n\r\n", Code::kInvalidArgument},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Code::kUnavailable},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", Code::kUnavailable},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz", Code::kInvalidArgument},
      {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
       Code::kInvalidArgument},
      {"HTTP/1.1 200 OK\r\n\r\nuntil the end", Code::kOk},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 "
       "OK\r\n\r\nuntil "
       "the end",
       Code::kOk},
  };
  for (const Case& c : cases) {
    CannedServer server(c.answer);
    Connect(server.url());
    const auto answer = Send(Ask("/"));
    EXPECT_EQ(answer.status().code(), c.code) << c.answer << answer.status().ToString();
    if (answer.ok()) EXPECT_EQ(answer->body, "until the end");
  }
}

TEST_F(ClientTest, ConnectsAgainWhenTheIdleConnectionHasClosed) {
  TestSite site({.keep_alive_timeout = Millis(20)});
  Connect(site.server->url());
  for (int i = 0; i < 10; ++i) {
    const auto answer = Send(Ask("/hello"));
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    // Until the server has closed the idle connection.
    while (site.metrics.gauge("fustor_http_connections{}") != 0) std::this_thread::yield();
  }
  EXPECT_EQ(site.metrics.counter("fustor_http_connections_total{}"), 10u);
}

env::Task<std::size_t> CountPieces(Client* client, std::size_t stop_after) {
  auto opened = co_await client->Open(Ask("/stream?pieces=500&size=100000"));
  if (!opened.ok()) co_return 0;
  std::size_t bytes = 0;
  while (bytes < stop_after) {
    Result<std::optional<std::string>> piece = co_await (*opened)->ReadSome();
    if (!piece.ok() || !piece->has_value()) break;
    bytes += (*piece)->size();
  }
  co_return bytes;
}

TEST_F(ClientTest, ReadsLongAnswersPieceByPiece) {
  TestSite site;
  Connect(site.server->url());
  EXPECT_EQ(asio::BlockOn(*executor, CountPieces(client.get(), SIZE_MAX)), 50'000'000u);
  auto other = asio::StartThread("other");
  EXPECT_EQ(asio::BlockOn(*other, CountPieces(client.get(), SIZE_MAX)), 50'000'000u);
  EXPECT_EQ(site.metrics.counter("fustor_http_connections_total{}"), 1u);
  const std::size_t early = asio::BlockOn(*other, CountPieces(client.get(), 1'000'000));
  EXPECT_GE(early, 1'000'000u);
  EXPECT_LT(early, 5'000'000u);
  EXPECT_EQ(Send(Ask("/hello"))->body, "hello");
}

TEST(Fetch, IsForCommandLines) {
  TestSite site;
  const auto answer = Fetch(site.server->url() + "/views/v/tree?path=/", {});
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(answer->body, "GET /views/v/tree view=v path=/");
  std::string pieces;
  const auto streamed = FetchPieces(site.server->url() + "/stream?pieces=9&size=1000", {},
                                    [&](int status, std::string_view piece) {
                                      EXPECT_EQ(status, 200);
                                      pieces += piece;
                                      return true;
                                    });
  ASSERT_TRUE(streamed.ok()) << streamed.status().ToString();
  EXPECT_EQ(pieces.size(), 9000u);
  EXPECT_TRUE(FetchPieces(site.server->url() + "/stream?pieces=1000&size=100000", {},
                          [](int, std::string_view) { return false; })
                  .ok());
}

TEST(Tls, ServerAndClientSpeakIt) {
  const TestCertificate certificate;
  TestSite site(
      {.certificate_file = certificate.certificate_file, .key_file = certificate.key_file});
  EXPECT_THAT(site.server->url(), HasSubstr("https://127.0.0.1:"));
  ClientOptions trusting;
  trusting.ca_file = certificate.certificate_file;
  auto executor = asio::StartThread("client");
  for (const std::string host : {"localhost", "127.0.0.1"}) {
    auto client =
        Client::For(*executor, "https://" + host + ":" + std::to_string(site.port()), trusting);
    ASSERT_TRUE(client.ok());
    for (const std::string target :
         {"/hello", "/text?size=3000000", "/stream?pieces=200&size=20000",
          "/stream?pieces=200&size=20"}) {
      const auto answer = asio::BlockOn(*executor, (*client)->Send(Ask(target)));
      ASSERT_TRUE(answer.ok()) << target << answer.status().ToString();
      EXPECT_EQ(answer->status, 200);
      EXPECT_GE(answer->body.size(), 5u);
    }
    const std::string body(1'000'000, 'x');
    const auto echo = asio::BlockOn(*executor, (*client)->Send(Ask("/echo", "POST", body)));
    ASSERT_TRUE(echo.ok()) << echo.status().ToString();
    EXPECT_EQ(echo->body, body);
    const auto pieces = asio::BlockOn(*executor, (*client)->Send(Ask("/pieces", "POST", body)));
    ASSERT_TRUE(pieces.ok()) << pieces.status().ToString();
    EXPECT_EQ(pieces->body, body);
  }
  EXPECT_EQ(site.metrics.counter("fustor_http_connections_total{}"), 2u);
}

TEST(Tls, ClientsCheckWhomTheyTalkTo) {
  const TestCertificate certificate;
  const TestCertificate other;
  TestSite site(
      {.certificate_file = certificate.certificate_file, .key_file = certificate.key_file});
  ClientOptions wrong;
  wrong.ca_file = other.certificate_file;
  const Status refused = Fetch(site.server->url() + "/hello", {}, wrong).status();
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_THAT(refused.message(), HasSubstr("certificate verify failed"));
  ClientOptions careless;
  careless.verify = false;
  EXPECT_EQ(Fetch(site.server->url() + "/hello", {}, careless)->body, "hello");
  ClientOptions missing;
  missing.ca_file = "/nowhere.pem";
  EXPECT_EQ(Fetch(site.server->url(), {}, missing).status().code(), Code::kNotFound);
}

TEST(Tls, TheNameThatIsExpectedNeedNotBeTheHost) {
  const TestCertificate certificate;
  TestSite site(
      {.certificate_file = certificate.certificate_file, .key_file = certificate.key_file});
  ClientOptions options;
  options.ca_file = certificate.certificate_file;
  options.server_name = "localhost";
  EXPECT_EQ(Fetch(site.server->url() + "/hello", {}, options)->body, "hello");
  options.server_name = "elsewhere";
  const Status refused = Fetch(site.server->url() + "/hello", {}, options).status();
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_THAT(refused.message(), HasSubstr("certificate verify failed"));
}

TEST(Tls, WhatAClientShowsMustBeUsable) {
  const TestCertificate certificate;
  const TestCertificate other;
  struct Case {
    std::string certificate_file;
    std::string key_file;
    Code code;
    std::string named;
  };
  const Case cases[] = {
      {certificate.certificate_file, certificate.key_file, Code::kOk, ""},
      {"/nowhere.crt", certificate.key_file, Code::kNotFound, "/nowhere.crt"},
      {certificate.certificate_file, "/nowhere.key", Code::kNotFound, "/nowhere.key"},
      {certificate.certificate_file, "", Code::kNotFound, "key file"},
      {certificate.certificate_file, other.key_file, Code::kInvalidArgument, other.key_file},
  };
  auto executor = asio::StartThread("client");
  for (const Case& c : cases) {
    ClientOptions options;
    options.ca_file = certificate.certificate_file;
    options.certificate_file = c.certificate_file;
    options.key_file = c.key_file;
    const Status status = Client::For(*executor, "https://localhost", options).status();
    EXPECT_EQ(status.code(), c.code) << c.named << status.ToString();
    EXPECT_THAT(status.message(), HasSubstr(c.named));
  }
}

TEST(Tls, PlainClientsAndSilentOnesAreCut) {
  const TestCertificate certificate;
  TestSite site({.header_timeout = Millis(100),
                 .certificate_file = certificate.certificate_file,
                 .key_file = certificate.key_file});
  RawClient plain(site.port());
  plain.Send("GET /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(plain.ReceiveAll().find("HTTP"), std::string::npos);
  RawClient silent(site.port());
  EXPECT_EQ(silent.ReceiveAll(), "");
}

TEST(Tls, CertificatesAreReloaded) {
  const TestCertificate first;
  const TestCertificate second;
  TestSite site({.certificate_file = first.certificate_file, .key_file = first.key_file});
  std::rename(second.certificate_file.c_str(), first.certificate_file.c_str());
  EXPECT_EQ(site.server->ReloadCertificate().status().code(), Code::kInvalidArgument)
      << "the key is still that of the old one";
  ClientOptions trusting;
  trusting.ca_file = first.certificate_file;
  EXPECT_FALSE(Fetch(site.server->url() + "/hello", {}, trusting).ok());
  std::rename(second.key_file.c_str(), first.key_file.c_str());
  EXPECT_TRUE(site.server->ReloadCertificate().ok());
  EXPECT_EQ(Fetch(site.server->url() + "/hello", {}, trusting)->body, "hello");
}

TEST(Tls, UnusableFilesAreNamed) {
  const TestCertificate certificate;
  const Router router;
  TestMetrics metrics;
  const auto start = [&](const std::string& crt, const std::string& key) {
    return Server::Start({.certificate_file = crt, .key_file = key}, router, metrics, Logger())
        .status();
  };
  const Status missing = start("/nowhere.crt", certificate.key_file);
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_THAT(missing.message(), HasSubstr("/nowhere.crt"));
  EXPECT_EQ(start(certificate.certificate_file, certificate.certificate_file).code(),
            Code::kInvalidArgument);
  EXPECT_EQ(start(certificate.certificate_file, "").code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace fustor::http
