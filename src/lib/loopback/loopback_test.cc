#include "lib/loopback/loopback.h"

#include <gtest/gtest.h>

#include "adapters/asio/executor.h"
#include "lib/loopback/contract_test.h"

namespace fustor::loopback {
namespace {

using transport_contract::OpenResult;
using transport_contract::Received;
using transport_contract::Scenario;
using transport_contract::Service;
using transport_contract::World;

env::Task<int> StopIt(Loopback* loopback) {
  co_await loopback->Stop();
  co_return 0;
}

// Both stop before either is destroyed: one may still be posting to the other.
struct Threads {
  std::unique_ptr<asio::ThreadExecutor> server = asio::StartThread("server");
  std::unique_ptr<asio::ThreadExecutor> other = asio::StartThread("client");
  ~Threads() {
    server->Stop();
    other->Stop();
  }
};

Options Limits() {
  Options options;
  options.message_bytes_max = transport_contract::kMessageBytesMax;
  return options;
}

class LoopbackContract : public testing::TestWithParam<std::tuple<Scenario, bool>> {};

TEST_P(LoopbackContract, Holds) {
  const auto& [scenario, one_executor] = GetParam();
  const Threads threads;
  asio::ThreadExecutor& client = one_executor ? *threads.server : *threads.other;
  Service service(*threads.server);
  Loopback loopback(service.table(), Limits());
  World world{&loopback, &service};
  asio::BlockOn(client, scenario.run(world));
  asio::BlockOn(client, StopIt(&loopback));
}

INSTANTIATE_TEST_SUITE_P(All, LoopbackContract,
                         testing::Combine(testing::ValuesIn(transport_contract::kScenarios),
                                          testing::Bool()),
                         transport_contract::ScenarioName);

env::Task<int> StopsWhileStreamsAreOpen(World w, Loopback* loopback) {
  OpenResult receiving = co_await w.channel->Open("/test.Test/SendAll", {});
  OpenResult idle = co_await w.channel->Open("/test.Test/DrainAll", {});
  co_await w.service->begun().Wait();
  co_await loopback->Stop();
  Received received = co_await (*receiving)->Receive();
  while (received.ok() && *received) received = co_await (*receiving)->Receive();
  EXPECT_EQ(received.status().code(), Code::kUnavailable) << received.status().ToString();
  const Status sent = co_await (*idle)->Send("x");
  EXPECT_EQ(sent.code(), Code::kUnavailable);
  const Result<std::string> answer = co_await w.channel->Call("/test.Test/Echo", "", {});
  EXPECT_EQ(answer.status().code(), Code::kUnavailable);
  OpenResult late = co_await w.channel->Open("/test.Test/EchoAll", {});
  const Received nothing = co_await (*late)->Receive();
  EXPECT_EQ(nothing.status().code(), Code::kUnavailable);
  co_return 0;
}

TEST(Loopback, StoppingEndsOpenStreamsWithUnavailable) {
  for (const bool one_executor : {false, true}) {
    const Threads threads;
    Service service(*threads.server);
    Loopback loopback(service.table());
    World world{&loopback, &service};
    asio::BlockOn(one_executor ? *threads.server : *threads.other,
                  StopsWhileStreamsAreOpen(world, &loopback));
  }
}

// Every byte that Send lets through is counted: no more than the limit and one message.
env::Task<int> FillsTheWindow(World w) {
  env::Executor& here = co_await env::ThisExecutor();
  env::CallOptions options;
  options.deadline = here.clock().Now() + Millis(100);
  OpenResult stream = co_await w.channel->Open("/test.Test/Sit", options);
  int sent_count = 0;
  for (;;) {
    const Status sent = co_await (*stream)->Send(std::string(99, 'x'));
    if (!sent.ok()) break;
    ++sent_count;
  }
  EXPECT_EQ(sent_count, 10);
  w.service->Release();
  co_return 0;
}

TEST(Loopback, BytesUnderWayAreBounded) {
  const Threads threads;
  Service service(*threads.server);
  Options options;
  options.unread_bytes_max = 1000;
  Loopback loopback(service.table(), options);
  asio::BlockOn(*threads.other, FillsTheWindow(World{&loopback, &service}));
  asio::BlockOn(*threads.other, StopIt(&loopback));
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

TEST(Loopback, CancellationAtAnyPointEndsCleanly) {
  for (const bool one_executor : {false, true}) {
    const Threads threads;
    Service service(*threads.server);
    Loopback loopback(service.table());
    World world{&loopback, &service};
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      SCOPED_TRACE(seed);
      asio::BlockOn(one_executor ? *threads.server : *threads.other, CancelsAfter(world, seed));
    }
    asio::BlockOn(*threads.server, StopIt(&loopback));
  }
}

}  // namespace
}  // namespace fustor::loopback
