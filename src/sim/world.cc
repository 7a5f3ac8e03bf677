#include "sim/world.h"

#include <algorithm>

#include "base/check.h"

namespace fustor::sim {
namespace {

constexpr Instant kStart{1'000'000'000'000};
constexpr WallTime kWallStart{1'767'225'600'000'000'000};  // 2026-01-01T00:00:00Z

// A piece of work takes 1 to 20 us; one in two thousand loses the processor for up to 20 ms.
constexpr std::int64_t kWorkMinNs = 1'000;
constexpr std::int64_t kWorkMaxNs = 20'000;
constexpr std::uint64_t kStallOneIn = 2'000;
constexpr std::int64_t kStallMaxNs = 20'000'000;

std::uint64_t Fnv(std::string_view text) {
  std::uint64_t hash = 0xCBF29CE484222325ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return hash;
}

}  // namespace

// --- Clock ---------------------------------------------------------------------------------------

WallTime HostClock::Now() const { return world_.wall() + ahead_; }

// --- Executor ------------------------------------------------------------------------------------

VirtualExecutor::VirtualExecutor(World& world, std::string name,
                                 std::shared_ptr<const HostClock> clock)
    : world_(world),
      name_(std::move(name)),
      clock_(std::move(clock)),
      tag_(Fnv(name_)),
      free_at_(world.now()) {}

Instant VirtualExecutor::Now() const { return world_.now(); }

bool VirtualExecutor::RunningHere() const { return world_.running_ == this; }

void VirtualExecutor::Post(env::Callback work) {
  if (killed_) return;
  queue_.push_back(std::move(work));
  Schedule();
}

void VirtualExecutor::Schedule() {
  if (scheduled_ || queue_.empty()) return;
  scheduled_ = true;
  world_.At(std::max(world_.now(), free_at_), [this] { RunNext(); });
}

void VirtualExecutor::RunNext() {
  scheduled_ = false;
  if (killed_ || queue_.empty()) return;
  if (free_at_ > world_.now()) return Schedule();  // Paused meanwhile.
  Prng& prng = world_.prng_;
  std::int64_t took = prng.Between(kWorkMinNs, kWorkMaxNs);
  if (prng.Chance(1, kStallOneIn)) took += prng.Between(0, kStallMaxNs);
  free_at_ = world_.now() + Nanos(took);
  env::Callback work = std::move(queue_.front());
  queue_.pop_front();
  world_.Note(tag_);
  world_.running_ = this;
  work();
  work = nullptr;  // What it owned dies here too.
  world_.running_ = nullptr;
  Schedule();
}

env::Executor::TimerId VirtualExecutor::PostAt(Instant when, env::Callback work) {
  if (killed_) return ++last_timer_;
  const TimerId id = ++last_timer_;
  Timer& timer = timers_[id];
  timer.work = std::move(work);
  if (when == Instant::Max()) return id;
  timer.event = world_.At(std::max(when, world_.now()), [this, id] {
    const auto it = timers_.find(id);
    if (it == timers_.end()) return;
    env::Callback ripe = std::move(it->second.work);
    timers_.erase(it);
    Post(std::move(ripe));
  });
  return id;
}

bool VirtualExecutor::CancelTimer(TimerId timer) {
  const auto it = timers_.find(timer);
  if (it == timers_.end()) return false;
  if (it->second.event != 0) world_.Cancel(it->second.event);
  const Timer dropped = std::move(it->second);
  timers_.erase(it);
  return true;
}

void VirtualExecutor::Pause(Nanos duration) {
  free_at_ = std::max(free_at_, world_.now() + duration);
}

void VirtualExecutor::Kill() {
  FUSTOR_CHECK(!RunningHere(), "a process cannot end itself here");
  killed_ = true;
  // What is destroyed may post and cancel.
  const std::deque<env::Callback> queue = std::exchange(queue_, {});
  const std::unordered_map<TimerId, Timer> timers = std::exchange(timers_, {});
  for (const auto& [id, timer] : timers) {
    if (timer.event != 0) world_.Cancel(timer.event);
  }
}

// --- World ---------------------------------------------------------------------------------------

World::World(std::uint64_t seed)
    : seed_(seed), prng_(seed), now_(kStart), hash_(0x9E3779B97F4A7C15ull ^ seed) {}

World::~World() {
  for (const auto& executor : executors_) executor->Kill();
  heap_.clear();
  const std::vector<Slot> slots = std::exchange(slots_, {});
}

WallTime World::wall() const { return kWallStart + (now_ - kStart); }

Prng World::Derive(std::string_view purpose) const { return Prng(seed_ ^ Fnv(purpose)); }

VirtualExecutor& World::MakeExecutor(std::string name, std::shared_ptr<const HostClock> clock) {
  executors_.push_back(std::make_unique<VirtualExecutor>(*this, std::move(name), std::move(clock)));
  return *executors_.back();
}

World::EventId World::At(Instant when, env::Callback run) {
  std::uint32_t at = 0;
  if (free_slots_.empty()) {
    at = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    at = free_slots_.back();
    free_slots_.pop_back();
  }
  Slot& slot = slots_[at];
  slot.run = std::move(run);
  slot.used = true;
  ++slot.generation;
  const EventId event = (std::uint64_t{slot.generation} << 32) | at;
  heap_.push_back({std::max(when, now_), prng_.Next(), event});
  std::push_heap(heap_.begin(), heap_.end());
  return event;
}

// The callback of an event that has not run; nothing when it has, or was cancelled.
env::Callback World::Release(EventId event) {
  const auto at = static_cast<std::uint32_t>(event);
  if (at >= slots_.size()) return nullptr;
  Slot& slot = slots_[at];
  if (!slot.used || slot.generation != event >> 32) return nullptr;
  slot.used = false;
  free_slots_.push_back(at);
  return std::exchange(slot.run, nullptr);
}

bool World::Cancel(EventId event) { return Release(event) != nullptr; }

bool World::RunOne() {
  while (!heap_.empty()) {
    std::pop_heap(heap_.begin(), heap_.end());
    const Due due = heap_.back();
    heap_.pop_back();
    env::Callback run = Release(due.event);
    if (run == nullptr) continue;
    now_ = due.when;
    ++steps_;
    Note(static_cast<std::uint64_t>(now_.ns));
    run();
    return true;
  }
  return false;
}

void World::RunUntil(Instant end) {
  for (;;) {
    // Cancelled ones must not let RunOne go past the end.
    while (!heap_.empty()) {
      const EventId event = heap_.front().event;
      const Slot& slot = slots_[static_cast<std::uint32_t>(event)];
      if (slot.used && slot.generation == event >> 32) break;
      std::pop_heap(heap_.begin(), heap_.end());
      heap_.pop_back();
    }
    if (heap_.empty() || heap_.front().when > end) break;
    RunOne();
  }
  now_ = std::max(now_, end);
}

void World::Note(std::uint64_t word) {
  hash_ = (hash_ ^ word) * 0x9E3779B97F4A7C15ull;
  hash_ ^= hash_ >> 29;
}

void World::Note(std::string_view text) { Note(Fnv(text)); }

}  // namespace fustor::sim
