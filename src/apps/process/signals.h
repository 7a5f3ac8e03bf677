// signals.h: what the system tells a service, for the thread that runs its main.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include "adapters/posix/process.h"
#include "base/result.h"
#include "base/time.h"

namespace fustor::process {

class Signals {
 public:
  enum class News {
    kNone,    // The time is over.
    kStop,    // SIGTERM or SIGINT. A second one ends the process at once, with exit code 130.
    kReload,  // SIGHUP.
    kWoken,   // Wake was called.
  };

  // REQUIRES: no other thread runs yet; one object at a time. Errors: kResourceExhausted.
  static Result<std::unique_ptr<Signals>> Start();

  // What came first of what was not told yet; a stop is told again and again.
  News Wait();
  News WaitFor(Nanos duration);
  // Thread-safe.
  void Wake();

 private:
  Signals() = default;
  void On(posix::ProcessSignal signal);
  News Take();

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stop_ = false;
  bool reload_ = false;
  bool woken_ = false;
  std::unique_ptr<posix::SignalThread> thread_;  // Last: it calls into the others.
};

}  // namespace fustor::process
