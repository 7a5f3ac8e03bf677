#include "env/task.h"

namespace fustor::env {

Task<Status> SleepUntil(Instant when, std::stop_token stop) {
  Executor& executor = co_await ThisExecutor();
  if (stop.stop_requested()) co_return Status(Code::kCancelled, "stopped");
  Completion<Status> done;
  const Executor::TimerId timer =
      executor.PostAt(when, [wake = done.resolver()] { wake(Status()); });
  const std::stop_callback on_stop(
      stop, [wake = done.resolver()] { wake(Status(Code::kCancelled, "stopped")); });
  Status woken = co_await done.Wait();
  if (!woken.ok()) executor.CancelTimer(timer);
  co_return woken;
}

Task<Status> SleepFor(Nanos duration, std::stop_token stop) {
  Executor& executor = co_await ThisExecutor();
  co_return co_await SleepUntil(executor.clock().Now() + duration, std::move(stop));
}

}  // namespace fustor::env
