// process.h: the process among others: signals, limits, terminal, host.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "adapters/posix/fd.h"
#include "base/result.h"

namespace fustor::posix {

enum class ProcessSignal : std::uint8_t {
  kTerminate,  // SIGTERM
  kInterrupt,  // SIGINT
  kHangUp,     // SIGHUP
};

// Turns signals into calls on a thread of its own. Not thread-safe.
class SignalThread {
 public:
  // From now on SIGTERM, SIGINT and SIGHUP of the process call `on_signal`, one at a time, and do
  // nothing else. SIGPIPE is ignored from here on. REQUIRES: called before any other thread is
  // started (threads inherit that the signals are blocked); one object at a time.
  // Errors: kResourceExhausted.
  static Result<std::unique_ptr<SignalThread>> Start(std::function<void(ProcessSignal)> on_signal);
  // Waits for a call that runs. The signals then do again what they did before.
  ~SignalThread();
  SignalThread(const SignalThread&) = delete;

 private:
  SignalThread(Fd signals, Fd stop, std::function<void(ProcessSignal)> on_signal);
  void Loop();

  const Fd signals_;
  const Fd stop_;
  const std::function<void(ProcessSignal)> on_signal_;
  std::thread thread_;
};

// Raises the number of files that may be open to the hard limit; returns what it is now.
// Errors: kPermissionDenied.
Result<std::uint64_t> RaiseOpenFilesLimit();

bool IsTerminal(int fd);
// Columns of the terminal; nothing when `fd` is none.
std::optional<unsigned> TerminalWidth(int fd);

// The name of this host, as uname(2) gives it.
std::string HostName();

}  // namespace fustor::posix
