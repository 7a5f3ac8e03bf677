#include <gtest/gtest.h>

#include <thread>

#include "adapters/asio/executor.h"
#include "adapters/grpc/channel.h"
#include "adapters/grpc/convert.h"
#include "adapters/grpc/server.h"
#include "lib/loopback/contract_test.h"

namespace fustor::grpc {
namespace {

using transport_contract::OpenResult;
using transport_contract::Received;
using transport_contract::Scenario;
using transport_contract::Service;
using transport_contract::World;

// Both stop before either is destroyed: one may still be posting to the other.
struct Threads {
  std::unique_ptr<asio::ThreadExecutor> server = asio::StartThread("server");
  std::unique_ptr<asio::ThreadExecutor> client = asio::StartThread("client");
  ~Threads() {
    server->Stop();
    client->Stop();
  }
};

// A served Service and a channel to it.
struct Pair {
  explicit Pair(env::Executor& executor, ServerOptions options = Limits())
      : service(std::make_unique<Service>(executor)) {
    Result<std::unique_ptr<Server>> started = StartServer(service->table(), options);
    EXPECT_TRUE(started.ok()) << started.status().ToString();
    server = *std::move(started);
    ChannelOptions channel_options;
    channel_options.address = "127.0.0.1:" + std::to_string(server->port());
    channel_options.message_bytes_max = transport_contract::kMessageBytesMax;
    channel = MakeChannel(channel_options);
  }
  ~Pair() {
    channel.reset();
    server->Stop(Nanos(0));
  }
  static ServerOptions Limits() {
    ServerOptions options;
    options.message_bytes_max = transport_contract::kMessageBytesMax;
    return options;
  }
  World world() { return World{channel.get(), service.get()}; }

