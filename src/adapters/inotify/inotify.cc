#include "adapters/inotify/inotify.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace fustor::inotify {
namespace {

// A file that is unlinked while open would go on reporting writes under a name that is no longer
// its own; IN_EXCL_UNLINK ends that.
constexpr std::uint32_t kMask = IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB |
                                IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR |
                                IN_EXCL_UNLINK;
constexpr std::size_t kBufferBytes = 512 * 1024;

Status WatchError(int error) {
  switch (error) {
    case ENOSPC:
    case ENOMEM:
      return {Code::kResourceExhausted,
              "no inotify watches are left (fs.inotify.max_user_watches)"};
    case EACCES:
    case EPERM:
      return {Code::kPermissionDenied, "the directory may not be watched"};
    case ENOENT:
      return {Code::kUnimplemented, "inotify needs /proc to be mounted"};
    default:
      return {Code::kUnimplemented,
              std::string("the directory cannot be watched: ") + std::strerror(error)};
  }
}

}  // namespace

Inotify::Inotify(int fd, std::uint64_t watches_max)
    : fd_(fd), watches_max_(watches_max), buffer_(kBufferBytes) {}

Inotify::~Inotify() { close(fd_); }

Result<std::unique_ptr<Inotify>> Inotify::Open(std::uint64_t watches_max) {
  const int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd < 0) {
    return Status(Code::kResourceExhausted,
                  std::string("no inotify instance (fs.inotify.max_user_instances): ") +
                      std::strerror(errno));
  }
  return std::unique_ptr<Inotify>(new Inotify(fd, watches_max));
}

Status Inotify::Cover(env::DirKey key, int dirfd) {
  // inotify takes paths only. This one leads to the very directory that is open, wherever it lies.
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", dirfd);
  // Held over the call: Read must not meet a watch number that the table does not know yet.
  const std::scoped_lock lock(mutex_);
  const int wd = inotify_add_watch(fd_, path, kMask);
  if (wd < 0) return WatchError(errno);
  if (const std::optional<int> old = table_.Added(wd, key)) inotify_rm_watch(fd_, *old);
  // Only now it is known whether the directory had a watch already.
  if (watches_max_ == 0 || table_.size() <= watches_max_) return {};
  if (const std::optional<int> excess = table_.Remove(key)) inotify_rm_watch(fd_, *excess);
  return {Code::kResourceExhausted, "no watches are left (max_watches)"};
}

void Inotify::Uncover(env::DirKey key) {
  const std::scoped_lock lock(mutex_);
  // Fails when the directory is gone; the IN_IGNORED that the table waits for is then queued.
  if (const std::optional<int> wd = table_.Remove(key)) inotify_rm_watch(fd_, *wd);
}

bool Inotify::Read(std::vector<env::TreeEvent>* events) {
  ssize_t n = 0;
  do {
    n = read(fd_, buffer_.data(), buffer_.size());
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  const std::scoped_lock lock(mutex_);
  table_.Decode(std::span(buffer_).first(static_cast<std::size_t>(n)), events);
  return true;
}

std::uint64_t Inotify::watches() const {
  const std::scoped_lock lock(mutex_);
  return table_.size();
}

std::uint64_t Inotify::WatchesMax() {
  const int fd = open("/proc/sys/fs/inotify/max_user_watches", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[32] = {};
  const ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  return n > 0 ? std::strtoull(text, nullptr, 10) : 0;
}

}  // namespace fustor::inotify
