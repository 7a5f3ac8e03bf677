#include "adapters/asio/executor.h"

#include <gtest/gtest.h>

#include <vector>

namespace fustor::asio {
namespace {

env::Task<int> Twice(int x) {
  const Status slept = co_await env::SleepFor(Millis(1), {});
  co_return slept.ok() ? 2 * x : -1;
}

env::Task<bool> ResumesOnItsOwnThread(env::Executor* here, env::Executor* other) {
  const int value = co_await env::RunOn(*other, Twice(21));
  co_return value == 42 && here->RunningHere();
}

TEST(ThreadExecutor, TasksComeBackToTheExecutorOnWhichTheyStarted) {
  auto a = StartThread("a");
  auto b = StartThread("b");
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(BlockOn(*a, ResumesOnItsOwnThread(a.get(), b.get())));
  }
}

TEST(ThreadExecutor, RunsWorkInTheOrderOfPosting) {
  auto executor = StartThread("order");
  std::vector<int> seen;
  std::promise<void> done;
  for (int i = 0; i < 1000; ++i) executor->Post([&, i] { seen.push_back(i); });
  executor->Post([&] { done.set_value(); });
  done.get_future().get();
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(seen[static_cast<std::size_t>(i)], i);
}

env::Task<Status> SleepLong(std::stop_token stop) {
  co_return co_await env::SleepFor(Seconds(3600), stop);
}

TEST(ThreadExecutor, AStopEndsASleepAtOnce) {
  auto executor = StartThread("sleep");
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  const Status status = BlockOn(*executor, SleepLong(stop.get_token()));
  stopper.join();
  EXPECT_EQ(status.code(), Code::kCancelled);
}

TEST(ThreadExecutor, ACancelledTimerDoesNotRun) {
  auto executor = StartThread("timer");
  bool ran = false;
  const auto id = executor->PostAt(executor->clock().Now() + Millis(20), [&] { ran = true; });
  EXPECT_TRUE(executor->CancelTimer(id));
  EXPECT_FALSE(executor->CancelTimer(id));
  BlockOn(*executor, Twice(1));
  executor->Stop();
  EXPECT_FALSE(ran);
}

TEST(ThreadExecutor, StoppingDropsWhatHasNotRun) {
  auto executor = StartThread("drop");
  auto token = std::make_shared<int>(1);
  const std::weak_ptr<int> watch = token;
  executor->PostAt(executor->clock().Now() + Seconds(3600), [token] { std::abort(); });
  token.reset();
  executor->Stop();
  executor.reset();
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace fustor::asio
