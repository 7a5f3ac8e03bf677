// executor.h: a place where work runs one piece after the other.
//
// Everything that a shard owns is touched on its executor only, so the code there needs no locks.
// Real executors are a thread each (adapters/asio); the simulator has virtual ones. Post, PostAt
// and CancelTimer may be called from any thread. All executors of a process are stopped before any
// of them is destroyed: one may still be posting to another.
#pragma once

#include <cstdint>
#include <functional>

#include "base/time.h"
#include "env/clock.h"

namespace fustor::env {

using Callback = std::move_only_function<void()>;

class Executor {
 public:
  using TimerId = std::uint64_t;  // 0 is no timer.

  virtual ~Executor() = default;
  // Runs `work` later on this executor, after what was posted before. Work posted to an executor
  // that has been stopped is destroyed unrun.
  virtual void Post(Callback work) = 0;
  // Runs `work` at `when` or soon after.
  virtual TimerId PostAt(Instant when, Callback work) = 0;
  // Drops the timer. False when it already ran (or is about to). `work` is destroyed on the
  // executor or in this call.
  virtual bool CancelTimer(TimerId timer) = 0;
  virtual bool RunningHere() const = 0;
  virtual const Clock& clock() const = 0;
};

}  // namespace fustor::env
