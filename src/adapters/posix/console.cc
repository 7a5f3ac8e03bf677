#include "adapters/posix/console.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "adapters/posix/directory.h"
#include "adapters/posix/fd.h"

namespace fustor::posix {

void IgnoreBrokenPipes() { std::signal(SIGPIPE, SIG_IGN); }

Status WriteFully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EPIPE) return Status(Code::kCancelled, "nobody reads any more");
    if (errno != EAGAIN) return ErrnoStatus(errno, "write");
    pollfd writable{fd, POLLOUT, 0};
    if (poll(&writable, 1, -1) < 0 && errno != EINTR) return ErrnoStatus(errno, "write");
  }
  return Status();
}

bool HasReader(int fd) {
  pollfd other_end{fd, 0, 0};
  return poll(&other_end, 1, 0) <= 0 || (other_end.revents & (POLLERR | POLLHUP)) == 0;
}

Result<std::string> RealPath(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(realpath(path.c_str(), nullptr), std::free);
  if (real == nullptr) return ErrnoStatus(errno, path);
  return std::string(real.get());
}

Result<EntryAttrs> AttrsOf(const std::string& path) {
  struct statx st{};
  if (statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BASIC_STATS,
            &st) != 0) {
    return ErrnoStatus(errno, path);
  }
  EntryAttrs attrs;
  ReadAttrs(st, &attrs);
  return attrs;
}

std::string WorkingDirectory() {
  std::error_code error;
  const std::filesystem::path path = std::filesystem::current_path(error);
  return error ? "/" : path.string();
}

void Pause(Nanos time) {
  const auto ms = std::chrono::ceil<Millis>(time).count();
  poll(nullptr, 0, static_cast<int>(std::min<std::int64_t>(ms, 1'000'000'000)));
}

}  // namespace fustor::posix
