#include "env/signal.h"

namespace fustor::env {

Task<Status> Signal::Wait(Instant deadline, std::stop_token stop) {
  if (set_) {
    set_ = false;
    co_return Status();
  }
  if (stop.stop_requested()) co_return Status(Code::kCancelled, "stopped");
  FUSTOR_CHECK(!waiter_);
  Executor& executor = co_await ThisExecutor();
  Completion<Status> done;
  waiter_ = done.resolver();
  Executor::TimerId timer = 0;
  if (deadline != Instant::Max()) {
    timer = executor.PostAt(deadline, [wake = done.resolver()] {
      wake(Status(Code::kDeadlineExceeded, "deadline exceeded"));
    });
  }
  const std::stop_callback on_stop(
      stop, [wake = done.resolver()] { wake(Status(Code::kCancelled, "stopped")); });
  Status woken = co_await done.Wait();
  waiter_.reset();
  if (timer != 0) executor.CancelTimer(timer);
  if (set_) {
    set_ = false;
    co_return Status();
  }
  co_return woken;
}

}  // namespace fustor::env
