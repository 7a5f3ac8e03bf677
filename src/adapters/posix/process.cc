#include "adapters/posix/process.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace fustor::posix {
namespace {

sigset_t OurSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

Result<std::unique_ptr<SignalThread>> SignalThread::Start(
    std::function<void(ProcessSignal)> on_signal) {
  const sigset_t set = OurSignals();
  Fd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  Fd stop(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!signals.ok() || !stop.ok()) return ErrnoStatus(errno, "signalfd");
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A peer that closes a connection is an error of that write, not the end of the process.
  std::signal(SIGPIPE, SIG_IGN);
  return std::unique_ptr<SignalThread>(
      new SignalThread(std::move(signals), std::move(stop), std::move(on_signal)));
}

SignalThread::SignalThread(Fd signals, Fd stop, std::function<void(ProcessSignal)> on_signal)
    : signals_(std::move(signals)),
      stop_(std::move(stop)),
      on_signal_(std::move(on_signal)),
      thread_([this] { Loop(); }) {}

SignalThread::~SignalThread() {
  const std::uint64_t one = 1;
  // Cannot fail: the counter is far from its maximum.
  [[maybe_unused]] const ssize_t n = write(stop_.get(), &one, sizeof one);
  thread_.join();
  const sigset_t set = OurSignals();
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void SignalThread::Loop() {
  pthread_setname_np(pthread_self(), "signals");
  pollfd fds[] = {{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
  for (;;) {
    if (poll(fds, std::size(fds), -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    signalfd_siginfo seen{};
    while (read(signals_.get(), &seen, sizeof seen) == sizeof seen) {
      on_signal_(seen.ssi_signo == SIGTERM  ? ProcessSignal::kTerminate
                 : seen.ssi_signo == SIGINT ? ProcessSignal::kInterrupt
                                            : ProcessSignal::kHangUp);
    }
  }
}

Result<std::uint64_t> RaiseOpenFilesLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return ErrnoStatus(errno, "getrlimit");
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) return ErrnoStatus(errno, "setrlimit");
  }
  return std::uint64_t{limit.rlim_cur};
}

bool IsTerminal(int fd) { return isatty(fd) == 1; }

std::optional<unsigned> TerminalWidth(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return std::nullopt;
  return size.ws_col;
}

std::string HostName() {
  utsname name{};
  return uname(&name) == 0 ? std::string(name.nodename) : std::string();
}

}  // namespace fustor::posix
