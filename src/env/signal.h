// signal.h: "there is something to do", for one waiting task. One executor.
#pragma once

#include <optional>
#include <stop_token>

#include "env/task.h"

namespace fustor::env {

// A flag that stays up until a wait has seen it.
class Signal {
 public:
  void Set() {
    set_ = true;
    if (waiter_) {
      (*waiter_)(Status());
      waiter_.reset();
    }
  }
  // Returns at once when the flag is up, else waits, and takes the flag down. REQUIRES: one waiter.
  // Errors: kDeadlineExceeded at `deadline`, kCancelled when `stop` is requested.
  Task<Status> Wait(Instant deadline, std::stop_token stop);

 private:
  bool set_ = false;
  std::optional<Completion<Status>::Resolver> waiter_;
};

}  // namespace fustor::env
