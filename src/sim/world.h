// world.h: the clock, the executors and the chance of a simulated world.
//
// One thread runs everything. When nothing is ready, time jumps to what comes next; what happens at
// the same moment happens in an order that the seed decides. Same seed and same calls: the same
// run, event for event, on every machine; hash() proves it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/prng.h"
#include "env/executor.h"
#include "env/task_group.h"

namespace fustor::sim {

class World;

// The clock on a host's wall. It may be wrong, and it may be set.
class HostClock {
 public:
  explicit HostClock(const World& world) : world_(world) {}
  WallTime Now() const;
  // How far the clock is ahead of true time.
  void Set(Nanos ahead) { ahead_ = ahead; }

 private:
  const World& world_;
  Nanos ahead_{0};
};

// A virtual thread. Work runs in the order of posting, and each piece takes a little time.
class VirtualExecutor final : public env::Executor, public env::Clock {
 public:
  VirtualExecutor(World& world, std::string name, std::shared_ptr<const HostClock> clock);

  void Post(env::Callback work) override;
  TimerId PostAt(Instant when, env::Callback work) override;
  bool CancelTimer(TimerId timer) override;
  bool RunningHere() const override;
  const env::Clock& clock() const override { return *this; }
  Instant Now() const override;
  WallTime WallNow() const override { return clock_->Now(); }

  // Nothing runs here for so long: a process that is stopped, a host that swaps.
  void Pause(Nanos duration);
  // Ends it: what waits, and what is posted later, is destroyed unrun. REQUIRES: not RunningHere().
  void Kill();
  bool killed() const { return killed_; }
  const std::string& name() const { return name_; }

 private:
  struct Timer {
    env::Callback work;
    std::uint64_t event = 0;
  };
  void Schedule();
  void RunNext();

  World& world_;
  const std::string name_;
  const std::shared_ptr<const HostClock> clock_;
  const std::uint64_t tag_;  // Of the name, for the hash.
  std::deque<env::Callback> queue_;
  std::unordered_map<TimerId, Timer> timers_;
  TimerId last_timer_ = 0;
  Instant free_at_;
  bool scheduled_ = false;
  bool killed_ = false;
};

class World {
 public:
  using EventId = std::uint64_t;  // 0 is no event.

  explicit World(std::uint64_t seed);
  // What still waits is destroyed unrun.
  ~World();
  World(const World&) = delete;

  Instant now() const { return now_; }
  // The true time. It begins in 2026.
  WallTime wall() const;
  std::uint64_t seed() const { return seed_; }
  // Decides what happens first, and how long it takes.
  Prng& prng() { return prng_; }
  // A source of chance of its own: what draws from it does not disturb the others.
  Prng Derive(std::string_view purpose) const;

  // Runs outside of every executor. Cancel: false when it already ran.
  EventId At(Instant when, env::Callback run);
  EventId After(Nanos delay, env::Callback run) { return At(now_ + delay, std::move(run)); }
  bool Cancel(EventId event);

  std::shared_ptr<HostClock> MakeClock() const { return std::make_shared<HostClock>(*this); }
  // Lives as long as the world: others may still hold on to it when its process has died.
  VirtualExecutor& MakeExecutor(std::string name, std::shared_ptr<const HostClock> clock);

  // Runs what comes next. False when nothing is left to happen.
  bool RunOne();
  // Runs all that happens until then.
  void RunUntil(Instant end);
  void RunFor(Nanos duration) { RunUntil(now_ + duration); }

  // Makes something that happened part of the hash.
  void Note(std::uint64_t word);
  void Note(std::string_view text);
  std::uint64_t hash() const { return hash_; }
  std::uint64_t steps() const { return steps_; }

 private:
  friend class VirtualExecutor;
  struct Due {
    Instant when;
    std::uint64_t tie;
    EventId event;
    bool operator<(const Due& other) const {  // std heaps have the greatest on top.
      return when != other.when ? when > other.when : tie > other.tie;
    }
  };
  struct Slot {
    env::Callback run;
    std::uint32_t generation = 0;
    bool used = false;
  };
  env::Callback Release(EventId event);

  const std::uint64_t seed_;
  Prng prng_;
  Instant now_;
  std::vector<Due> heap_;  // Cancelled events stay until their time.
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<std::unique_ptr<VirtualExecutor>> executors_;
  const VirtualExecutor* running_ = nullptr;
  std::uint64_t hash_;
  std::uint64_t steps_ = 0;
};

namespace internal {
template <class T>
env::Task<void> Keep(env::Task<T> task, std::optional<T>* result) {
  result->emplace(co_await std::move(task));
}
}  // namespace internal

// Runs the world until `task`, started on `executor`, has ended. REQUIRES: it ends.
template <class T>
T BlockOn(World& world, VirtualExecutor& executor, env::Task<T> task) {
  std::optional<T> result;
  env::TaskGroup group(executor);
  group.Spawn(internal::Keep<T>(std::move(task), &result));
  while (!result) FUSTOR_CHECK(world.RunOne(), "the task waits for something that never happens");
  return *std::move(result);
}

}  // namespace fustor::sim
