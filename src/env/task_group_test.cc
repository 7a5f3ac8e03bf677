#include "env/task_group.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "env/hand_driven_testing.h"

namespace fustor::env {
namespace {

using Log = std::vector<std::string>;

Task<void> Note(std::string text, Log* log) {
  log->push_back(std::move(text));
  co_return;
}

Task<void> UntilStopped(std::stop_token stop, std::string name, Log* log) {
  struct Gone {
    std::string name;
    Log* log;
    ~Gone() { log->push_back(name + " gone"); }
  } const gone{name, log};
  const Status slept = co_await SleepUntil(Instant::Max(), stop);
  log->push_back(name + " " + std::string(CodeName(slept.code())));
}

Task<void> JoinAndNote(TaskGroup* group, Log* log) {
  co_await group->Join();
  log->push_back("joined");
}

TEST(TaskGroup, RunsTasksInTheOrderOfSpawning) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  Log log;
  for (const char* name : {"a", "b", "c"}) group.Spawn(Note(name, &log));
  EXPECT_EQ(group.running(), 3u);
  executor.RunAll();
  EXPECT_EQ(log, (Log{"a", "b", "c"}));
  EXPECT_EQ(group.running(), 0u);
}

TEST(TaskGroup, JoinReturnsWhenTheLastTaskHasEnded) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  TaskGroup owner(executor);
  Log log;
  group.Spawn(UntilStopped(group.stop_token(), "a", &log));
  group.Spawn(UntilStopped(group.stop_token(), "b", &log));
  owner.Spawn(JoinAndNote(&group, &log));
  executor.RunAll();
  EXPECT_TRUE(log.empty());
  group.RequestStop();
  executor.RunAll();
  EXPECT_EQ(log, (Log{"b CANCELLED", "b gone", "a CANCELLED", "a gone", "joined"}));
}

TEST(TaskGroup, JoinOfAnEmptyGroupReturnsAtOnce) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  TaskGroup owner(executor);
  Log log;
  owner.Spawn(JoinAndNote(&group, &log));
  executor.RunAll();
  EXPECT_EQ(log, Log{"joined"});
}

Task<void> SpawnAnother(TaskGroup* group, Log* log) {
  group->Spawn(Note("second", log));
  log->push_back("first");
  co_return;
}

TEST(TaskGroup, JoinWaitsForTasksThatTasksSpawn) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  TaskGroup owner(executor);
  Log log;
  owner.Spawn(JoinAndNote(&group, &log));
  group.Spawn(SpawnAnother(&group, &log));
  executor.RunAll();
  EXPECT_EQ(log, (Log{"first", "second", "joined"}));
}

TEST(TaskGroup, AbandonDestroysFramesWhereTheyStand) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  Log log;
  group.Spawn(UntilStopped({}, "waiting", &log));
  executor.RunAll();
  group.Spawn(Note("not started", &log));
  group.Abandon();
  EXPECT_EQ(log, Log{"waiting gone"});
  EXPECT_EQ(group.running(), 0u);
  executor.Advance(Seconds(1));
  EXPECT_EQ(log, Log{"waiting gone"}) << "what was posted for abandoned tasks does nothing";
  group.Spawn(Note("after", &log));
  executor.RunAll();
  EXPECT_EQ(log.back(), "after") << "the group can be used again";
}

TEST(TaskGroup, AbandonAfterAStopDestroysWhatHasNotYetSeenIt) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  Log log;
  group.Spawn(UntilStopped(group.stop_token(), "a", &log));
  executor.RunAll();
  group.RequestStop();
  group.Abandon();
  executor.RunAll();
  EXPECT_EQ(log, Log{"a gone"});
}

Task<void> HasItsOwnGroup(Executor* executor, std::stop_token stop, Log* log) {
  TaskGroup inner(*executor);
  inner.Spawn(UntilStopped({}, "inner", log));
  co_await UntilStopped(std::move(stop), "outer", log);
}

TEST(TaskGroup, AbandonTakesTheGroupsInTheFramesAlong) {
  HandDrivenExecutor executor;
  TaskGroup group(executor);
  Log log;
  group.Spawn(HasItsOwnGroup(&executor, group.stop_token(), &log));
  executor.RunAll();
  group.Abandon();
  executor.RunAll();
  EXPECT_EQ(log, (Log{"outer gone", "inner gone"}));
}

TEST(TaskGroup, PostedStartsMayOutliveTheGroup) {
  HandDrivenExecutor executor;
  Log log;
  {
    TaskGroup group(executor);
    group.Spawn(Note("never", &log));
    group.Abandon();
  }
  executor.RunAll();
  EXPECT_TRUE(log.empty());
}

TEST(TaskGroupDeathTest, DestroyingAGroupWithTasksStops) {
  EXPECT_DEATH(
      {
        HandDrivenExecutor executor;
        Log log;
        TaskGroup group(executor);
        group.Spawn(Note("x", &log));
      },
      "while tasks were running");
}

Task<void> Throw() {
  throw 1;
  co_return;
}

TEST(TaskGroupDeathTest, AnExceptionThatLeavesATaskStops) {
  EXPECT_DEATH(
      {
        HandDrivenExecutor executor;
        TaskGroup group(executor);
        group.Spawn(Throw());
        executor.RunAll();
      },
      "an exception left a task");
}

}  // namespace
}  // namespace fustor::env
