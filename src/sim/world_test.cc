#include "sim/world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace fustor::sim {
namespace {

TEST(World, AnExecutorRunsInTheOrderOfPosting) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed);
    VirtualExecutor& executor = world.MakeExecutor("one", world.MakeClock());
    std::vector<int> seen;
    for (int i = 0; i < 100; ++i) {
      executor.Post([&, i] {
        EXPECT_TRUE(executor.RunningHere());
        seen.push_back(i);
        if (i % 10 == 0) executor.Post([&seen, i] { seen.push_back(1000 + i); });
      });
    }
    world.RunFor(Seconds(1));
    ASSERT_EQ(seen.size(), 110u);
    std::vector<int> want(100);
    std::iota(want.begin(), want.end(), 0);
    for (int i = 0; i < 100; i += 10) want.push_back(1000 + i);
    EXPECT_EQ(seen, want);
    EXPECT_FALSE(executor.RunningHere());
  }
}

TEST(World, ExecutorsOvertakeEachOther) {
  std::set<std::string> orders;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    World world(seed);
    std::string order;
    for (const char* name : {"a", "b", "c"}) {
      world.MakeExecutor(name, world.MakeClock()).Post([&order, name] { order += name; });
    }
    world.RunFor(Seconds(1));
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 6u);
}

TEST(World, TimersRunAtTheirTimeAndNotWhenCancelled) {
  World world(1);
  VirtualExecutor& executor = world.MakeExecutor("one", world.MakeClock());
  const Instant start = executor.clock().Now();
  std::vector<int> seen;
  const auto at = [&](int ms) {
    return executor.PostAt(start + Millis(ms), [&seen, ms] { seen.push_back(ms); });
  };
  at(30);
  const auto dropped = at(20);
  at(10);
  at(-5);
  const auto never = executor.PostAt(Instant::Max(), [] { FAIL(); });
  EXPECT_TRUE(executor.CancelTimer(dropped));
  EXPECT_FALSE(executor.CancelTimer(dropped));
  world.RunUntil(start + Millis(29));
  EXPECT_EQ(seen, (std::vector<int>{-5, 10}));
  world.RunFor(Seconds(1));
  EXPECT_EQ(seen, (std::vector<int>{-5, 10, 30}));
  EXPECT_TRUE(executor.CancelTimer(never));
  EXPECT_EQ(world.now(), start + Millis(29) + Seconds(1));
}

TEST(World, AKilledExecutorDestroysWhatWaits) {
  World world(1);
  VirtualExecutor& executor = world.MakeExecutor("one", world.MakeClock());
  auto alive = std::make_shared<int>(0);
  executor.Post([alive] { FAIL(); });
  executor.PostAt(world.now() + Seconds(1), [alive] { FAIL(); });
  EXPECT_EQ(alive.use_count(), 3);
  executor.Kill();
  EXPECT_EQ(alive.use_count(), 1);
  executor.Post([alive] { FAIL(); });
  executor.PostAt(world.now() + Seconds(1), [alive] { FAIL(); });
  EXPECT_EQ(alive.use_count(), 1);
  world.RunFor(Seconds(10));
}

TEST(World, APausedExecutorCatchesUp) {
  World world(1);
  VirtualExecutor& executor = world.MakeExecutor("one", world.MakeClock());
  executor.Pause(Seconds(3));
  Instant ran;
  executor.Post([&] { ran = world.now(); });
  const Instant start = world.now();
  world.RunFor(Seconds(10));
  EXPECT_GE(ran, start + Seconds(3));
  EXPECT_LT(ran, start + Seconds(4));
}

TEST(World, ClocksCanBeWrong) {
  World world(1);
  const auto clock = world.MakeClock();
  VirtualExecutor& executor = world.MakeExecutor("one", clock);
  EXPECT_EQ(executor.clock().WallNow(), world.wall());
  clock->Set(Seconds(-90));
  EXPECT_EQ(executor.clock().WallNow(), world.wall() - Seconds(90));
}

// A little storm of work, timers and events, drawn from the world's own chance.
std::uint64_t Storm(std::uint64_t seed) {
  World world(seed);
  std::vector<VirtualExecutor*> executors;
  for (const char* name : {"a", "b", "c"}) {
    executors.push_back(&world.MakeExecutor(name, world.MakeClock()));
  }
  std::function<void(int)> grow = [&](int depth) {
    if (depth == 0) return;
    VirtualExecutor& next = *executors[world.prng().Below(3)];
    next.Post([&grow, depth] { grow(depth - 1); });
    const auto timer = next.PostAt(world.now() + Micros(world.prng().Between(0, 50)),
                                   [&grow, depth] { grow(depth - 1); });
    if (world.prng().Chance(1, 3)) next.CancelTimer(timer);
  };
  grow(12);
  world.RunFor(Seconds(1));
  return world.hash();
}

TEST(World, TheSameSeedIsTheSameRun) {
  std::set<std::uint64_t> hashes;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const std::uint64_t hash = Storm(seed);
    EXPECT_EQ(hash, Storm(seed)) << seed;
    hashes.insert(hash);
  }
  EXPECT_EQ(hashes.size(), 20u);
}

}  // namespace
}  // namespace fustor::sim