  std::unique_ptr<Service> service;
  std::unique_ptr<Server> server;
  std::unique_ptr<env::Channel> channel;
};

class GrpcContract : public testing::TestWithParam<std::tuple<Scenario, bool>> {};

TEST_P(GrpcContract, Holds) {
  const auto& [scenario, one_executor] = GetParam();
  const Threads threads;
  Pair pair(*threads.server);
  asio::BlockOn(one_executor ? *threads.server : *threads.client, scenario.run(pair.world()));
}

INSTANTIATE_TEST_SUITE_P(All, GrpcContract,
                         testing::Combine(testing::ValuesIn(transport_contract::kScenarios),
                                          testing::Bool()),
                         transport_contract::ScenarioName);

// A stream that the client breaks off must never look to the handler as if it had been closed.
env::Task<int> BreaksOff(World w, int way) {
  OpenResult stream = co_await w.channel->Open("/test.Test/DrainAll", {});
  co_await w.service->begun().Wait();
  if (way == 0) (*stream)->Cancel();
  if (way == 1) stream = Status(Code::kCancelled, "dropped");
  if (way == 2) {
    const Status closed = co_await (*stream)->CloseSend();
    EXPECT_TRUE(closed.ok());
  }
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_EQ(ended.code(), way == 2 ? Code::kOk : Code::kCancelled) << ended.ToString();
  co_return 0;
}

TEST(Grpc, BreakingOffIsNeverTakenForTheEnd) {
  const Threads threads;
  for (int i = 0; i < 200; ++i) {
    Service service(*threads.server);
    Result<std::unique_ptr<Server>> server = StartServer(service.table(), {});
    ASSERT_TRUE(server.ok());
    ChannelOptions options;
    options.address = "127.0.0.1:" + std::to_string((*server)->port());
    auto channel = MakeChannel(options);
    asio::BlockOn(*threads.client, BreaksOff(World{channel.get(), &service}, i % 3));
    channel.reset();
    (*server)->Stop(Nanos(0));
  }
}

// Cancels and drops streams at every point of a short conversation, from another thread too.
env::Task<int> CancelsAfter(World w, std::uint64_t seed) {
  Prng prng(seed);
  std::stop_source stop;
  env::CallOptions options;
  options.stop = stop.get_token();
  OpenResult stream = co_await w.channel->Open("/test.Test/EchoAll", options);
  std::thread stopper;
  if (prng.Chance(1, 2)) stopper = std::thread([&] { stop.request_stop(); });
  const std::uint64_t steps = prng.Below(20);
  Status status;
  for (std::uint64_t i = 0; i < steps && status.ok(); ++i) {
    status = co_await (*stream)->Send(std::string(prng.Below(100'000), 'c'));
    if (!status.ok() || prng.Chance(1, 3)) continue;
    const Received received = co_await (*stream)->Receive();
    status = received.status();
  }
  if (!status.ok()) EXPECT_EQ(status.code(), Code::kCancelled) << status.ToString();
  if (prng.Chance(1, 2)) (*stream)->Cancel();
  stream = Status(Code::kCancelled, "dropped");
  if (stopper.joinable()) stopper.join();
  co_return 0;
}

TEST(Grpc, CancellationAtAnyPointEndsCleanly) {
  const Threads threads;
  Pair pair(*threads.server);
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    asio::BlockOn(*threads.client, CancelsAfter(pair.world(), seed));
  }
}

env::Task<Status> CallEcho(env::Channel* channel) {
  const Result<std::string> answer = co_await channel->Call("/test.Test/Echo", "x", {});
  co_return answer.status();
}

env::Task<Status> OpenEcho(env::Channel* channel) {
  OpenResult stream = co_await channel->Open("/test.Test/EchoAll", {});
  if (!stream.ok()) co_return stream.status();
  const Status sent = co_await (*stream)->Send("x");
  if (!sent.ok()) co_return sent;
  const Received received = co_await (*stream)->Receive();
  co_return received.status();
}

TEST(Grpc, AChannelFindsAServerThatComesLaterAndAgainAfterItWasAway) {
  const Threads threads;
  Service service(*threads.server);
  Result<std::unique_ptr<Server>> server = StartServer(service.table(), {});
  ASSERT_TRUE(server.ok());
  ServerOptions same_port;
  same_port.port = (*server)->port();
  (*server)->Stop(Nanos(0));

  ChannelOptions options;
  options.address = "127.0.0.1:" + std::to_string(same_port.port);
  const auto channel = MakeChannel(options);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(asio::BlockOn(*threads.client, CallEcho(channel.get())).code(), Code::kUnavailable);
    EXPECT_EQ(asio::BlockOn(*threads.client, OpenEcho(channel.get())).code(), Code::kUnavailable);
    server = StartServer(service.table(), same_port);
    ASSERT_TRUE(server.ok()) << server.status().ToString();
    const auto start = std::chrono::steady_clock::now();
    Status status(Code::kUnavailable, "not yet");
    while (status.code() == Code::kUnavailable &&
           std::chrono::steady_clock::now() - start < std::chrono::seconds(20)) {
      status = asio::BlockOn(*threads.client, CallEcho(channel.get()));
    }
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_TRUE(asio::BlockOn(*threads.client, OpenEcho(channel.get())).ok());
    (*server)->Stop(Nanos(0));
  }
}

TEST(Grpc, APortInUseIsAlreadyExists) {
  const Threads threads;
  Service service(*threads.server);
  Result<std::unique_ptr<Server>> first = StartServer(service.table(), {});
  ASSERT_TRUE(first.ok());
  EXPECT_GT((*first)->port(), 0);
  ServerOptions options;
  options.port = (*first)->port();
  testing::internal::CaptureStderr();
  EXPECT_EQ(StartServer(service.table(), options).status().code(), Code::kAlreadyExists);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  (*first)->Stop(Nanos(0));
  (*first)->Stop(Nanos(0));
  Result<std::unique_ptr<Server>> second = StartServer(service.table(), options);
  ASSERT_TRUE(second.ok()) << second.status().ToString();
  EXPECT_EQ((*second)->port(), options.port);
  (*second)->Stop(Nanos(0));

  options.host = "203.0.113.77";  // Of no machine (RFC 5737).
  EXPECT_EQ(StartServer(service.table(), options).status().code(), Code::kInvalidArgument);
}

env::Task<int> HoldsStreamsOpen(World w, Server* server) {
  OpenResult sending = co_await w.channel->Open("/test.Test/SendAll", {});
  OpenResult idle = co_await w.channel->Open("/test.Test/DrainAll", {});
  co_await w.service->begun().Wait();
  std::thread stopper([server] { server->Stop(Millis(50)); });
  Received received = co_await (*sending)->Receive();
  while (received.ok() && *received) received = co_await (*sending)->Receive();
  EXPECT_EQ(received.status().code(), Code::kUnavailable) << received.status().ToString();
  received = co_await (*idle)->Receive();
  EXPECT_FALSE(received.ok());
  stopper.join();
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_EQ(ended.code(), Code::kCancelled);
  const Status late = co_await CallEcho(w.channel);
  EXPECT_EQ(late.code(), Code::kUnavailable);
  co_return 0;
}

TEST(Grpc, StoppingTheServerCancelsOpenStreams) {
  const Threads threads;
  Pair pair(*threads.server);
  asio::BlockOn(*threads.client, HoldsStreamsOpen(pair.world(), pair.server.get()));
}

env::Task<int> CallsDuringAGracefulStop(World w, Server* server) {
  env::Executor& here = co_await env::ThisExecutor();
  env::Completion<Result<std::string>> answered;
  env::internal::Detached call = env::internal::RunAndResolve<Result<std::string>>(
      w.channel->Call("/test.Test/Hang", "late", {}), answered.resolver());
  call.handle.promise().executor = &here;
  call.handle.resume();
  co_await w.service->begun().Wait();
  std::thread stopper([server] { server->Stop(Seconds(30)); });
  // The server has told its clients when new calls fail.
  Status status;
  while (status.ok()) status = co_await CallEcho(w.channel);
  EXPECT_EQ(status.code(), Code::kUnavailable) << status.ToString();
  w.service->Release();
  const Result<std::string> answer = co_await answered.Wait();
  EXPECT_TRUE(answer.ok()) << answer.status().ToString();
  stopper.join();
  co_return 0;
}

TEST(Grpc, AGracefulStopLetsCallsEnd) {
  const Threads threads;
  Pair pair(*threads.server);
  asio::BlockOn(*threads.client, CallsDuringAGracefulStop(pair.world(), pair.server.get()));
}

env::Task<int> SendsMoreThanTheServerTakes(World w) {
  const std::string big(200'000, 'b');
  Result<std::string> answer = co_await w.channel->Call("/test.Test/Echo", big, {});
  EXPECT_EQ(answer.status().code(), Code::kResourceExhausted) << answer.status().ToString();
  OpenResult stream = co_await w.channel->Open("/test.Test/EchoAll", {});
  const Status sent = co_await (*stream)->Send(big);
  const Received received = co_await (*stream)->Receive();
  EXPECT_EQ(received.status().code(), Code::kResourceExhausted) << sent.ToString();
  const Status ended = co_await w.service->ended().Wait();
  EXPECT_EQ(ended.code(), Code::kCancelled) << ended.ToString();
  co_return 0;
}

TEST(Grpc, AMessageOverTheServersLimitEndsItsCall) {
  const Threads threads;
  ServerOptions options;
  options.message_bytes_max = 100'000;
  Pair pair(*threads.server, options);
  asio::BlockOn(*threads.client, SendsMoreThanTheServerTakes(pair.world()));
}

env::Task<int> OpensTooMany(World w) {
  OpenResult first = co_await w.channel->Open("/test.Test/DrainAll", {});
  co_await w.service->begun().Wait();
  OpenResult second = co_await w.channel->Open("/test.Test/EchoAll", {});
  const Received received = co_await (*second)->Receive();
  EXPECT_EQ(received.status().code(), Code::kResourceExhausted);
  co_return 0;
}

TEST(Grpc, CallsOverTheLimitAreRefused) {
  const Threads threads;
  ServerOptions options;
  options.calls_max = 1;
  Pair pair(*threads.server, options);
  asio::BlockOn(*threads.client, OpensTooMany(pair.world()));
}

env::Task<int> SendsOddMetadata(World w) {
  const std::pair<std::string, std::string> bad[] = {
      {"x-api-key", "line\nbreak"}, {"X-Upper", "v"}, {"", "v"}, {"a b", "v"},
      {"grpc-timeout", "v"},        {"k", "\xFF"},
  };
  for (const auto& pair : bad) {
    env::CallOptions options;
    options.metadata = {pair};
    const Result<std::string> answer = co_await w.channel->Call("/test.Test/Echo", "", options);
    EXPECT_EQ(answer.status().code(), Code::kInvalidArgument) << pair.first;
    OpenResult stream = co_await w.channel->Open("/test.Test/EchoAll", options);
    EXPECT_EQ(stream.status().code(), Code::kInvalidArgument) << pair.first;
  }
  co_return 0;
}

TEST(Grpc, MetadataThatCannotBeSentIsRefused) {
  const Threads threads;
  Pair pair(*threads.server);
  asio::BlockOn(*threads.client, SendsOddMetadata(pair.world()));
}

TEST(Grpc, PeersAreWrittenAsAddresses) {
  EXPECT_EQ(PeerAddress("ipv4:127.0.0.1:40022"), "127.0.0.1:40022");
  EXPECT_EQ(PeerAddress("ipv6:%5B::1%5D:40022"), "[::1]:40022");
  EXPECT_EQ(PeerAddress("unix:/run/x"), "unix:/run/x");
}

// Certificates for server.test and client.test, good until 2125 and for nothing but this test.
constexpr char kAuthority[] = R"(-----BEGIN CERTIFICATE-----
MIIBlzCCAT2gAwIBAgIUYGIAwKvEXvuNn0rflSVlnsqZ8qgwCgYIKoZIzj0EAwIw
IDEeMBwGA1UEAwwVRnVzdG9yIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMTE0MzIy
MloYDzIxMjYxMDI4MTQzMjIyWjAgMR4wHAYDVQQDDBVGdXN0b3IgdGVzdCBhdXRo
b3JpdHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR+SbVuCh6SvPDsNFL23poU
sK5lr78Q8zRShmYB+lYVNCjQUvbR1DNSNF8adAzfjT93oFFKeXBjAMTYF839DkeM
o1MwUTAdBgNVHQ4EFgQUSErB7XJXYuG/QScpKLbLjrwOdVIwHwYDVR0jBBgwFoAU
SErB7XJXYuG/QScpKLbLjrwOdVIwDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjOPQQD
AgNIADBFAiEA+IgUC3Sb9CTxONYiJKjqQanp/kabfBsYr9B+at4SoOgCIBV/coxo
zkJoAarh0DMGMCWZSKk51FQXPos7ctqg/33u
-----END CERTIFICATE-----
)";
constexpr char kServerCertificate[] = R"(-----BEGIN CERTIFICATE-----
MIIBlDCCATqgAwIBAgIUPmf6AJXYuUbycInjuR74b6jpIrYwCgYIKoZIzj0EAwIw
IDEeMBwGA1UEAwwVRnVzdG9yIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMTE0MzIy
MloYDzIxMjYxMDI4MTQzMjIyWjAWMRQwEgYDVQQDDAtzZXJ2ZXIudGVzdDBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABMGw9IEMKJLuHdjrOHJE5gH93DbuWMnUq0Zf
HqphrYFcm6MqY+06M0xBGGmW0ABqWu8n3nCsL1fsNbCqX8byD8qjWjBYMBYGA1Ud
EQQPMA2CC3NlcnZlci50ZXN0MB0GA1UdDgQWBBQyKeqlxtYOjjlxeQK5NwXveNbT
vDAfBgNVHSMEGDAWgBRISsHtcldi4b9BJykotsuOvA51UjAKBggqhkjOPQQDAgNI
ADBFAiEA6knOQiRXvTYLdsSaYFNp/UF9bHQumKav8H6Yrr9WAVoCIAp6rkx+AJHy
TL8czE76W5vIg4PlPTTP8WrERzO6R0ed
-----END CERTIFICATE-----
)";
constexpr char kServerKey[] = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg884JmRtPo2ZqidKA
Zi3d4BoeC9CsMbyb29XeyQTj9HuhRANCAATBsPSBDCiS7h3Y6zhyROYB/dw27ljJ
1KtGXx6qYa2BXJujKmPtOjNMQRhpltAAalrvJ95wrC9X7DWwql/G8g/K
-----END PRIVATE KEY-----
)";
constexpr char kClientCertificate[] = R"(-----BEGIN CERTIFICATE-----
MIIBlDCCATqgAwIBAgIUPmf6AJXYuUbycInjuR74b6jpIrcwCgYIKoZIzj0EAwIw
IDEeMBwGA1UEAwwVRnVzdG9yIHRlc3QgYXV0aG9yaXR5MCAXDTI2MTEyMTE0MzIy
MloYDzIxMjYxMDI4MTQzMjIyWjAWMRQwEgYDVQQDDAtjbGllbnQudGVzdDBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABBX1ZOPBgl8oo5saF4wXGxhyifwzWzzM6x0J
8XttUFg9U64cj8JN7b11JPQpyq/JnbM9RVP1cCdMrmXggunC4LejWjBYMBYGA1Ud
EQQPMA2CC2NsaWVudC50ZXN0MB0GA1UdDgQWBBSp2Rb0Wzv98OlY50qViGKctjDC
xTAfBgNVHSMEGDAWgBRISsHtcldi4b9BJykotsuOvA51UjAKBggqhkjOPQQDAgNI
ADBFAiAiklxgdveE6UIYWBn1PNXzVfv2BguF1eeOoUR+tkxVegIhAJQfOR6BVCpt
u20TEOGGPRJFObl9jeSr/Z0ohh50hjJa
-----END CERTIFICATE-----
)";
constexpr char kClientKey[] = R"(-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKsh+Gr5DsfM75eFW
ff3tkyWqHoligDL174xlWSswlLqhRANCAAQV9WTjwYJfKKObGheMFxsYcon8M1s8
zOsdCfF7bVBYPVOuHI/CTe29dST0KcqvyZ2zPUVT9XAnTK5l4ILpwuC3
-----END PRIVATE KEY-----
)";

