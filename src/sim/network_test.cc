#include "sim/network.h"

#include <gtest/gtest.h>

#include "lib/loopback/contract_test.h"

namespace fustor::sim {
namespace {

using transport_contract::OpenResult;
using transport_contract::Received;
using transport_contract::Scenario;
using transport_contract::Service;

constexpr NetworkLimits kLimits{.unread_bytes_max = std::size_t{64} << 10,
                                .message_bytes_max = transport_contract::kMessageBytesMax};

// A client and a server; both on one executor when that is wanted.
struct Rig {
  explicit Rig(std::uint64_t seed, LinkQuality quality = {}, bool one_executor = false,
               NetworkLimits limits = kLimits)
      : world(seed),
        client(world.MakeExecutor("client", world.MakeClock())),
        serving(one_executor ? client : world.MakeExecutor("server", world.MakeClock())),
        service(serving),
        network(world, quality, limits),
        server(std::make_unique<Server>(network, "server", service.table())),
        channel(network.Connect("client", "server")) {}
  ~Rig() {
    if (server != nullptr) server->Crash();
  }
  transport_contract::World contract() { return {channel.get(), &service}; }

  World world;
  VirtualExecutor& client;
  VirtualExecutor& serving;
  Service service;
  Network network;
  std::unique_ptr<Server> server;
  std::unique_ptr<env::Channel> channel;
};

env::Task<int> StopIt(Server* server) {
  co_await server->Stop();
  co_return 0;
}

env::Task<Status> Ended(Service* service) { co_return co_await service->ended().Wait(); }
env::Task<bool> Begun(Service* service) { co_return co_await service->begun().Wait(); }

class NetworkContract : public testing::TestWithParam<std::tuple<Scenario, bool>> {};

TEST_P(NetworkContract, Holds) {
  const auto& [scenario, one_executor] = GetParam();
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    Rig rig(seed, {}, one_executor);
    BlockOn(rig.world, rig.client, scenario.run(rig.contract()));
    BlockOn(rig.world, rig.client, StopIt(rig.server.get()));
  }
}

INSTANTIATE_TEST_SUITE_P(All, NetworkContract,
                         testing::Combine(testing::ValuesIn(transport_contract::kScenarios),
                                          testing::Bool()),
                         transport_contract::ScenarioName);

// Sends numbered messages until it fails; what comes back is checked to be 0, 1, 2, ...
env::Task<void> SendNumbers(env::Stream* stream) {
  for (int n = 0;; ++n) {
    const Status sent = co_await stream->Send(std::to_string(n));
    if (!sent.ok()) co_return;
  }
}

env::Task<Status> EchoUntilItBreaks(env::Channel* channel, int* received) {
  env::Executor& here = co_await env::ThisExecutor();
  OpenResult stream = co_await channel->Open("/test.Test/EchoAll", {});
  env::TaskGroup group(here);
  group.Spawn(SendNumbers(stream->get()));
  Status end;
  for (;; ++*received) {
    const Received message = co_await (*stream)->Receive();
    end = message.status();
    if (!message.ok() || !*message) break;
    EXPECT_EQ(**message, std::to_string(*received));
  }
  (*stream)->Cancel();
  co_await group.Join();
  co_return end;
}

TEST(Network, AStreamIsInOrderUntilItBreaks) {
  int total = 0;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Rig rig(seed, {.break_one_in = 2000});
    int received = 0;
    const Status end =
        BlockOn(rig.world, rig.client, EchoUntilItBreaks(rig.channel.get(), &received));
    EXPECT_EQ(end.code(), Code::kUnavailable) << end.ToString();
    total += received;
    if (received == 0) continue;  // The handler may not have begun.
    const Status ended = BlockOn(rig.world, rig.serving, Ended(&rig.service));
    EXPECT_EQ(ended.code(), Code::kCancelled) << ended.ToString();
  }
  EXPECT_GT(total, 1000);
}

env::Task<Code> CallOnce(env::Channel* channel) {
  const Result<std::string> answer = co_await channel->Call("/test.Test/Echo", "x", {});
  co_return answer.status().code();
}

