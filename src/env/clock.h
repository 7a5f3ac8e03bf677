// clock.h: the time of the world outside. Thread-safe.
#pragma once

#include "base/time.h"

namespace fustor::env {

class Clock {
 public:
  virtual ~Clock() = default;
  // Monotonic: never goes back, meaningless outside the process.
  virtual Instant Now() const = 0;
  // The calendar: may jump either way.
  virtual WallTime WallNow() const = 0;
};

}  // namespace fustor::env
