#include "adapters/fanotify/fanotify.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace fustor::fanotify {
namespace {

constexpr std::size_t kBufferBytes = 512 * 1024;
constexpr std::uint64_t kEvents = FAN_CREATE | FAN_DELETE | FAN_MODIFY | FAN_CLOSE_WRITE |
                                  FAN_ATTRIB | FAN_DELETE_SELF | FAN_ONDIR;
// Since Linux 6.5: a handle that need not be openable, for file systems that cannot do more.
constexpr int kAtHandleFid = 0x200;
constexpr unsigned kHandleBytesMax = MAX_HANDLE_SZ;

Status ErrorOf(int error, const char* doing) {
  const std::string text = std::string(doing) + ": " + std::strerror(error);
  switch (error) {
    case EPERM:
    case EACCES:
      return {Code::kPermissionDenied, text};
    case EMFILE:
    case ENFILE:
    case ENOSPC:
    case ENOMEM:
      return {Code::kResourceExhausted, text};
    default:
      return {Code::kUnimplemented, text};
  }
}

}  // namespace

Fanotify::Fanotify(int fd) : fd_(fd), buffer_(kBufferBytes) {}

Fanotify::~Fanotify() { close(fd_); }

Result<std::unique_ptr<Fanotify>> Fanotify::Open() {
  constexpr unsigned kFlags = FAN_CLASS_NOTIF | FAN_REPORT_DFID_NAME | FAN_CLOEXEC | FAN_NONBLOCK;
  // With the privilege that marks need anyway the queue has no limit: this process drains it all
  // the time and bounds what it keeps.
  int fd = fanotify_init(kFlags | FAN_UNLIMITED_QUEUE | FAN_UNLIMITED_MARKS, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == EPERM) fd = fanotify_init(kFlags, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrorOf(errno, "fanotify_init");
  return std::unique_ptr<Fanotify>(new Fanotify(fd));
}

Status Fanotify::Mark(int dirfd) {
  constexpr unsigned kFlags = FAN_MARK_ADD | FAN_MARK_FILESYSTEM;
  if (fanotify_mark(fd_, kFlags, kEvents | FAN_RENAME, dirfd, nullptr) == 0) return {};
  // Before Linux 5.17 a rename is two events that nothing ties together.
  if (errno == EINVAL &&
      fanotify_mark(fd_, kFlags, kEvents | FAN_MOVED_FROM | FAN_MOVED_TO, dirfd, nullptr) == 0) {
    return {};
  }
  return ErrorOf(errno, "fanotify_mark");
}

Status Fanotify::Cover(env::DirKey key, int dirfd, std::uint64_t fsid) {
  alignas(file_handle) std::byte space[sizeof(file_handle) + kHandleBytesMax];
  auto* handle = new (space) file_handle{};
  handle->handle_bytes = kHandleBytesMax;
  int mount = 0;
  int got = name_to_handle_at(dirfd, "", handle, &mount, AT_EMPTY_PATH);
  if (got != 0 && errno == EOPNOTSUPP) {
    handle->handle_bytes = kHandleBytesMax;
    got = name_to_handle_at(dirfd, "", handle, &mount, AT_EMPTY_PATH | kAtHandleFid);
  }
  if (got != 0) return ErrorOf(errno, "name_to_handle_at");
  const std::span<const std::byte> bytes(space + sizeof(file_handle), handle->handle_bytes);
  const HandleHash hash =
      HashHandle(std::as_bytes(std::span(&fsid, 1)), handle->handle_type, bytes);
  const std::scoped_lock lock(mutex_);
  table_.Added(hash, key);
  return {};
}

void Fanotify::Uncover(env::DirKey key) {
  const std::scoped_lock lock(mutex_);
  table_.Remove(key);
}

bool Fanotify::Read(std::vector<env::TreeEvent>* events) {
  ssize_t n = 0;
  do {
    n = read(fd_, buffer_.data(), buffer_.size());
  } while (n < 0 && errno == EINTR);
  const std::scoped_lock lock(mutex_);
  if (n <= 0) {
    table_.QueueEmptied();
    return false;
  }
  table_.Decode(std::span(buffer_).first(static_cast<std::size_t>(n)), events);
  return true;
}

std::uint64_t Fanotify::covered() const {
  const std::scoped_lock lock(mutex_);
  return table_.size();
}

std::uint64_t Fanotify::unknown() const {
  const std::scoped_lock lock(mutex_);
  return table_.unknown();
}

}  // namespace fustor::fanotify