TEST(Network, AShortPartitionOnlyDelays) {
  Rig rig(1);
  rig.network.Partition("client", "server", Seconds(5));
  const Instant begin = rig.world.now();
  EXPECT_EQ(BlockOn(rig.world, rig.client, CallOnce(rig.channel.get())), Code::kOk);
  EXPECT_GE(rig.world.now() - begin, Seconds(5));
  EXPECT_LE(rig.world.now() - begin, Seconds(6));
}

TEST(Network, ALongPartitionFailsCallsAndStreams) {
  Rig rig(1);
  rig.network.Partition("client", "server", Seconds(120));
  const Instant begin = rig.world.now();
  EXPECT_EQ(BlockOn(rig.world, rig.client, CallOnce(rig.channel.get())), Code::kUnavailable);
  EXPECT_LE(rig.world.now() - begin, Seconds(22));
  int received = 0;
  const Status end =
      BlockOn(rig.world, rig.client, EchoUntilItBreaks(rig.channel.get(), &received));
  EXPECT_EQ(end.code(), Code::kUnavailable);
  EXPECT_EQ(received, 0);
  rig.world.RunUntil(begin + Seconds(121));
  EXPECT_EQ(BlockOn(rig.world, rig.client, CallOnce(rig.channel.get())), Code::kOk);
}

env::Task<Result<std::string>> Answer(std::string text) { co_return text; }

// Two calls that begin one after the other often arrive the other way round.
TEST(Network, CallsOvertakeEachOther) {
  int overtaken = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World world(seed);
    VirtualExecutor& executor = world.MakeExecutor("both", world.MakeClock());
    std::vector<std::string> seen;
    env::MethodTable table;
    table.AddUnary("/t/Note", executor, [&seen](env::CallContext, std::string request) {
      seen.push_back(request);
      return Answer(request);
    });
    Network network(world, {});
    Server server(network, "s", table);
    const auto channel = network.Connect("c", "s");
    env::TaskGroup group(executor);
    const auto call = [](env::Channel* c, std::string text) -> env::Task<void> {
      Result<std::string> answer = co_await c->Call("/t/Note", text, {});
      EXPECT_TRUE(answer.ok());
    };
    for (const char* text : {"1", "2", "3", "4"}) group.Spawn(call(channel.get(), text));
    while (group.running() != 0) ASSERT_TRUE(world.RunOne());
    if (!std::is_sorted(seen.begin(), seen.end())) ++overtaken;
    server.Crash();
  }
  EXPECT_GT(overtaken, 5);
}

// Kills the server at every moment of a conversation, and lets another one take its place.
TEST(Network, ACrashedServerFailsWhatIsOpenAndANewOneServes) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE(seed);
    Rig rig(seed);
    rig.world.After(Micros(static_cast<std::int64_t>(seed * seed * 5)), [&rig] {
      rig.server->Crash();
      rig.server = nullptr;
    });
    int received = 0;
    const Status end =
        BlockOn(rig.world, rig.client, EchoUntilItBreaks(rig.channel.get(), &received));
    EXPECT_EQ(end.code(), Code::kUnavailable) << end.ToString();
    EXPECT_EQ(BlockOn(rig.world, rig.client, CallOnce(rig.channel.get())), Code::kUnavailable);
    rig.server = std::make_unique<Server>(rig.network, "server", rig.service.table());
    EXPECT_EQ(BlockOn(rig.world, rig.client, CallOnce(rig.channel.get())), Code::kOk);
  }
}

// A client that dies takes its frames with it; the handler sees that it is gone.
TEST(Network, ACrashedClientEndsItsStreams) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Rig rig(seed);
    env::TaskGroup group(rig.client);
    const auto sit = [](env::Channel* channel) -> env::Task<void> {
      OpenResult stream = co_await channel->Open("/test.Test/DrainAll", {});
      for (;;) {
        const Status sent = co_await (*stream)->Send(std::string(1000, 'x'));
        EXPECT_TRUE(sent.ok());
      }
    };
    group.Spawn(sit(rig.channel.get()));
    BlockOn(rig.world, rig.serving, Begun(&rig.service));
    rig.world.RunFor(Micros(static_cast<std::int64_t>(seed * 100)));
    group.Abandon();
    rig.client.Kill();
    const Status ended = BlockOn(rig.world, rig.serving, Ended(&rig.service));
    EXPECT_EQ(ended.code(), Code::kCancelled) << ended.ToString();
  }
}

}  // namespace
}  // namespace fustor::sim
