// hand_driven_testing.h: an executor that a test drives by hand, with a clock of its own.
//
// Deterministic: work runs in the order of posting, timers in the order of their time and then of
// their making, and time only moves in Advance. One thread.
#pragma once

#include <deque>
#include <map>
#include <utility>

#include "env/executor.h"

namespace fustor::env {

class HandDrivenExecutor final : public Executor, public Clock {
 public:
  void Post(Callback work) override { queue_.push_back(std::move(work)); }
  TimerId PostAt(Instant when, Callback work) override {
    timers_.emplace(std::pair(when, ++last_timer_), std::move(work));
    return last_timer_;
  }
  bool CancelTimer(TimerId timer) override {
    return std::erase_if(timers_, [&](const auto& t) { return t.first.second == timer; }) != 0;
  }
  bool RunningHere() const override { return running_; }
  const Clock& clock() const override { return *this; }
  Instant Now() const override { return now_; }
  WallTime WallNow() const override { return {now_.ns + wall_ahead_.count()}; }
  // Somebody sets the clock.
  void SetWallAhead(Nanos ahead) { wall_ahead_ = ahead; }

  // Runs one piece of work; false when there is none.
  bool RunOne() {
    if (queue_.empty()) return false;
    Callback work = std::move(queue_.front());
    queue_.pop_front();
    running_ = true;
    work();
    running_ = false;
    return true;
  }
  void RunAll() {
    while (RunOne()) {
    }
  }
  // Moves time, running every timer and all work on the way.
  void Advance(Nanos duration) {
    const Instant end = now_ + duration;
    RunAll();
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      now_ = std::max(now_, timers_.begin()->first.first);
      queue_.push_back(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
      RunAll();
    }
    now_ = end;
  }
  std::size_t timers() const { return timers_.size(); }
  std::size_t queued() const { return queue_.size(); }

 private:
  std::deque<Callback> queue_;
  std::map<std::pair<Instant, TimerId>, Callback> timers_;
  TimerId last_timer_ = 0;
  Instant now_{1'000'000'000};
  Nanos wall_ahead_{0};
  bool running_ = false;
};

}  // namespace fustor::env
