#include "apps/process/signals.h"

#include <unistd.h>

#include <utility>

namespace fustor::process {

Result<std::unique_ptr<Signals>> Signals::Start() {
  std::unique_ptr<Signals> signals(new Signals());
  FUSTOR_TRY_ASSIGN(signals->thread_,
                    posix::SignalThread::Start(
                        [raw = signals.get()](posix::ProcessSignal signal) { raw->On(signal); }));
  return signals;
}

void Signals::On(posix::ProcessSignal signal) {
  {
    const std::scoped_lock lock(mutex_);
    if (signal == posix::ProcessSignal::kHangUp) {
      reload_ = true;
    } else if (std::exchange(stop_, true)) {
      ::_exit(130);
    }
  }
  changed_.notify_all();
}

void Signals::Wake() {
  {
    const std::scoped_lock lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

Signals::News Signals::Take() {
  if (stop_) return News::kStop;
  if (std::exchange(reload_, false)) return News::kReload;
  return std::exchange(woken_, false) ? News::kWoken : News::kNone;
}

Signals::News Signals::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stop_ || reload_ || woken_; });
  return Take();
}

Signals::News Signals::WaitFor(Nanos duration) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, duration, [this] { return stop_ || reload_ || woken_; });
  return Take();
}

}  // namespace fustor::process
