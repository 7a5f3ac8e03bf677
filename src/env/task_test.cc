#include "env/task.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "env/hand_driven_testing.h"
#include "env/task_group.h"

namespace fustor::env {
namespace {

using Log = std::vector<std::string>;

// Writes when a frame is destroyed.
struct Witness {
  Log* log;
  std::string text;
  ~Witness() { log->push_back(text); }
};

Task<int> Number(int n) { co_return n; }

Task<int> Sum(int depth) {
  if (depth == 0) co_return 0;
  const int below = co_await Sum(depth - 1);
  const int one = co_await Number(1);
  co_return below + one;
}

Task<void> StoreSum(int depth, int* out) { *out = co_await Sum(depth); }

TEST(Task, StartsOnlyWhenAwaited) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  int out = -1;
  {
    Task<void> never = StoreSum(3, &out);
  }
  EXPECT_EQ(out, -1);
  group.Spawn(StoreSum(3, &out));
  EXPECT_EQ(out, -1) << "a spawned task starts in a later turn";
  executor.RunAll();
  EXPECT_EQ(out, 3);
}

TEST(Task, DeepChainsDoNotEatTheStack) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  int out = 0;
  group.Spawn(StoreSum(2'000, &out));
  executor.RunAll();
  EXPECT_EQ(out, 2'000);
}

Task<void> WaitFor(Completion<std::string> done, Executor* here, Log* log) {
  const Witness witness{log, "frame gone"};
  std::string value = co_await done.Wait();
  log->push_back(value + (here->RunningHere() ? " here" : " elsewhere"));
}

TEST(Completion, WakesItsTaskOnTheTasksExecutor) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  Log log;
  const Completion<std::string> done;
  group.Spawn(WaitFor(done, &executor, &log));
  executor.RunAll();
  EXPECT_TRUE(log.empty());
  EXPECT_TRUE(done.resolver()("first"));
  EXPECT_FALSE(done.resolver()("second")) << "the first resolver wins";
  EXPECT_TRUE(log.empty()) << "the task resumes in a turn of its own";
  executor.RunAll();
  EXPECT_EQ(log, (Log{"first here", "frame gone"}));
}

TEST(Completion, MayBeResolvedBeforeAnybodyWaits) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  Log log;
  const Completion<std::string> done;
  done.resolver()("early");
  group.Spawn(WaitFor(done, &executor, &log));
  executor.RunAll();
  EXPECT_EQ(log, (Log{"early here", "frame gone"}));
}

TEST(Completion, ResolvingAfterTheWaiterIsGoneIsHarmless) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  Log log;
  const Completion<std::string> done;
  group.Spawn(WaitFor(done, &executor, &log));
  executor.RunAll();
  group.Abandon();
  EXPECT_EQ(log, Log{"frame gone"});
  done.resolver()("late");
  executor.RunAll();
  EXPECT_EQ(log, Log{"frame gone"});
}

TEST(Completion, AbandonBetweenTheWakeUpAndTheTurnIsHarmless) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  Log log;
  const Completion<std::string> done;
  group.Spawn(WaitFor(done, &executor, &log));
  executor.RunAll();
  done.resolver()("posted");
  group.Abandon();
  executor.RunAll();
  EXPECT_EQ(log, Log{"frame gone"});
}

TEST(Completion, ManyThreadsMayRaceToResolve) {
  for (int round = 0; round < 200; ++round) {
    HandDrivenExecutor executor;
    TaskGroup group(executor);
    Log log;
    const Completion<std::string> done;
    group.Spawn(WaitFor(done, &executor, &log));
    executor.RunAll();
    std::atomic<int> winners{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&winners, wake = done.resolver()] { winners += wake("x"); });
    }
    for (std::thread& thread : threads) thread.join();
    executor.RunAll();
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(log, (Log{"x here", "frame gone"}));
  }
}

Task<void> Sleep(Nanos duration, std::stop_token stop, std::string name, Log* log) {
  const Status slept = co_await SleepFor(duration, stop);
  log->push_back(name + " " + std::string(CodeName(slept.code())));
}

TEST(Sleep, WakesInTheOrderOfTime) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  Log log;
  group.Spawn(Sleep(Millis(20), {}, "b", &log));
  group.Spawn(Sleep(Millis(10), {}, "a", &log));
  group.Spawn(Sleep(Millis(20), {}, "c", &log));
  executor.Advance(Millis(9));
  EXPECT_TRUE(log.empty());
  executor.Advance(Millis(1));
  EXPECT_EQ(log, Log{"a OK"});
  executor.Advance(Millis(10));
  EXPECT_EQ(log, (Log{"a OK", "b OK", "c OK"}));
}

TEST(Sleep, EndsAtOnceWhenStoppedAndTakesItsTimerAway) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  Log log;
  group.Spawn(Sleep(Seconds(100), group.stop_token(), "a", &log));
  executor.RunAll();
  EXPECT_EQ(executor.timers(), 1u);
  group.RequestStop();
  executor.RunAll();
  EXPECT_EQ(log, Log{"a CANCELLED"});
  EXPECT_EQ(executor.timers(), 0u);
  group.Spawn(Sleep(Seconds(100), group.stop_token(), "b", &log));
  executor.RunAll();
  EXPECT_EQ(log.back(), "b CANCELLED");
}

Task<int> WhereAmI(HandDrivenExecutor* a, HandDrivenExecutor* b) {
  Executor& here = co_await ThisExecutor();
  const Status slept = co_await SleepFor(Millis(1), {});
  FUSTOR_CHECK(slept.ok() && here.RunningHere());
  co_return &here == a ? 1 : &here == b ? 2 : 3;
}

Task<void> ThereAndBack(HandDrivenExecutor* a, HandDrivenExecutor* b, Log* log) {
  const int there = co_await RunOn(*b, WhereAmI(a, b));
  log->push_back("there " + std::to_string(there) + (a->RunningHere() ? ", back" : ", lost"));
  const int here = co_await RunOn(*a, WhereAmI(a, b));
  log->push_back("here " + std::to_string(here) + (a->RunningHere() ? ", back" : ", lost"));
}

TEST(RunOn, RunsThereAndComesBack) {
  HandDrivenExecutor a;
  HandDrivenExecutor b;
  TaskGroup group(a);
  Log log;
  group.Spawn(ThereAndBack(&a, &b, &log));
  a.RunAll();
  EXPECT_EQ(a.queued() + a.timers(), 0u) << "nothing is left here while it runs there";
  b.Advance(Millis(1));
  EXPECT_TRUE(log.empty());
  a.RunAll();
  EXPECT_EQ(log, Log{"there 2, back"});
  a.Advance(Millis(1));
  EXPECT_EQ(log, (Log{"there 2, back", "here 1, back"}));
  EXPECT_EQ(group.running(), 0u);
}

TEST(RunOn, TheCallerMayBeAbandonedWhileItRunsThere) {
  HandDrivenExecutor a;
  HandDrivenExecutor b;
  TaskGroup group(a);
  Log log;
  group.Spawn(ThereAndBack(&a, &b, &log));
  a.RunAll();
  group.Abandon();
  b.Advance(Millis(1));
  a.RunAll();
  EXPECT_TRUE(log.empty());
}

}  // namespace
}  // namespace fustor::env