TEST(Grpc, TlsKnowsTheServerAndTheClient) {
  const Threads threads;
  Service service(*threads.server);
  ServerOptions options;
  options.tls = ServerTls{kServerCertificate, kServerKey, kAuthority};
  Result<std::unique_ptr<Server>> server = StartServer(service.table(), options);
  ASSERT_TRUE(server.ok()) << server.status().ToString();
  ChannelOptions channel_options;
  channel_options.address = "127.0.0.1:" + std::to_string((*server)->port());
  const ClientTls good{kAuthority, kClientCertificate, kClientKey, "server.test"};
  ClientTls other_name = good;
  other_name.server_name = "elsewhere.test";
  ClientTls anonymous = good;
  anonymous.certificate.clear();
  anonymous.key.clear();
  const std::pair<std::optional<ClientTls>, Code> cases[] = {
      {good, Code::kOk},
      {other_name, Code::kUnavailable},
      {anonymous, Code::kUnavailable},
      {std::nullopt, Code::kUnavailable},
  };
  for (const auto& [tls, code] : cases) {
    channel_options.tls = tls;
    const auto channel = MakeChannel(channel_options);
    const Status status = asio::BlockOn(*threads.client, CallEcho(channel.get()));
    EXPECT_EQ(status.code(), code) << status.ToString();
  }
  (*server)->Stop(Nanos(0));

  options.tls->key = "not a key";
  EXPECT_EQ(StartServer(service.table(), options).status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace fustor::grpc
